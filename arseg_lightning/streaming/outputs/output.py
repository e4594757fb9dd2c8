"""What becomes of results: anything with a ``write``, used in a ``with`` block."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from arseg_lightning.methods import StreamResult
from arseg_lightning.video.writing import remedy_for

__all__ = ["CannotWriteOutput", "Output", "ToFunction", "make_folder", "naming_errors"]


class CannotWriteOutput(OSError):
    """A result could not be written; what was written before stays as it is."""


class Output(ABC):
    """Takes the results of one stream in their order.

    Used in a ``with`` block: its start refuses what cannot be written before the first frame is
    decoded, and its end keeps what was written, however the block ends.
    """

    @abstractmethod
    def __enter__(self) -> Self:
        """Make sure that results can be written."""

    @abstractmethod
    def write(self, result: StreamResult) -> None:
        """Take the next result."""

    @abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish what was written."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """What was written, and where."""


class ToFunction(Output):
    """Hands results to a function.

    Args:
        function: Is called with each result.
    """

    def __init__(self, function: Callable[[StreamResult], object]) -> None:
        self.function = function
        self.num_frames = 0

    def __enter__(self) -> Self:
        return self

    def write(self, result: StreamResult) -> None:
        """Call the function."""
        self.function(result)
        self.num_frames += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to finish."""

    @property
    def summary(self) -> str:
        """How often the function was called."""
        return f"a function ({self.num_frames} frames)"


def make_folder(folder: Path) -> None:
    """Make a folder for results, and see whether it takes files, before anything is decoded.

    Raises:
        CannotWriteOutput: If it cannot be made, or takes none.
    """
    with naming_errors(folder, "nothing was decoded"):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


@contextmanager
def naming_errors(path: Path, kept: str) -> Iterator[None]:
    """Say what could not be written, what to do, and what stays."""
    try:
        yield
    except OSError as error:
        remedy = remedy_for(error, "choose another output folder")
        raise CannotWriteOutput(
            f"{path} cannot be written ({error.strerror or error}); {remedy}; {kept}"
        ) from error
