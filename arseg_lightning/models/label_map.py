"""Class scores at the image's size, and the best class of every pixel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.native import load, tensor_pointer

__all__ = ["label_map", "resize_scores"]


def resize_scores(scores: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Resize class scores to the image.

    Shapes:
        scores: (B, K, h, w)   returns: (B, K, *size)
    """
    if tuple(scores.shape[-2:]) == size:
        return scores
    return F.interpolate(scores, size=size, mode="bilinear", align_corners=align_corners)


def label_map(scores: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Find the best class of every pixel: the argmax of :func:`resize_scores`.

    On a CPU with a C compiler, the resized scores, which are far larger than input and output, are
    never written to memory.

    Args:
        scores: Class scores.
        size: Height and width of the image.
        align_corners: How scores are resized.

    Raises:
        ValueError: If there are more than 256 classes.

    Shapes:
        scores: (B, K, h, w)   returns: (B, *size), uint8
    """
    if scores.shape[1] > 256:
        raise ValueError(f"labels are bytes: 256 classes at most, got {scores.shape[1]}")
    kernels = load("label_map") if scores.device.type == "cpu" else None
    if kernels is None:
        return resize_scores(scores, size, align_corners).argmax(dim=1).to(torch.uint8)
    scores = scores.detach().to(torch.float32).contiguous()  # (B, K, h, w), as the kernel reads it
    labels = torch.empty(scores.shape[0], *size, dtype=torch.uint8)  # (B, H, W)
    for one, out in zip(scores, labels, strict=True):
        failed = kernels.label_map(
            *(tensor_pointer(one), *one.shape, *size, int(align_corners)),
            *(tensor_pointer(out), torch.get_num_threads()),
        )
        if failed:
            raise MemoryError(f"no memory to upsample scores to {size}")
    return labels
