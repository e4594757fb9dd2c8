"""Decoded pictures of video files and of folders of images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from arseg_lightning.video.clock import Clock, claimed_seconds
from arseg_lightning.video.coded import export_motion
from arseg_lightning.video.damage import Damage
from arseg_lightning.video.errors import NotAVideo
from arseg_lightning.video.images import image_files, read_image
from arseg_lightning.video.pictures import NumberedPicture, numbered_pictures
from arseg_lightning.video.probe import codec_name, motion_obstacle, open_video, probe
from arseg_lightning.video.timeline import read_timeline

__all__ = ["Arrival", "Feed", "FileFeed", "ImageFeed", "ask_for_motion"]

_IMAGES_FPS = 25.0


class Arrival(NamedTuple):
    """A picture as it comes out of the decoder."""

    numbered: NumberedPicture
    restart: str | None = None
    """Why its vectors do not lead to the picture before it."""
    obstacle: str | None = None
    """Why it has no vectors at all."""


class Feed(ABC):
    """Where pictures come from.

    Args:
        name: What messages call it.
        path: The video file, if it is one.
    """

    fps: float
    """Frames per second; of a stream, known once its first picture has come."""

    num_frames: int | None = None
    """Number of frames; None if it is not known."""

    is_live = False
    """Whether it goes on by itself and does not wait for its reader."""

    def __init__(self, name: str, path: Path | None = None) -> None:
        self.name = name
        self.path = path
        self.damage = Damage(name)
        """What of it could not be decoded."""

    @abstractmethod
    def arrivals(self, wants_motion: bool) -> Generator[Arrival]:
        """The pictures, as they come; with motion vectors if the codec has any."""


def ask_for_motion(stream: VideoStream) -> str | None:
    """Have a stream decoded with its vectors; tells why there are none, if so."""
    export_motion(stream)
    return motion_obstacle(codec_name(stream))


class FileFeed(Feed):
    """Pictures of a video file, with the indices and times that ``decode`` gives.

    Args:
        path: The file.

    Raises:
        NotAVideo: If it is not a video.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), path)
        info = probe(path)
        self._path = path
        self._rate = info.frame_rate
        self._timeline = read_timeline(path)
        self.fps = info.fps
        self.num_frames = len(self._timeline) if self._timeline else info.num_frames

    def arrivals(self, wants_motion: bool) -> Generator[Arrival]:
        """The pictures; a copy stands in for one that is lost, and what follows starts anew."""
        clock, damage, lost = Clock(), self.damage, 0
        clock.join(1 / self._rate)
        with open_video(self._path) as (container, stream):
            obstacle = ask_for_motion(stream) if wants_motion else None
            for numbered in numbered_pictures(container, stream, self._timeline, damage):
                restart = None
                if not numbered.is_copy:
                    _, restart = clock.tick(claimed_seconds(numbered.picture))
                    if damage.num_lost > lost:
                        lost, restart = damage.num_lost, "frames before it are damaged or lost"
                yield Arrival(numbered, restart, obstacle)


class ImageFeed(Feed):
    """Pictures of a folder of images, in the order of their names.

    Args:
        folder: The folder.
        fps: Frames per second that they stand for.

    Raises:
        NotAVideo: If it holds no images.
    """

    def __init__(self, folder: Path, fps: float | None) -> None:
        super().__init__(str(folder))
        self._files = image_files(folder)
        if not self._files:
            raise NotAVideo(f"{folder} holds no images; give a video file or a folder of images")
        self.fps = fps or _IMAGES_FPS
        self.num_frames = len(self._files)

    def arrivals(self, wants_motion: bool) -> Generator[Arrival]:
        """The images, one after the other."""
        obstacle = "holds images, which have no motion vectors" if wants_motion else None
        for index, file in enumerate(self._files):
            picture = VideoFrame.from_ndarray(read_image(file), format="rgb24")
            yield Arrival(NumberedPicture(index, picture, index / self.fps), None, obstacle)
