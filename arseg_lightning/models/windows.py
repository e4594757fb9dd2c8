"""Overlapping square windows along the longer side of an image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["Windows"]


@dataclass(frozen=True, slots=True)
class Windows:
    """Squares in a row that cover an image, whose shorter side is scaled to theirs.

    As few as can cover the longer side, evenly spaced: the first begins where it begins, the last
    ends where it ends.

    Args:
        size: Height and width of the scaled image.
        starts: Where each begins along the longer side, in pixels of the scaled image.

    Source: the semantic inference of EoMT (Kerssies et al., CVPR 2025) and its image processor in
        transformers.
    """

    size: tuple[int, int]
    starts: tuple[int, ...]

    @classmethod
    def over(cls, size: tuple[int, int], side: int) -> Windows:
        """Lay squares of a side over images of a height and width, both in pixels."""
        scale = side / min(size)
        scaled = round(size[0] * scale), round(size[1] * scale)
        longer = max(scaled)
        gaps = max(1, math.ceil(longer / side) - 1)
        # In whole numbers, so that the last one reaches the end.
        starts = (i * (longer - side) // gaps for i in range(math.ceil(longer / side)))
        return cls(scaled, tuple(starts))

    def cut(self, image: Tensor) -> Tensor:
        """Cut images, (B, C, H, W), to (n B, C, side, side): all first windows, all second ones."""
        if tuple(image.shape[-2:]) != self.size:
            # Shrunk images are smoothed, as Pillow does it for the authors.
            image = F.interpolate(
                image.float(), self.size, mode="bilinear", align_corners=False, antialias=True
            )
        return self._cut(image)

    def cut_labels(self, labels: Tensor) -> Tensor:
        """Cut labels, (B, H, W), to (n B, side, side), as :meth:`cut` does."""
        scaled = F.interpolate(labels[:, None].float(), self.size, mode="nearest-exact")
        return self._cut(scaled)[:, 0].to(labels.dtype)

    def average(self, maps: Tensor) -> Tensor:
        """Put maps, (n B, K, side, side), together: (B, K, *size), means where they overlap."""
        parts = maps.chunk(len(self.starts))
        total = maps.new_zeros(*parts[0].shape[:2], *self.size)
        count = maps.new_zeros(self.size)
        for start, part in zip(self.starts, parts, strict=True):
            self._window(total, start).add_(part)
            self._window(count, start).add_(1)
        return total / count

    def _cut(self, maps: Tensor) -> Tensor:
        return torch.cat([self._window(maps, start) for start in self.starts])

    def _window(self, maps: Tensor, start: int) -> Tensor:
        return maps.narrow(-2 if self.size[0] > self.size[1] else -1, start, min(self.size))
