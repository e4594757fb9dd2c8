"""Label maps and what was done for them, as NumPy archives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from arseg_lightning.methods import StreamResult
from arseg_lightning.streaming.outputs.output import FolderOutput
from arseg_lightning.types import ClassSet

__all__ = ["LabelArrays"]


class LabelArrays(FolderOutput):
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
        content = {"names": self.classes.names, "palette": self.classes.palette}
        columns: dict[str, Any] = {
            "classes": np.array(json.dumps(content, ensure_ascii=False)),
            **{name: np.stack([frame[name] for frame in chunk]) for name in chunk[0]},
        }
        with self._file(chunk[0]["index"], ".npz", f"{self.num_frames} frames") as path:
            np.savez_compressed(path, **columns)
        self.num_frames += len(chunk)
