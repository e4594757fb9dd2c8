"""Augmentation of clips: geometry under the motion law, photometry by albumentations."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arseg_lightning.geometry import crop, flip, flip_motion, resize, resize_labels, resize_motion
from arseg_lightning.ranges import check_above, check_range

if TYPE_CHECKING:
    import albumentations

__all__ = ["ClipAugment", "RawClip"]

_Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class RawClip:
    """A clip before normalisation."""

    images: Tensor  # (T, 3, H, W) in [0, 255]; uint8 costs least, and stays uint8
    labels: Tensor  # (T, H, W) of any integers
    motion: Tensor | None = None  # (T, 2, H, W) float32, backward, in pixels, if needed
    valid: Tensor | None = None  # (T, H, W) bool, where motion is known

    def each(self, images: _Change, labels: _Change, motion: _Change) -> RawClip:
        """Transform all parts: labels and what is valid alike, motion with its vectors."""
        return RawClip(
            images(self.images),
            labels(self.labels),
            None if self.motion is None else motion(self.motion),
            None if self.valid is None else labels(self.valid),
        )


class ClipAugment:
    """Random photometry, flip, scale and crop; the same draw for all frames of a clip.

    Args:
        crop_size: Height and width of the crop; None keeps whole frames (then batches need
            frames of one size). A scaled frame that is smaller is enlarged to cover the crop.
        scales: Scales to choose from, uniformly.
        jitter: Brightness, contrast and saturation factors are drawn from [1 - j, 1 + j].
        flip_probability: How often a clip is mirrored left to right.

    Source: Hu et al., CVPR 2023, training settings for CamVid (the defaults).
    Differs: their code forgets to scale the motion when it enlarges a small frame.
    """

    def __init__(
        self,
        crop_size: tuple[int, int] | None = (720, 960),
        scales: tuple[float, ...] = (0.5, 0.675, 0.75, 0.875, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5),
        jitter: float = 0.5,
        flip_probability: float = 0.5,
    ) -> None:
        if not scales:
            raise ValueError("scales are at least one, got (); [1.0] leaves the size alone")
        check_above(0, scales=scales)
        check_range(1, crop_size=crop_size)
        check_range(0, 1, jitter=jitter, flip_probability=flip_probability)
        self.crop_size = crop_size
        self.scales = scales
        self.jitter = jitter
        self.flip_probability = flip_probability
        self._photometry: albumentations.Compose | None = None

    def colours(
        self, images: NDArray[np.uint8], generator: np.random.Generator
    ) -> NDArray[np.uint8]:
        """Change brightness, contrast and saturation of all frames alike.

        Shapes:
            images: (T, H, W, 3)   returns: (T, H, W, 3)
        """
        if self.jitter == 0:
            return images
        if self._photometry is None:
            self._photometry = _photometry(self.jitter)
        # The library's own random state repeats in DataLoader workers; ours never does.
        self._photometry.set_random_seed(int(generator.integers(2**31)))
        changed: NDArray[np.uint8] = self._photometry(images=images)["images"]
        return changed

    def geometry(self, clip: RawClip, generator: np.random.Generator) -> RawClip:
        """Flip, scale and crop images, motion and labels together.

        The window is cut out first, then mirrored, and then resized to the crop's size: the same
        image as by mirroring and scaling first, for less work. Only at the window's own border is
        it another, where scaling first would look at pixels beyond.
        """
        # The order of draws decides every run: flip, scale, top, left.
        mirror = generator.random() < self.flip_probability
        scale = float(generator.choice(self.scales))
        if self.crop_size is None:
            return clip.each(flip, flip, flip_motion) if mirror else clip
        size = (clip.images.shape[-2], clip.images.shape[-1])
        # A scaled frame covers the crop.
        scale = max(scale, self.crop_size[0] / size[0], self.crop_size[1] / size[1])
        height, width = (
            min(side, max(1, round(crop_side / scale)))
            for side, crop_side in zip(size, self.crop_size, strict=True)
        )
        top = int(generator.integers(size[0] - height + 1))
        left = int(generator.integers(size[1] - width + 1))
        if mirror:  # the draw is of the mirrored frame's window
            left = size[1] - width - left
        cut = partial(crop, top=top, left=left, height=height, width=width)
        clip = clip.each(cut, cut, cut)
        if mirror:
            clip = clip.each(flip, flip, flip_motion)
        kinds = (resize, resize_labels, resize_motion)  # vectors grow with the grid
        # (T, ..., h, w) -> (T, ..., H, W)
        return clip.each(*(partial(kind, size=self.crop_size) for kind in kinds))


def _photometry(jitter: float) -> albumentations.Compose:
    """Build the colour transform."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # its import asks the network otherwise
    import albumentations  # takes half a second, and only training needs it

    factor = (max(0.0, 1 - jitter), 1 + jitter)
    return albumentations.Compose(
        [albumentations.ColorJitter(factor, factor, factor, hue=(0, 0), p=1.0)]
    )


def to_pixels(images: NDArray[np.uint8]) -> Tensor:
    """Bring frames to the order of axes of networks, without a copy.

    Shapes:
        images: (T, H, W, 3) uint8   returns: (T, 3, H, W) uint8
    """
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)


def to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """Bring frames to the layout of networks.

    Shapes:
        images: (T, H, W, 3) uint8   returns: (T, 3, H, W) float32 in [0, 255]
    """
    return to_pixels(images).float()
