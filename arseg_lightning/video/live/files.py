"""Pictures of video files and of folders of images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from av.video.frame import VideoFrame

from arseg_lightning.video.clock import Clock, claimed_seconds
from arseg_lightning.video.damage import Damage
from arseg_lightning.video.errors import NotAVideo
from arseg_lightning.video.images import image_files, read_image
from arseg_lightning.video.live.arrival import Arrival, Watcher
from arseg_lightning.video.pictures import NumberedPicture, numbered_pictures
from arseg_lightning.video.probe import open_video, probe
from arseg_lightning.video.timeline import read_timeline

__all__ = ["FileFeed", "ImageFeed"]

_IMAGES_FPS = 25.0


class FileFeed:
    """Pictures of a video file, with the indices and times that ``decode`` gives.

    Args:
        path: The file.

    Raises:
        NotAVideo: If it is not a video.
    """

    is_live = False

    def __init__(self, path: Path) -> None:
        info = probe(path)
        self.path: Path | None = path
        self._file = path
        self._rate = info.frame_rate
        self._timeline = read_timeline(path)
        self.name = str(path)
        self.fps = info.fps
        self.num_frames = len(self._timeline) if self._timeline else info.num_frames
        self.damage = Damage(path)

    def arrivals(self, watcher: Watcher) -> Iterator[Arrival]:
        """The pictures; a copy stands in for one that is lost, and what follows starts anew."""
        clock, damage, lost = Clock(), self.damage, 0
        clock.join(1 / self._rate)
        with open_video(self._file) as (container, stream):
            watcher.opened(stream)
            for numbered in numbered_pictures(container, stream, self._timeline, damage):
                restart = None
                if not numbered.is_copy:
                    _, restart = clock.tick(claimed_seconds(numbered.picture))
                    if damage.num_lost > lost:
                        lost, restart = damage.num_lost, "frames before it are damaged or lost"
                yield Arrival(numbered, restart)


class ImageFeed:
    """Pictures of a folder of images, in the order of their names.

    Args:
        folder: The folder.
        fps: Frames per second that they stand for.

    Raises:
        NotAVideo: If it holds no images.
    """

    is_live = False

    def __init__(self, folder: Path, fps: float | None) -> None:
        self._files = image_files(folder)
        if not self._files:
            raise NotAVideo(f"{folder} holds no images; give a video file or a folder of images")
        self.name = str(folder)
        self.path: Path | None = None
        self.fps = fps or _IMAGES_FPS
        self.num_frames: int | None = len(self._files)
        self.damage = Damage(folder)

    def arrivals(self, watcher: Watcher) -> Iterator[Arrival]:
        """The images, one after the other."""
        watcher.opened(None)
        for index, file in enumerate(self._files):
            picture = VideoFrame.from_ndarray(read_image(file), format="rgb24")
            yield Arrival(NumberedPicture(index, picture, index / self.fps))
