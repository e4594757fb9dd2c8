"""Label maps as pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arseg_lightning.methods import StreamResult
from arseg_lightning.streaming.outputs.output import FolderOutput
from arseg_lightning.types import RGB, ClassSet

__all__ = ["LabelImages", "palette_table", "write_label"]

_COMPRESSION = 1
"""Large areas of one value become small at the lowest effort, in a third of the time."""


class LabelImages(FolderOutput):
    """A PNG a frame, ``000012.png``: class indices that viewers show in the classes' colours."""

    def write(self, result: StreamResult) -> None:
        """Write the picture of a frame."""
        with self._file(result.frame.index, ".png", f"{self.num_frames}") as path:
            write_label(result.labels, self.classes, path)
        self.num_frames += 1


def write_label(label: NDArray[np.uint8], classes: ClassSet, path: Path) -> None:
    """Write class indices as a PNG that viewers show in the colours of the classes.

    Shapes:
        label: (H, W), class indices
    """
    image = Image.fromarray(label)
    image.putpalette(palette_table(classes.palette).reshape(-1).tolist())
    image.save(path, compress_level=_COMPRESSION)


def palette_table(colours: tuple[RGB, ...]) -> NDArray[np.uint8]:
    """A colour for each uint8 value, (256, 3); black beyond the classes."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = colours
    return table
