"""Pictures of what cannot be read twice: cameras, addresses and pipes."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Mapping
from fractions import Fraction

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from arseg_lightning.video.clock import Clock, claimed_seconds
from arseg_lightning.video.coded import CodingOrder
from arseg_lightning.video.errors import NotAVideo, SourceUnavailable
from arseg_lightning.video.live.address import Address
from arseg_lightning.video.live.files import Arrival, Feed, ask_for_motion
from arseg_lightning.video.live.opening import (
    Opened,
    Patience,
    Pipe,
    open_camera,
    open_network,
    open_pipe,
    reason_of,
)
from arseg_lightning.video.pictures import NumberedPicture
from arseg_lightning.video.probe import frame_rate

__all__ = ["StreamFeed"]

_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 8.0

_LOSS = "frames before it are damaged or lost"


class StreamFeed(Feed):
    """Pictures of a stream; it is opened again where it breaks off.

    Args:
        address: Where it comes from.
        options: Options of FFmpeg for opening it.
        patience: How long to wait for it.
        stop: Set when nobody wants pictures any more.
    """

    def __init__(
        self,
        address: Address,
        options: Mapping[str, str],
        patience: Patience,
        stop: threading.Event,
    ) -> None:
        super().__init__(address.name)
        self.is_live = address.kind != "pipe"
        self._address = address
        self._options = options
        self._patience = patience
        self._stop = stop
        self._clock = Clock()
        self._num_pictures = 0
        self._restart: str | None = None
        self._pipe: Pipe | None = None
        self._broken: av.FFmpegError | None = None
        self._broken_at = 0.0

    def arrivals(self, wants_motion: bool) -> Generator[Arrival]:
        """The pictures, for as long as the stream lasts or comes back.

        Raises:
            SourceUnavailable: If it breaks off for good.
        """
        try:
            opened: Opened | None = self._open()
            while opened is not None:
                with opened.container:
                    obstacle = ask_for_motion(opened.stream) if wants_motion else None
                    yield from self._read(opened, obstacle)
                opened = self._open_again()
        finally:
            if self._pipe is not None:
                self._pipe.close()
            if self._stop.is_set():
                self.damage.leave()
        if self._broken is not None and not self._stop.is_set():
            reason = reason_of(self._broken, self._patience.timeout_seconds)
            raise SourceUnavailable(
                f"{self.name} broke off after {self._num_pictures} frames ({reason}) and was "
                f"not to be had again; check that the sender is on, and the network or cable"
            ) from self._broken

    def _open(self) -> Opened:
        """Open the source, and note what it says about itself."""
        if self._address.kind == "network":
            opened = open_network(self._address, self._options, self._patience)
        elif self._address.kind == "camera":
            opened = open_camera(self._address, self._options)
        else:
            self._pipe = Pipe(self._address, self._stop)
            opened = open_pipe(self._address, self._pipe, self._options)
        self.fps = float(frame_rate(opened.stream))
        self.num_frames = opened.stream.frames or None
        if self._address.kind == "network":
            self.is_live = opened.container.duration is None  # a file elsewhere has an end
        pause = time.monotonic() - self._broken_at if self._num_pictures else 0.0
        self._clock.join(1 / frame_rate(opened.stream), Fraction(round(1000 * pause), 1000))
        return opened

    def _open_again(self) -> Opened | None:
        """Try to open what broke off, with growing pauses; None if it stays away or has ended."""
        if not self.is_live or not self._num_pictures:
            return None
        pause, end = _FIRST_PAUSE_SECONDS, self._broken_at + self._patience.reconnect_seconds
        while (left := end - time.monotonic()) > 0 and not self._stop.wait(min(pause, left)):
            try:
                opened = self._open()
            except (SourceUnavailable, NotAVideo):
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                self._restart = f"reconnected after {time.monotonic() - self._broken_at:.1f} s"
                return opened
        return None

    def _read(self, opened: Opened, obstacle: str | None) -> Iterator[Arrival]:
        """Number the pictures of one connection, and place them in time."""
        num_before = self._num_pictures
        for picture, has_loss in self._pictures(opened):
            seconds, jump = self._clock.tick(claimed_seconds(picture))
            restart = self._restart or (_LOSS if has_loss else jump)
            numbered = NumberedPicture(self._num_pictures, picture, seconds)
            self._num_pictures += 1
            self._restart = None
            yield Arrival(numbered, restart, obstacle)
        if self._num_pictures > num_before:
            self._broken_at = time.monotonic()

    def _pictures(self, opened: Opened) -> Iterator[tuple[VideoFrame, bool]]:
        """Decode to the end, and tell of each picture whether something before it is lost."""
        self._broken = None
        packets = opened.container.demux(opened.stream)
        order = CodingOrder(opened.stream)
        has_begun = has_loss = False  # who joins in the middle has lost nothing yet
        while not self._stop.is_set():
            try:
                packet = next(packets)
                order.mark(packet)
                has_loss |= packet.is_corrupt
                pictures = _decode(packet)
            except (StopIteration, IndexError):  # the last: streams that come and go
                return
            except av.BlockingIOError:  # a camera that has nothing yet
                continue
            except av.FFmpegError as error:
                self._broken = error
                return
            if pictures is None:
                if has_begun:
                    self.damage.refuse()
                has_loss = True
            for picture in pictures or ():
                self.damage.see(picture)
                yield picture, has_begun and (has_loss or picture.is_corrupt)
                has_begun, has_loss = True, False


def _decode(packet: Packet[VideoStream]) -> list[VideoFrame] | None:
    """The pictures that a packet completes; None if it cannot be decoded."""
    try:
        return packet.decode()
    except av.FFmpegError:
        return None
