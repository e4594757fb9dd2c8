"""Outputs of a stream: label maps as images or NumPy archives, and a thread to write in."""

from __future__ import annotations

import json
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arseg_lightning.files import remedy_for, replacing
from arseg_lightning.methods import StreamResult
from arseg_lightning.types import RGB, ClassSet

__all__ = ["CannotWriteOutput", "InBackground", "LabelArrays", "LabelImages", "Output"]
__all__ += ["make_folder", "palette_table", "write_label"]


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

    def __exit__(self, *exception: Any) -> None:  # noqa: B027 - not all outputs need an end
        """Finish what was written."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """What was written, and where."""


class InBackground(Output):
    """An output in its own thread; errors there are raised at the next frame.

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
        self._queue.put(None)  # after all results: the thread ends when it gets there
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
        while (result := self._queue.get()) is not None:
            if self._error is None:  # after an error the queue is emptied, or the stream would wait
                try:
                    self.output.write(result)
                except BaseException as error:  # raised where the stream is
                    self._error = error


class _FolderOutput(Output):
    """Files in a folder, each complete when it appears, named after their first frame."""

    def __init__(self, folder: Path, classes: ClassSet) -> None:
        self.folder = Path(folder)
        self.classes = classes
        self.num_frames = 0

    def __enter__(self) -> Self:
        make_folder(self.folder)
        return self

    @property
    def summary(self) -> str:
        return f"{self.folder} ({self.num_frames} frames)"

    @contextmanager
    def _file(self, first: int, suffix: str, before: str) -> Iterator[Path]:
        """Path to write a file at, which gets its own name when it is complete."""
        path = self.folder / f"{first:06d}{suffix}"
        with (
            _naming_errors(path, f"the {before} before it are complete"),
            replacing(path, durable=False) as partial,  # a live stream does not wait for the disk
        ):
            yield partial


class LabelImages(_FolderOutput):
    """A PNG a frame, ``000012.png``: class indices that viewers show in the classes' colours."""

    def write(self, result: StreamResult) -> None:
        """Write the image of a frame."""
        with self._file(result.frame.index, ".png", f"{self.num_frames}") as path:
            write_label(result.labels, self.classes, path)
        self.num_frames += 1


class LabelArrays(_FolderOutput):
    """Compressed archives of some frames each, ``000000.npz`` after their first frame.

    An archive holds ``labels`` (N, H, W) uint8; for each frame ``index``, ``pts_seconds``,
    ``keyframe``, ``distance`` to the last one, ``role`` (of its steps, joined by ``+``),
    ``executed`` (of its last step, the share of the role's multiply-accumulates) and
    ``latency_ms``; and ``classes``, a JSON text of names and colours. Memory holds the frames of
    one archive.

    Args:
        folder: Their folder.
        classes: The classes.
        chunk_bytes: About how many bytes of labels an archive holds before it is compressed.
    """

    def __init__(self, folder: Path, classes: ClassSet, chunk_bytes: int = 32 * 2**20) -> None:
        super().__init__(folder, classes)
        self.chunk_bytes = chunk_bytes
        self._chunk: list[dict[str, Any]] = []

    def write(self, result: StreamResult) -> None:
        """Keep a frame until its archive is full."""
        if self._chunk and self._chunk[0]["labels"].shape != result.labels.shape:
            self._write_archive()
        self._chunk.append(
            {
                "labels": result.labels,
                "index": result.frame.index,
                "pts_seconds": result.frame.pts_seconds,
                "keyframe": result.is_keyframe,
                "distance": result.distance,
                "role": result.roles,
                "executed": result.executed[-1].share,
                "latency_ms": result.latency_ms,
            }
        )
        if len(self._chunk) * result.labels.nbytes >= self.chunk_bytes:
            self._write_archive()

    def __exit__(self, *exception: Any) -> None:
        """Write the last archive."""
        if self._chunk:
            self._write_archive()

    def _write_archive(self) -> None:
        chunk, self._chunk = self._chunk, []
        classes = {"names": self.classes.names, "palette": self.classes.palette}
        columns: dict[str, Any] = {
            "classes": np.array(json.dumps(classes, ensure_ascii=False)),
            **{name: np.stack([frame[name] for frame in chunk]) for name in chunk[0]},
        }
        with self._file(chunk[0]["index"], ".npz", f"{self.num_frames} frames") as path:
            np.savez_compressed(path, **columns)
        self.num_frames += len(chunk)


def write_label(label: NDArray[np.uint8], classes: ClassSet, path: Path) -> None:
    """Write class indices, (H, W), as a PNG that viewers show in the colours of the classes."""
    image = Image.fromarray(label)
    image.putpalette(palette_table(classes.palette).reshape(-1).tolist())
    # Large areas of one value become small at the lowest effort, in a third of the time.
    image.save(path, compress_level=1)


def palette_table(colours: tuple[RGB, ...]) -> NDArray[np.uint8]:
    """A colour for each uint8 value, (256, 3); black beyond the classes."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = colours
    return table


def make_folder(folder: Path) -> None:
    """Make a folder for results, and check that it takes files, before anything is decoded.

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
