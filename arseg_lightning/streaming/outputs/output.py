"""What becomes of results: anything with a ``write``, used in a ``with`` block."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from arseg_lightning.files import remedy_for, replacing
from arseg_lightning.methods import StreamResult
from arseg_lightning.types import ClassSet

__all__ = ["CannotWriteOutput", "FolderOutput", "Output", "make_folder"]


class CannotWriteOutput(OSError):
    """A result could not be written; what was written before stays as it is."""


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


class FolderOutput(Output):
    """Files in a folder, each complete when it appears, named after their first frame.

    Args:
        folder: Where they are written.
        classes: The classes.
    """

    def __init__(self, folder: Path, classes: ClassSet) -> None:
        self.folder = Path(folder)
        self.classes = classes
        self.num_frames = 0

    def __enter__(self) -> Self:
        make_folder(self.folder)
        return self

    @property
    def summary(self) -> str:
        """The folder."""
        return f"{self.folder} ({self.num_frames} frames)"

    @contextmanager
    def _file(self, first: int, suffix: str, before: str) -> Iterator[Path]:
        """Where to write a file, which gets its own name when it is whole."""
        path = self.folder / f"{first:06d}{suffix}"
        with (
            _naming_errors(path, f"the {before} before it are complete"),
            replacing(path, durable=False) as partial,  # a live stream does not wait for the disk
        ):
            yield partial


def make_folder(folder: Path) -> None:
    """Make a folder for results, and see whether it takes files, before anything is decoded.

    Raises:
        CannotWriteOutput: If it cannot be made, or takes none.
    """
    with _naming_errors(folder, "nothing was decoded"):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


@contextmanager
def _naming_errors(path: Path, kept: str) -> Iterator[None]:
    """Say what could not be written, what to do, and what stays."""
    try:
        yield
    except OSError as error:
        remedy = remedy_for(error, "choose another output folder")
        raise CannotWriteOutput(
            f"{path} cannot be written ({error.strerror or error}); {remedy}; {kept}"
        ) from error
