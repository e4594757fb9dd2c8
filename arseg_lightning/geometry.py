"""The motion law: motion fields follow their images through crop, flip and resize.

``current(p) = key(p + motion(p))``: channel 0 is x, channel 1 is y, in pixels of the field's own
grid. Pixels are squares with their centres at half-integers (``align_corners=False``), so resizing
an image by a factor multiplies its motion by exactly that factor. All functions take tensors
with any leading axes.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["crop", "flip", "flip_motion", "resize", "resize_labels", "resize_motion"]


def crop(tensor: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """Cut a window out of the last two axes; images, labels and motion alike."""
    return tensor[..., top : top + height, left : left + width]


def flip(tensor: Tensor) -> Tensor:
    """Mirror images or labels left to right."""
    return tensor.flip(-1)


def flip_motion(motion: Tensor) -> Tensor:
    """Mirror a field left to right: the grid is mirrored, and x changes its sign.

    Shapes:
        motion: (..., 2, H, W)   returns: (..., 2, H, W)
    """
    return motion.flip(-1) * motion.new_tensor([-1.0, 1.0])[:, None, None]  # (2, 1, 1)


def resize(tensor: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize images bilinearly, pixel centres aligned; of uint8, rounded to whole grey levels.

    Shapes:
        tensor: (..., C, H, W)   returns: (..., C, *size)
    """
    return _interpolate(tensor, size, "bilinear")


def resize_labels(labels: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize class indices by taking the nearest pixel.

    Shapes:
        labels: (..., H, W)   returns: (..., *size)
    """
    if tuple(labels.shape[-2:]) == size:
        return labels
    # Of integers, PyTorch resizes uint8 alone.
    kind = torch.uint8 if labels.dtype in (torch.uint8, torch.bool) else torch.float32
    values = labels.unsqueeze(-3).to(kind)  # (..., 1, H, W)
    return _interpolate(values, size, "nearest-exact").squeeze(-3).to(labels.dtype)


def resize_motion(
    motion: Tensor,
    size: tuple[int, int],
    mode: Literal["bilinear", "nearest-exact"] = "bilinear",
) -> Tensor:
    """Resize a field to another grid: x is multiplied by the width's factor, y by the height's.

    Shapes:
        motion: (..., 2, H, W), in pixels of (H, W)   returns: (..., 2, *size), in pixels of size
    """
    height, width = motion.shape[-2:]
    if (height, width) == size:
        return motion
    # Motion is in pixels of its grid, and the new grid's pixels have another size.
    factor = motion.new_tensor([size[1] / width, size[0] / height])[:, None, None]
    return _interpolate(motion, size, mode).mul_(factor)


def _interpolate(tensor: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    if tuple(tensor.shape[-2:]) == size:
        return tensor
    flat = tensor.reshape(-1, *tensor.shape[-3:])  # (B, C, H, W)
    corners = None if mode.startswith("nearest") else False
    resized = F.interpolate(flat, size=size, mode=mode, align_corners=corners)
    return resized.reshape(*tensor.shape[:-2], *size)
