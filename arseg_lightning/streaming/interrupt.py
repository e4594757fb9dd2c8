"""Ctrl-C between frames instead of within them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self, TypeVar

__all__ = ["Interrupt"]

Item = TypeVar("Item")


class Interrupt:
    """Takes the first Ctrl-C (or SIGTERM) as a wish to stop, so that a frame is finished first.

    Waiting for a frame that may never come ends at once; a second Ctrl-C is the usual exception.
    Other threads than the main one get no signals: there nothing changes.

    Attributes:
        wanted: Whether a stop is wanted.
    """

    def __init__(self) -> None:
        self.wanted = False
        self._waiting = False
        self._handlers_before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Install the signal handlers."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._handlers_before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        """Restore the handlers from before."""
        for number, handler in self._handlers_before.items():
            signal.signal(number, handler)

    def until_wanted(self, items: Iterator[Item]) -> Iterator[Item]:
        """Items until a stop is wanted."""
        while not self.wanted:
            self._waiting = True
            try:
                item = next(items)
            except (StopIteration, KeyboardInterrupt):
                return
            finally:
                self._waiting = False
            yield item

    def _handle(self, number: int, frame: FrameType | None) -> None:
        is_second, self.wanted = self.wanted, True
        # While a frame is awaited nothing is half done.
        if self._waiting or is_second:
            raise KeyboardInterrupt
