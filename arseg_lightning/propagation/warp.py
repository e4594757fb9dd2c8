"""Backward warp: bring a keyframe's feature to the current frame along its motion."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.geometry import resize_motion

__all__ = ["Convention", "motion_to_grid", "warp", "warp_to"]

Convention = Literal["exact", "paper"]
"""``exact`` follows the motion law; ``paper`` is what the published weights were trained with."""


def warp(feature: Tensor, motion: Tensor, convention: Convention = "exact") -> Tensor:
    """Fetch every pixel from where it was: ``out(p) = feature(p + motion(p))``, bilinear.

    Args:
        feature: The propagated feature, of any floating type.
        motion: Backward motion in pixels of the feature's grid (see :func:`motion_to_grid`).
        convention: ``"exact"``: zero motion is the identity, and motion that points outside
            fetches the nearest border pixel. ``"paper"``: the published code's sampling, which is
            displaced by up to half a pixel away from the centre and fetches zeros outside.

    Shapes:
        feature: (B, C, H, W)   motion: (B, 2, H, W)   returns: (B, C, H, W)

    Raises:
        ValueError: If the motion is not on the feature's grid.

    Source: Hu et al., CVPR 2023 (AR-Seg), the warp before CReFF.
    Differs: ``"exact"`` neither shifts nor darkens; ``"paper"`` reproduces the official code.
    """
    if motion.shape != (feature.shape[0], 2, *feature.shape[-2:]):
        raise ValueError(
            f"motion {tuple(motion.shape)} is not on the grid of the feature "
            f"{tuple(feature.shape)}; bring it there with motion_to_grid"
        )
    source = feature.to(torch.promote_types(feature.dtype, torch.float32))
    sample = _sample_exactly if convention == "exact" else _sample_as_published
    return sample(source, *_positions(motion)).to(feature.dtype)


def warp_to(
    feature: Tensor, motion: Tensor, convention: Convention = "exact", training: bool = False
) -> Tensor:
    """Warp a feature along motion that is given on the image's grid.

    Args:
        feature: The propagated feature, on its own grid.
        motion: Backward motion in pixels of the image.
        convention: See :func:`warp` and :func:`motion_to_grid`.
        training: See :func:`motion_to_grid`.

    Shapes:
        feature: (B, C, h, w)   motion: (B, 2, H, W)   returns: (B, C, h, w)
    """
    size = (feature.shape[-2], feature.shape[-1])
    return warp(feature, motion_to_grid(motion, size, convention, training), convention)


def motion_to_grid(
    motion: Tensor,
    size: tuple[int, int],
    convention: Convention = "exact",
    training: bool = False,
) -> Tensor:
    """Bring motion from the image's grid to a feature's grid, in pixels of that grid.

    Args:
        motion: Backward motion in pixels of its own grid.
        size: Height and width of the feature.
        convention: ``"exact"`` scales each axis by its own factor; ``"paper"`` scales both by the
            ratio of the heights and resizes with aligned corners.
        training: Whether a network is being trained: ``paper`` then takes the nearest vectors.

    Shapes:
        motion: (B, 2, H, W)   returns: (B, 2, *size)
    """
    if convention == "exact":
        return resize_motion(motion, size)
    if training:
        resized = F.interpolate(motion, size=size, mode="nearest")
    else:
        resized = F.interpolate(motion, size=size, mode="bilinear", align_corners=True)
    return resized * (size[0] / motion.shape[-2])


def _positions(motion: Tensor) -> tuple[Tensor, Tensor]:
    """Where to fetch each pixel, x and y in pixels, each (B, H, W)."""
    dtype = torch.promote_types(motion.dtype, torch.float32)
    height, width = motion.shape[-2:]
    x = torch.arange(width, device=motion.device, dtype=dtype) + motion[:, 0]
    y = torch.arange(height, device=motion.device, dtype=dtype)[:, None] + motion[:, 1]
    return x, y


def _sample_exactly(feature: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Sample such that whole pixels come back bit for bit, and the border goes on outside."""
    height, width = feature.shape[-2:]
    # grid_sample wants positions in [-1, 1]. Whole pixels survive the way there and back without
    # rounding only if the sides are powers of two; what is added is never looked at.
    rows, columns = 1 << (height - 1).bit_length(), 1 << (width - 1).bit_length()
    canvas = F.pad(feature, (0, columns - width, 0, rows - height))
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    grid = torch.stack(((2 * x + 1) / columns - 1, (2 * y + 1) / rows - 1), dim=-1)
    return F.grid_sample(canvas, grid.to(feature.dtype), align_corners=False)


def _sample_as_published(feature: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Sample as the official code: positions for aligned corners, read as for unaligned ones."""
    height, width = feature.shape[-2:]
    grid = torch.stack((2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1), dim=-1)
    return F.grid_sample(feature, grid.to(feature.dtype), align_corners=False)
