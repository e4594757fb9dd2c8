"""Outputs of a stream, written at once or in a background thread."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from queue import Queue
from typing import Any, Self

from arseg_lightning.methods import StreamResult

__all__ = ["InBackground", "Output"]


class Output(ABC):
    """Takes the results of one stream in their order.

    Used in a ``with`` block: its start refuses what cannot be written before the first frame is
    decoded, and its end keeps what was written, however the block ends.
    """

    def __enter__(self) -> Self:
        """Make sure that results can be written."""
        return self

    @abstractmethod
    def write(self, result: StreamResult) -> None:
        """Take the next result."""

    def __exit__(self, *exception: Any) -> None:  # noqa: B027 - others need none
        """Finish what was written."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """What was written, and where."""


class InBackground(Output):
    """An output with a thread of its own; what goes wrong there is raised at the next frame.

    The end of the ``with`` block waits until all frames are written, whatever ended it.

    Args:
        output: Does the writing.
        ahead: Most results that wait to be written; then the stream waits.
    """

    def __init__(self, output: Output, ahead: int = 4) -> None:
        self.output = output
        self._queue: Queue[StreamResult | None] = Queue(ahead)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        """Start the output and its thread."""
        self.output.__enter__()
        self._thread.start()
        return self

    def write(self, result: StreamResult) -> None:
        """Hand the next result over."""
        if self._error is not None:
            raise self._error
        self._queue.put(result)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """Wait for the last result, and end the output."""
        self._queue.put(None)  # after all results: the thread ends when it comes to it
        self._thread.join()
        failure = error or self._error
        self.output.__exit__(type(failure) if failure else None, failure, trace)
        if error is None and self._error is not None:
            raise self._error

    @property
    def summary(self) -> str:
        """That of the output."""
        return self.output.summary

    def _work(self) -> None:
        """Write what comes; after an error, let it pass, so that nobody waits for ever."""
        while (result := self._queue.get()) is not None:
            if self._error is None:
                try:
                    self.output.write(result)
                except BaseException as error:  # raised where the stream is
                    self._error = error
