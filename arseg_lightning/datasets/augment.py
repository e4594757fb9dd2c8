"""Augmentation of clips: geometry under the motion law, photometry by albumentations."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arseg_lightning.geometry import crop, flip, flip_motion, resize, resize_labels, resize_motion

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # its import asks the network otherwise

import albumentations

__all__ = ["ClipAugment", "RawClip"]


@dataclass(frozen=True, slots=True)
class RawClip:
    """A clip before normalisation.

    Args:
        images: (T, 3, H, W) float32 in [0, 255].
        motion: (T, 2, H, W) float32, backward motion to the keyframe in pixels.
        labels: (T, H, W) int64.
    """

    images: Tensor
    motion: Tensor
    labels: Tensor


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
        if not scales or min(scales) <= 0:
            raise ValueError(f"scales are positive and at least one, got {scales}")
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

        The window is cut out first and then brought to the crop's size: the same picture as
        scaling first, for less work.
        """
        if generator.random() < self.flip_probability:
            clip = RawClip(flip(clip.images), flip_motion(clip.motion), flip(clip.labels))
        scale = float(generator.choice(self.scales))
        if self.crop_size is None:
            return clip
        size = (clip.images.shape[-2], clip.images.shape[-1])
        scale = max(scale, self.crop_size[0] / size[0], self.crop_size[1] / size[1])
        height, width = (
            min(side, max(1, round(crop_side / scale)))
            for side, crop_side in zip(size, self.crop_size, strict=True)
        )
        top = int(generator.integers(size[0] - height + 1))
        left = int(generator.integers(size[1] - width + 1))
        window = (top, left, height, width)
        cut = RawClip(
            crop(clip.images, *window), crop(clip.motion, *window), crop(clip.labels, *window)
        )
        return _resize_clip(cut, self.crop_size)


def _resize_clip(clip: RawClip, size: tuple[int, int]) -> RawClip:
    """Resize all parts of a clip, each by its own law."""
    return RawClip(
        resize(clip.images, size),
        resize_motion(clip.motion, size),
        resize_labels(clip.labels, size),
    )


def _photometry(jitter: float) -> albumentations.Compose:
    """Build the colour transform."""
    factor = (max(0.0, 1 - jitter), 1 + jitter)
    return albumentations.Compose(
        [albumentations.ColorJitter(factor, factor, factor, hue=(0, 0), p=1.0)]
    )


def to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """Bring frames to the layout of networks.

    Shapes:
        images: (T, H, W, 3) uint8   returns: (T, 3, H, W) float32 in [0, 255]
    """
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
