"""Normalisation of images, and its inverse."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from arseg_lightning.ranges import check_above

__all__ = ["Normalisation"]


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation that networks expect, of RGB in [0, 1].

    Args:
        mean: Mean of R, G and B; ImageNet's by default.
        std: Standard deviation of R, G and B.

    Raises:
        ValueError: If a number is not finite, or a deviation not above 0.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_above(-math.inf, mean=self.mean)
        check_above(0, std=self.std)

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise images of shape (..., 3, H, W) in [0, 255]; uint8 becomes float32."""
        # The new tensor is changed in place: memory is what this waits for.
        is_pixels = images.dtype == torch.uint8
        scaled = images.contiguous().float().div_(255.0) if is_pixels else images / 255.0
        mean, std = self._statistics(scaled).unbind()
        return scaled.sub_(mean).div_(std)

    def undo(self, images: Tensor) -> Tensor:
        """Turn normalised images back into uint8 pixels."""
        mean, std = self._statistics(images).unbind()
        return ((images * std + mean) * 255.0).round().clamp(0, 255).to(torch.uint8)

    def _statistics(self, images: Tensor) -> Tensor:
        return images.new_tensor([self.mean, self.std])[..., None, None]  # (2, 3, 1, 1)
