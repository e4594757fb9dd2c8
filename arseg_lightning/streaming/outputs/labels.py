"""Label maps as pictures."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arseg_lightning.methods import StreamResult
from arseg_lightning.streaming.outputs.output import Output, make_folder, naming_errors
from arseg_lightning.streaming.outputs.palette import palette_table
from arseg_lightning.types import ClassSet

__all__ = ["LabelImages", "write_label"]


class LabelImages(Output):
    """A PNG a frame, ``000012.png``: class indices that viewers show in the classes' colours.

    Args:
        folder: Where they are written.
        classes: The classes.
    """

    def __init__(self, folder: Path, classes: ClassSet) -> None:
        self.folder = Path(folder)
        self.classes = classes
        self.num_frames = 0

    def __enter__(self) -> Self:
        """Make the folder, and see whether it takes files."""
        make_folder(self.folder)
        return self

    def write(self, result: StreamResult) -> None:
        """Write the picture of a frame."""
        path = self.folder / f"{result.frame.index:06d}.png"
        try:
            with naming_errors(path, f"the {self.num_frames} before it are complete"):
                write_label(result.labels, self.classes, path)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        self.num_frames += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Each picture is complete already."""

    @property
    def summary(self) -> str:
        """The folder."""
        return f"{self.folder} ({self.num_frames} frames)"


def write_label(label: NDArray[np.uint8], classes: ClassSet, path: Path) -> None:
    """Write class indices as a PNG that viewers show in the colours of the classes.

    Shapes:
        label: (H, W), class indices
    """
    image = Image.fromarray(label)
    image.putpalette(palette_table(classes.palette).reshape(-1).tolist())
    image.save(path, compress_level=_COMPRESSION)


_COMPRESSION = 1
"""Large areas of one value become small at the lowest effort, in a third of the time."""
