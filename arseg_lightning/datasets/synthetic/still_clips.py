"""Clips of single labelled images: a smooth camera path that ends at the image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from arseg_lightning.datasets.labelled_video import LabelledVideo, Pixels, file_stamps
from arseg_lightning.ranges import check_above, check_range
from arseg_lightning.types import ClassSet
from arseg_lightning.video.images import read_image

__all__ = ["CameraPath", "LabelledStill", "camera_path", "render_path"]

_MAX_PAN = 0.007  # per frame, as a share of the width
_MAX_ZOOM = 0.014  # change of scale per frame
_MAX_ROTATION = 0.1  # degrees per frame


@dataclass(frozen=True)
class CameraPath:
    """How stills become clips.

    Args:
        num_frames: Frames of a clip up to the still; at least the keyframe interval.
        future: Frames after it, for methods that look ahead.
        seed: Decides the paths.
        fps: Frames a second, for the encoder.
    """

    num_frames: int = 12
    seed: int = 0
    fps: float = 15.0
    future: int = 0

    def __post_init__(self) -> None:
        check_range(1, num_frames=self.num_frames)
        check_range(0, seed=self.seed, future=self.future)
        check_above(0, fps=self.fps)


class LabelledStill(LabelledVideo):
    """A labelled still made into a clip by a smooth camera path; each ``number`` has another."""

    is_still = True

    def __init__(
        self, name: str, path: Path, label: Path, classes: ClassSet, camera: CameraPath, number: int
    ) -> None:
        self.name, self.path, self.classes, self.camera = name, path, classes, camera
        self.label_paths = {camera.num_frames - 1: label}
        self.length, self.fps = camera.num_frames + camera.future, camera.fps
        self._seed = camera.seed * 1_000_003 + number

    @property
    def identity(self) -> str:
        """The file's stamp and what decides the path."""
        future = f"|{self.camera.future}" if self.camera.future else ""
        path = f"|camera_path|{self.camera.num_frames}|{self._seed}{future}"
        return file_stamps([self.path]) + path

    def read(self, indices: Iterable[int]) -> Pixels:
        """Render some frames."""
        image = read_image(self.path)
        size = image.shape[0], image.shape[1]
        path = camera_path((self._seed,), self.camera.num_frames, size, self.camera.future)
        return render_path(image, path[list(indices)])


def camera_path(
    seed: tuple[int, ...], num_frames: int, size: tuple[int, int], future: int = 0
) -> NDArray[np.float64]:
    """Draw a smooth path of a driving camera to a still of a size, and on for some frames.

    Each transform, (T, 2, 3), takes pixel coordinates (x, y, 1) of its frame to those of the still;
    the still's is the identity. Coordinates run from 0 to the width and height, so pixel (0, 0) has
    its centre at (0.5, 0.5). Most paths drive forward: earlier frames show more of the scene.
    """
    height, width = size
    rng = np.random.default_rng([*seed])
    length = num_frames, future
    x = _offsets(rng, length, _MAX_PAN * width)
    y = _offsets(rng, length, 0.4 * _MAX_PAN * width)  # cars turn more than they nod
    scale = np.exp(_offsets(rng, length, np.log1p(_MAX_ZOOM), lowest=-0.2))
    angle = np.deg2rad(_offsets(rng, length, _MAX_ROTATION))
    vanishing_point = np.array([width, height]) * rng.uniform([0.4, 0.35], [0.6, 0.55])

    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.stack([cosine, -sine, sine, cosine], axis=1).reshape(-1, 2, 2)
    shift = vanishing_point - linear @ vanishing_point + np.stack([x, y], axis=1)
    return np.concatenate([linear, shift[:, :, None]], axis=2)


def _offsets(
    rng: np.random.Generator, length: tuple[int, int], fastest: float, lowest: float = -1.0
) -> NDArray[np.float64]:
    """Offset along one freedom of the camera in each frame, (T,), 0 in the still.

    The speed sways around a constant and stays between ``lowest * fastest`` and ``fastest``.
    """
    constant = rng.uniform(lowest, 1.0)
    sway = rng.uniform(0.0, 1.0) * min(1.0 - constant, constant - lowest)
    # A sway takes at least 16 frames: about a second at the frame rates of driving data.
    phase = rng.uniform(0.0, 2 * np.pi) + 2 * np.pi * np.arange(sum(length)) / rng.uniform(16, 48)
    speed = fastest * (constant + sway * np.sin(phase))
    offsets: NDArray[np.float64] = np.append(np.cumsum(speed[:0:-1])[::-1], 0.0)
    offsets -= offsets[length[0] - 1]
    return offsets


def render_path(image: Pixels, path: NDArray[np.float64]) -> Pixels:
    """Render a still along a path of :func:`camera_path`, mirrored beyond the still's border.

    Sampling is bilinear; identities copy the still.

    Shapes:
        image: (H, W, 3)   path: (T, 2, 3)   returns: (T, H, W, 3)
    """
    height, width = image.shape[:2]
    frames = np.empty((len(path), *image.shape), np.uint8)
    source = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None].contiguous()
    columns = torch.arange(width, dtype=torch.float32) + 0.5
    rows = torch.arange(height, dtype=torch.float32)[:, None] + 0.5
    for frame, transform in zip(frames, path, strict=True):
        if np.array_equal(transform, np.eye(2, 3)):
            frame[:] = image
            continue
        (xx, xy, x0), (yx, yy, y0) = transform.tolist()
        x, y = rows * xy + (columns * xx + x0), rows * yy + y0 + columns * yx  # (H, W)
        grid = torch.stack([x * (2 / width) - 1, y * (2 / height) - 1], dim=-1)[None]
        sampled = F.grid_sample(source, grid, "bilinear", "reflection", align_corners=False)[0]
        frame[:] = sampled.add_(0.5).to(torch.uint8).permute(1, 2, 0).numpy()
    return frames
