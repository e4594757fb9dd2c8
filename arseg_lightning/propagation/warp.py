"""Backward warp of a keyframe's feature to the current frame, along its motion."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.geometry import resize_motion

__all__ = ["Convention", "invert_motion", "motion_to_grid", "warp", "warp_to"]

Convention = Literal["exact", "paper"]
"""``exact`` follows the motion law; the published weights were trained with ``paper``."""


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
    height, width = feature.shape[-2:]
    source = feature.to(torch.promote_types(feature.dtype, torch.float32))
    motion = motion.to(torch.promote_types(motion.dtype, torch.float32))
    # Positions to fetch from, in pixels, (B, H, W) each.
    x = torch.arange(width, device=motion.device, dtype=motion.dtype) + motion[:, 0]
    y = torch.arange(height, device=motion.device, dtype=motion.dtype)[:, None] + motion[:, 1]
    if convention == "exact":
        # grid_sample wants positions in [-1, 1]. Whole pixels survive the way there and back
        # without rounding only if the sides are powers of two; the padding is never sampled.
        rows, columns = 1 << (height - 1).bit_length(), 1 << (width - 1).bit_length()
        source = F.pad(source, (0, columns - width, 0, rows - height))
        x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
        x, y = (2 * x + 1) / columns - 1, (2 * y + 1) / rows - 1
    else:
        # As in the official code: positions for aligned corners, read as for unaligned ones.
        x, y = 2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1
    grid = torch.stack((x, y), dim=-1).to(source.dtype)  # (B, H, W, 2)
    return F.grid_sample(source, grid, align_corners=False).to(feature.dtype)


def warp_to(
    feature: Tensor, motion: Tensor, convention: Convention = "exact", training: bool = False
) -> Tensor:
    """Warp a feature along motion that is given on the image's grid.

    The other arguments are those of :func:`warp` and :func:`motion_to_grid`.

    Shapes:
        feature: (B, C, h, w)   motion: (B, 2, H, W)   returns: (B, C, h, w)
    """
    size = (feature.shape[-2], feature.shape[-1])
    return warp(feature, motion_to_grid(motion, size, convention, training), convention)


def invert_motion(motion: Tensor) -> tuple[Tensor, Tensor]:
    """Turn the motion of a later frame to this one into that of this one to the later frame.

    A pixel p of this frame is at q of the later one if ``q + motion(q) = p``. That is solved for q
    by putting it in again; where motion jumps, there may be no such q, or several.

    Shapes:
        motion: (B, 2, H, W)   returns: (B, 2, H, W), and (B, 1, H, W): 1 where q is in the picture
        and leads back to within half a pixel, else 0

    Source: the fixed point of an inverse field, as in Chen et al., A simple fixed-point approach to
        invert a deformation field, Medical Physics 2008.
    """
    inverse = -motion
    for _ in range(3):
        inverse = -warp(motion, inverse)
    height, width = motion.shape[-2:]
    off = (inverse + warp(motion, inverse)).square().sum(dim=1, keepdim=True)  # (B, 1, H, W)
    x = torch.arange(width, device=motion.device) + inverse[:, :1]
    y = torch.arange(height, device=motion.device)[:, None] + inverse[:, 1:]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return inverse, (inside & (off <= 0.25)).to(motion.dtype)


def motion_to_grid(
    motion: Tensor,
    size: tuple[int, int],
    convention: Convention = "exact",
    training: bool = False,
) -> Tensor:
    """Bring motion from the image's grid to a feature's grid, in pixels of that grid.

    Args:
        motion: Backward motion in pixels of the image's grid.
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
