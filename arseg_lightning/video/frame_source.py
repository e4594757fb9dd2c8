"""Video files and folders of images, both as frames one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.video.decode import decode
from arseg_lightning.video.errors import NotAVideo
from arseg_lightning.video.images import image_files, read_images
from arseg_lightning.video.probe import probe

__all__ = ["FrameSource", "find_sources", "open_source"]

_VIDEO_ENDINGS = frozenset(
    {".avi", ".flv", ".h264", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mxf", ".ts"}
    | {".webm", ".wmv", ".264", ".265", ".hevc"}
)


@dataclass(frozen=True)
class FrameSource:
    """Frames of a video file or a folder of images.

    Args:
        path: The file or folder.
        fps: Frames per second; None for images, which have no time.
        num_frames: Number of frames, if it is known.
        display_aspect: Width by height that frames are shown with; None if pixels are square.
    """

    path: Path
    fps: float | None
    num_frames: int | None
    display_aspect: Fraction | None = None

    def images(self, size: tuple[int, int] | None = None) -> Iterator[NDArray[np.uint8]]:
        """Read the frames, scaled to a height and width or to the size of the first one.

        Raises:
            VideoError: If images differ in size and none is given.
        """
        if self.path.is_dir():
            return read_images(image_files(self.path), size)
        frames = decode(self.path, size=size or probe(self.path).size)
        return (frame.image for frame in frames)


def open_source(path: Path) -> FrameSource:
    """Look at a video file or a folder of images.

    Raises:
        FileNotFoundError: If there is nothing at the path.
        NotAVideo: If it is neither.
    """
    if not path.is_dir():
        info = probe(path)
        return FrameSource(path, info.fps, info.num_frames, info.display_aspect)
    files = image_files(path)
    if not files:
        raise NotAVideo(f"{path} holds no images; give a video file or a folder of images")
    return FrameSource(path, None, len(files))


def find_sources(folder: Path) -> list[Path]:
    """The video files and image folders directly inside a folder, by name."""
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".")
        and (image_files(path) if path.is_dir() else path.suffix.lower() in _VIDEO_ENDINGS)
    )
