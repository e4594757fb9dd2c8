"""The video that comes with the page: a drive that is rendered and encoded on the spot."""

from __future__ import annotations

from pathlib import Path

from arseg_lightning.datasets import SyntheticDriving
from arseg_lightning.video.encode import EncodeSettings, encode_frames

__all__ = ["write_sample"]

_FPS = 40  # moves as the quickstart's scenes do
_SEED = 3000  # a road that the quickstart has neither trained nor tested on


def write_sample(path: Path, num_frames: int = 80, size: tuple[int, int] = (160, 240)) -> Path:
    """Write the made driving scene as an ordinary H.264 file.

    Args:
        path: The file, ``.mp4``.
        num_frames: How many frames.
        size: Height and width.

    Returns:
        The file.
    """
    height, width = size
    (drive,) = SyntheticDriving(1, num_frames, height, width, _SEED, _FPS).videos()
    encode_frames(drive.images(), path, EncodeSettings(fps=_FPS))
    return path
