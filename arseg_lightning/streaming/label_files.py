"""Label maps as images and NumPy archives."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arseg_lightning.files import remedy_for, replacing
from arseg_lightning.methods import StreamResult
from arseg_lightning.streaming.output import Output
from arseg_lightning.types import RGB, ClassSet

__all__ = ["CannotWriteOutput", "LabelArrays", "LabelImages", "make_folder", "palette_table"]
__all__ += ["write_label"]


class CannotWriteOutput(OSError):
    """A result could not be written; what was written before stays as it is."""


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
        """Where to write a file, which gets its own name when it is whole."""
        path = self.folder / f"{first:06d}{suffix}"
        with (
            _naming_errors(path, f"the {before} before it are complete"),
            replacing(path, durable=False) as partial,  # a live stream does not wait for the disk
        ):
            yield partial


class LabelImages(_FolderOutput):
    """A PNG a frame, ``000012.png``: class indices that viewers show in the classes' colours.

    Args:
        folder: Where they are written.
        classes: The classes.
    """

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
        folder: Where they are written.
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
            self._flush()
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
            self._flush()

    def __exit__(self, *exception: Any) -> None:
        """Write the last archive."""
        if self._chunk:
            self._flush()

    def _flush(self) -> None:
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
