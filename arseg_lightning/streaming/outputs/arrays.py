"""Label maps and what was done for them, as NumPy archives."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from arseg_lightning.methods import StreamResult
from arseg_lightning.streaming.outputs.output import Output, make_folder, naming_errors
from arseg_lightning.types import ClassSet

__all__ = ["LabelArrays"]

_CHUNK_BYTES = 32 * 2**20


class LabelArrays(Output):
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

    def __init__(self, folder: Path, classes: ClassSet, chunk_bytes: int = _CHUNK_BYTES) -> None:
        self.folder = Path(folder)
        self.chunk_bytes = chunk_bytes
        content = {"names": classes.names, "palette": classes.palette}
        self._classes = json.dumps(content, ensure_ascii=False)
        self._chunk: list[dict[str, Any]] = []
        self.num_frames = 0

    def __enter__(self) -> Self:
        """Make the folder, and see whether it takes files."""
        make_folder(self.folder)
        return self

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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the last archive."""
        if self._chunk:
            self._flush()

    @property
    def summary(self) -> str:
        """The folder."""
        return f"{self.folder} ({self.num_frames} frames)"

    def _flush(self) -> None:
        """Write an archive; it appears when it is complete."""
        chunk, self._chunk = self._chunk, []
        path = self.folder / f"{chunk[0]['index']:06d}.npz"
        partial = path.with_name(f".{path.stem}.partial.npz")
        columns: dict[str, Any] = {
            name: np.stack([frame[name] for frame in chunk]) for name in chunk[0]
        }
        try:
            with naming_errors(path, f"the {self.num_frames} frames before it are complete"):
                np.savez_compressed(partial, classes=np.array(self._classes), **columns)
                partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        self.num_frames += len(chunk)
