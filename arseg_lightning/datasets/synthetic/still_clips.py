"""Clips from single labelled pictures: a smooth camera path that ends at the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["camera_path", "render_path", "render_still_clip"]


def render_still_clip(
    image: NDArray[np.uint8],
    label: NDArray[np.uint8],
    num_frames: int,
    seed: Sequence[int],
    ignore_index: int = 255,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Make a clip whose last frame is the given picture, along a random smooth camera path.

    Args:
        image: The still.
        label: Class of each of its pixels.
        num_frames: Frames T of the clip, the still included.
        seed: What the path depends on, such as (seed, index of the still).
        ignore_index: Label of what lies outside the still.

    Shapes:
        image: (H, W, 3)   label: (H, W)   returns: (T, H, W, 3) and (T, H, W)
    """
    path = camera_path(seed, num_frames, (image.shape[0], image.shape[1]))
    return render_path(image, label, path, ignore_index)


def camera_path(
    seed: Sequence[int],
    num_frames: int,
    size: tuple[int, int],
    max_pan: float = 0.007,
    max_zoom: float = 0.014,
    max_rotation: float = 0.1,
) -> NDArray[np.float64]:
    """Draw a smooth path of a driving camera that ends in the still.

    Each transform takes pixel coordinates (x, y, 1) of its frame to those of the still; the last
    is the identity. Coordinates run from 0 to the width and height, so pixel (0, 0) has its
    centre at (0.5, 0.5). Most paths drive forward: earlier frames show more of the scene.

    Args:
        seed: Non-negative integers; the same ones give the same path.
        num_frames: Frames T of the path, at least 1.
        size: Height and width of the still.
        max_pan: Fastest pan, as a share of the width per frame.
        max_zoom: Fastest change of scale per frame, such as 0.014 for 1.4 %.
        max_rotation: Fastest roll, in degrees per frame.

    Shapes:
        returns: (T, 2, 3)

    Raises:
        ValueError: If there is no frame to make.
    """
    if num_frames < 1:
        raise ValueError(f"a clip has at least 1 frame, got num_frames={num_frames}")
    height, width = size
    rng = np.random.default_rng([*seed])
    x = _offsets(rng, num_frames, max_pan * width)
    y = _offsets(rng, num_frames, 0.4 * max_pan * width)  # cars turn more than they nod
    scale = np.exp(_offsets(rng, num_frames, np.log1p(max_zoom), lowest=-0.2))
    angle = np.deg2rad(_offsets(rng, num_frames, max_rotation))
    vanishing_point = np.array([width, height]) * rng.uniform([0.4, 0.35], [0.6, 0.55])

    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.stack([cosine, -sine, sine, cosine], axis=1).reshape(num_frames, 2, 2)
    shift = vanishing_point - linear @ vanishing_point + np.stack([x, y], axis=1)
    return np.concatenate([linear, shift[:, :, None]], axis=2)


def render_path(
    image: NDArray[np.uint8],
    label: NDArray[np.uint8],
    path: NDArray[np.float64],
    ignore_index: int = 255,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Show a still as a camera on the given path sees it.

    Images are sampled bilinearly and mirrored beyond the border, labels are those of the nearest
    pixel and ``ignore_index`` beyond the border. Identity transforms copy the still untouched.

    Args:
        image: The still.
        label: Class of each of its pixels.
        path: Frame-to-still transforms, as :func:`camera_path` makes them.
        ignore_index: Label of what lies outside the still.

    Shapes:
        image: (H, W, 3)   label: (H, W)   path: (T, 2, 3)   returns: (T, H, W, 3) and (T, H, W)

    Raises:
        ValueError: If image and label are not pictures of one size.
    """
    height, width = label.shape
    if image.shape != (height, width, 3):
        raise ValueError(
            f"a still of shape (H, W, 3) needs a label map of shape (H, W), "
            f"got image {image.shape} and label {label.shape}"
        )
    images = np.empty((len(path), height, width, 3), np.uint8)
    labels = np.empty((len(path), height, width), label.dtype)
    source = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None].contiguous()
    for frame, transform in enumerate(path):
        if np.array_equal(transform, np.eye(2, 3)):
            images[frame], labels[frame] = image, label
            continue
        x, y = _still_coordinates(transform, height, width)
        images[frame] = _sample_image(source, x, y)
        labels[frame] = _sample_label(label, x, y, ignore_index)
    return images, labels


def _offsets(
    rng: np.random.Generator, num_frames: int, fastest: float, lowest: float = -1.0
) -> NDArray[np.float64]:
    """Where one freedom of the camera stands in each frame, 0 in the last; smooth speed.

    The speed sways around a constant and stays between ``lowest * fastest`` and ``fastest``.
    """
    constant = rng.uniform(lowest, 1.0)
    sway = rng.uniform(0.0, 1.0) * min(1.0 - constant, constant - lowest)
    # A sway takes at least 16 frames: about a second at the frame rates of driving data.
    phase = rng.uniform(0.0, 2 * np.pi) + 2 * np.pi * np.arange(num_frames) / rng.uniform(16, 48)
    speed = fastest * (constant + sway * np.sin(phase))
    return np.append(np.cumsum(speed[:0:-1])[::-1], 0.0)


def _still_coordinates(
    transform: NDArray[np.float64], height: int, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The point of the still that each pixel of a frame shows: x and y of shape (H, W)."""
    columns = torch.arange(width, dtype=torch.float32) + 0.5
    rows = torch.arange(height, dtype=torch.float32)[:, None] + 0.5
    (xx, xy, x0), (yx, yy, y0) = transform.tolist()
    return rows * xy + (columns * xx + x0), rows * yy + y0 + columns * yx


def _sample_image(source: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> NDArray[np.uint8]:
    """Bilinear samples of a (1, 3, H, W) picture, mirrored beyond its border: (H, W, 3)."""
    height, width = source.shape[-2:]
    grid = torch.stack([x * (2 / width) - 1, y * (2 / height) - 1], dim=-1)[None]
    sampled = F.grid_sample(source, grid, "bilinear", "reflection", align_corners=False)[0]
    pixels: NDArray[np.uint8] = sampled.add_(0.5).to(torch.uint8).permute(1, 2, 0).numpy()
    return pixels


def _sample_label(
    label: NDArray[np.uint8], x: torch.Tensor, y: torch.Tensor, ignore_index: int
) -> NDArray[np.uint8]:
    """The nearest pixel's class, or ``ignore_index`` outside."""
    height, width = label.shape
    outside = (x < 0) | (x >= width) | (y < 0) | (y >= height)
    column = x.to(torch.int32).clamp_(0, width - 1)
    row = y.to(torch.int32).clamp_(0, height - 1)
    sampled: NDArray[np.uint8] = label.reshape(-1).take((row * width + column).numpy())
    sampled[outside.numpy()] = ignore_index
    return sampled
