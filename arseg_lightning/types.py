"""Data types that all layers share: frames, motion, clips and class sets."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = ["BLOCK_SIZE", "ClassSet", "Clip", "ClipBatch", "Frame", "Motion"]
__all__ += ["parse_size", "scaled_size", "size_text"]

BLOCK_SIZE = 4
"""Side in pixels of the cells on which raw motion is stored: the smallest block of H.264."""

RGB = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded video frame.

    Args:
        index: Position in the video in display order, from 0.
        pts_seconds: Presentation time in seconds from the start of the stream.
        picture_type: ``"I"``, ``"P"`` or ``"B"``.
        image: RGB pixels, uint8 of shape (H, W, 3).
    """

    index: int
    pts_seconds: float
    picture_type: str
    image: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            got = f"{self.image.dtype} {self.image.shape}"
            raise ValueError(f"a frame is a uint8 array of shape (H, W, 3), got {got}")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[0], self.image.shape[1]


@dataclass(frozen=True, slots=True)
class Motion:
    """A backward motion field: where each pixel of a frame was in its reference frame.

    The law: ``current(p) = reference(p + xy(p))``. Channel 0 is x (right), channel 1 is y (down),
    both in pixels of the field's own grid.

    Args:
        xy: Displacement, float32 of shape (2, H, W).
        valid: False where no vector led to the reference and the motion was filled in
            (intra-coded blocks), bool of shape (H, W).

    Raises:
        ValueError: If the shapes or types are not those above.
    """

    xy: NDArray[np.float32]
    valid: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.xy.ndim != 3 or self.xy.shape[0] != 2 or self.xy.dtype != np.float32:
            got = f"{self.xy.dtype} {self.xy.shape}"
            raise ValueError(f"motion is float32 of shape (2, H, W), got {got}")
        if self.valid.shape != self.xy.shape[1:] or self.valid.dtype != np.bool_:
            got = f"{self.valid.dtype} {self.valid.shape}"
            raise ValueError(f"valid is bool of shape {self.xy.shape[1:]}, got {got}")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the field's grid."""
        return self.xy.shape[1], self.xy.shape[2]

    @classmethod
    def zero(cls, height: int, width: int) -> Motion:
        """The motion of a frame to itself."""
        return cls(np.zeros((2, height, width), np.float32), np.ones((height, width), np.bool_))

    @classmethod
    def nowhere(cls, height: int, width: int) -> Motion:
        """The motion of a frame that nothing predicts: zero, and nowhere valid."""
        return cls(np.zeros((2, height, width), np.float32), np.zeros((height, width), np.bool_))


@dataclass(slots=True)
class Clip:
    """Consecutive or chosen frames of a sequence, in order: one training sample.

    Args:
        images: Normalised RGB, float32 of shape (T, 3, H, W).
        labels: Class of each pixel, int64 of shape (T, H, W); ``ignore_index`` throughout where
            a frame has no label.
        distances: Frames between each frame and the first, int64 of shape (T,); the first is 0.
        names: One name a frame, for files and messages.
        motion: Backward motion, float32 of shape (T, 2, H, W), in pixels, from each frame to the
            first or to the one before it, as a method needs it; zero for the first. That of frames
            after the labelled one leads to it instead of the first. None if none is needed.
        valid: False where motion was filled in, bool of shape (T, H, W).
        target: A clip of another data set, without labels, for methods that adapt to it.

    Raises:
        ValueError: If the parts do not belong together.
    """

    images: torch.Tensor
    labels: torch.Tensor
    distances: torch.Tensor
    names: tuple[Any, ...]
    motion: torch.Tensor | None = None
    valid: torch.Tensor | None = None
    target: Self | None = None

    _num_axes: ClassVar[int] = 1
    """Axes before those of a frame."""

    def __post_init__(self) -> None:
        axes = tuple(self.images.shape[: self._num_axes])  # (T,) or (B, T)
        size = tuple(self.images.shape[-2:])  # (H, W)
        expected = {
            "images": (*axes, 3, *size),
            "motion": (*axes, 2, *size),
            "valid": (*axes, *size),
            "labels": (*axes, *size),
            "distances": axes,
        }
        for name, shape in expected.items():
            part = getattr(self, name)
            if part is not None and tuple(part.shape) != shape:
                raise ValueError(f"{name} should be {shape}, got {tuple(part.shape)}")


@dataclass(slots=True)
class ClipBatch(Clip):
    """Clips of one length and size, stacked: the fields of :class:`Clip` after a batch axis.

    There is one tuple of names a clip. Lightning moves, converts and counts a batch, as it is a
    plain data class of tensors.
    """

    _num_axes = 2

    def motion_of(self, frame: int) -> torch.Tensor:
        """The motion of one frame of each clip, (B, 2, H, W).

        Raises:
            ValueError: If the clips come without motion.
        """
        if self.motion is None:
            raise ValueError("these clips come without motion; declare it in the method's needs")
        return self.motion[:, frame]

    def pin_memory(self) -> ClipBatch:
        """The same batch in page-locked memory (called by the DataLoader)."""
        for name in ("images", "labels", "distances", "motion", "valid"):
            if (part := getattr(self, name)) is not None:
                setattr(self, name, part.pin_memory())
        if self.target is not None:
            self.target.pin_memory()
        return self


@dataclass(frozen=True, slots=True)
class ClassSet:
    """The classes of a data set, and how its label files encode them.

    Args:
        name: Short name, such as ``camvid11``.
        names: Name of each class, by class index.
        palette: Colour in which each class is shown.
        ignore_index: Label value that training and evaluation leave out.
        void_values: Further values of single-channel label files that mean "leave out".
        file_values: For single-channel label files whose values are not the class indices: value
            in the file to class index. Empty if they are.
        file_colours: For colour-coded label files: RGB in the file to class index; every other
            colour is left out. Empty if the data set has no such files.
        void_colours: Colours of such files that mean "leave out"; black, unless it is a class.
    """

    name: str
    names: tuple[str, ...]
    palette: tuple[RGB, ...]
    ignore_index: int = 255
    void_values: tuple[int, ...] = ()
    file_values: dict[int, int] = field(default_factory=dict)
    file_colours: dict[RGB, int] = field(default_factory=dict)
    void_colours: tuple[RGB, ...] = ((0, 0, 0),)

    def __post_init__(self) -> None:
        if len(self.palette) != len(self.names):
            raise ValueError(
                f"class set {self.name!r} has {len(self.names)} names "
                f"and {len(self.palette)} palette colours; give one colour a class"
            )

    @property
    def num_classes(self) -> int:
        """Number of classes that are trained and evaluated."""
        return len(self.names)


def scaled_size(
    size: tuple[int, int], resolution_ratio: float, truncates: bool = False
) -> tuple[int, int]:
    """Height and width at a resolution ratio, in whole pixels.

    Args:
        size: Height and width of the full image.
        resolution_ratio: Scale s.
        truncates: Whether to round down, as the paper's code does (503 rows instead of 504 at
            0.7 x 720), instead of to the nearest pixel.
    """
    whole = math.floor if truncates else round
    height, width = (max(1, whole(side * resolution_ratio)) for side in size)
    return height, width


def size_text(size: Sequence[int]) -> str:
    """A height and a width for messages, such as ``720x960``."""
    return f"{size[0]}x{size[1]}"


def parse_size(text: str) -> tuple[int, int]:
    """Height and width of the option ``--size``, such as 720x960.

    Raises:
        ValueError: If the text is no size.
    """
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None or "0" in found.groups():
        raise ValueError(f"--size is height x width in pixels, such as 720x960; got {text!r}")
    return int(found[1]), int(found[2])
