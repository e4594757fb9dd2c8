"""Decoded pictures of files, folders of images, and streams that cannot be read twice."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from arseg_lightning.video.clock import Clock
from arseg_lightning.video.damage import Damage
from arseg_lightning.video.errors import NotAVideo, SourceUnavailable
from arseg_lightning.video.images import image_files, read_image
from arseg_lightning.video.live.address import Address, open_address, reason_of
from arseg_lightning.video.pictures import (
    NumberedPicture,
    decoded,
    export_motion,
    numbered_pictures,
)
from arseg_lightning.video.probe import codec_name, frame_rate, open_video, probe
from arseg_lightning.video.timeline import read_timeline

__all__ = ["Arrival", "Feed", "FileFeed", "ImageFeed", "StreamFeed"]

_IMAGES_FPS = 25.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.25, 8.0


class Arrival(NamedTuple):
    """A picture as it comes out of the decoder."""

    numbered: NumberedPicture
    codec: str
    restart: str | None = None  # why its vectors do not lead to the picture before it


class Feed(ABC):
    """Where pictures come from; ``name`` is what messages call it."""

    fps: float  # of a stream, known once its first picture has come
    num_frames: int | None = None  # None if it is not known
    is_live = False  # whether it goes on by itself and does not wait for its reader

    def __init__(self, name: str) -> None:
        self.name = name
        self.damage = Damage(name)
        self._num_lost = 0

    @abstractmethod
    def arrivals(self, wants_motion: bool) -> Generator[Arrival]:
        """The pictures, as they come; with motion vectors if the codec has any."""

    def _loss(self) -> str | None:
        """What speaks against motion, if something was lost since it was asked the last time."""
        before, self._num_lost = self._num_lost, self.damage.num_lost
        return "frames before it are damaged or lost" if self._num_lost > before else None


class FileFeed(Feed):
    """Pictures of a video file, with the indices and times that ``decode`` gives.

    Raises:
        NotAVideo: If it is not a video.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        info = probe(path)
        self._path, self._timeline = path, read_timeline(path)
        self.fps = info.fps
        self.num_frames = len(self._timeline) if self._timeline else info.num_frames

    def arrivals(self, wants_motion: bool) -> Generator[Arrival]:
        """The pictures; a copy stands in for one that is lost, and motion restarts after it."""
        with open_video(self._path) as (container, stream):
            if wants_motion:
                export_motion(stream)
            codec = codec_name(stream)
            for numbered in numbered_pictures(container, stream, self._timeline, self.damage):
                yield Arrival(numbered, codec, None if numbered.is_copy else self._loss())


class ImageFeed(Feed):
    """Pictures of a folder of images, in the order of their names, at so many a second.

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
        for index, file in enumerate(self._files):
            picture = VideoFrame.from_ndarray(read_image(file), format="rgb24")
            yield Arrival(NumberedPicture(index, picture, index / self.fps), "a folder of images")


class StreamFeed(Feed):
    """Pictures of a camera, an address or a pipe; what is live is opened again if it breaks off.

    ``stop`` is set when nobody wants pictures any more; the rest see :func:`open_live`.
    """

    def __init__(
        self,
        address: Address,
        timeout_seconds: float,
        reconnect_seconds: float,
        stop: threading.Event,
    ) -> None:
        super().__init__(address.name)
        self.is_live = address.kind != "pipe"
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._reconnect_seconds = reconnect_seconds
        self._stop = stop
        self._broken: av.FFmpegError | None = None

    def arrivals(self, wants_motion: bool) -> Generator[Arrival]:
        """The pictures, for as long as the stream lasts or comes back.

        Raises:
            SourceUnavailable: If it breaks off for good.
        """
        clock, index, restart, broken_at = Clock(), 0, None, time.monotonic()
        opened: tuple[InputContainer, VideoStream] | None = self._open()
        while opened is not None:
            container, stream = opened
            pause = time.monotonic() - broken_at
            if index:
                restart = f"reconnected after {pause:.1f} s"
            clock.join(1 / frame_rate(stream), Fraction(round(1000 * pause), 1000))
            refused, has_begun = self.damage.refused, False
            with container:
                if wants_motion:
                    export_motion(stream)
                codec = codec_name(stream)
                for picture in decoded(self._packets(container, stream), stream, self.damage):
                    if not has_begun:  # who joins in the middle has lost nothing yet
                        self.damage.refused, has_begun = refused, True
                    self.damage.see(picture)
                    pts, base = picture.pts, picture.time_base
                    seconds, jump = clock.tick(None if pts is None or base is None else pts * base)
                    restart = restart or self._loss() or jump
                    yield Arrival(NumberedPicture(index, picture, seconds), codec, restart)
                    index, restart = index + 1, None
            if has_begun:
                broken_at = time.monotonic()
            opened = self._open_again(broken_at) if index else None
        if self._broken is not None and not self._stop.is_set():
            reason = reason_of(self._broken, self._timeout_seconds)
            raise SourceUnavailable(
                f"{self.name} broke off after {index} frames ({reason}) and was "
                f"not to be had again; check that the sender is on, and the network or cable"
            ) from self._broken

    def _open(self) -> tuple[InputContainer, VideoStream]:
        """Open the source, and note what it says about itself."""
        container, stream = open_address(self._address, self._timeout_seconds)
        self.fps = float(frame_rate(stream))
        self.num_frames = stream.frames or None
        if self._address.kind == "network":
            self.is_live = container.duration is None  # a file elsewhere has an end
        return container, stream

    def _open_again(self, broken_at: float) -> tuple[InputContainer, VideoStream] | None:
        """Try to open what broke off, with growing pauses; None if it stays away or has ended."""
        pause, end = _FIRST_PAUSE_SECONDS, broken_at + self._reconnect_seconds
        while self.is_live and (left := end - time.monotonic()) > 0:
            if self._stop.wait(min(pause, left)):
                break
            with suppress(SourceUnavailable, NotAVideo):
                return self._open()
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        return None

    def _packets(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[Packet[VideoStream]]:
        """The packets of one connection, to its end or until it breaks off."""
        self._broken = None
        while not self._stop.is_set():
            try:
                for packet in container.demux(stream):
                    yield packet
                    if self._stop.is_set():
                        return
            except av.BlockingIOError:  # a camera that has nothing yet
                continue
            except av.FFmpegError as error:
                self._broken = error
            except IndexError:  # streams that come and go
                pass
            return
