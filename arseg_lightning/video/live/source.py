"""Opens whatever a video comes from, and gives its frames one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from arseg_lightning.ranges import check_above, check_range, check_words
from arseg_lightning.video.errors import NotAVideo
from arseg_lightning.video.live.address import find_address
from arseg_lightning.video.live.feeds import Feed, FileFeed, ImageFeed, StreamFeed
from arseg_lightning.video.live.frame import LiveMotion, SourceFrame, skip
from arseg_lightning.video.live.frames import Frames
from arseg_lightning.video.live.reader import Reader

__all__ = ["LiveSource", "open_live"]

_READ_AHEAD = 3


def open_live(
    source: str | Path,
    *,
    motion: LiveMotion | None = "codec",
    fps: float | None = None,
    drop_late: bool = False,
    timeout_seconds: float = 10.0,
    reconnect_seconds: float = 30.0,
) -> LiveSource:
    """Open a source of video, up to its first frame.

    Args:
        source: A video file, a folder of images, a camera (``camera:0``, ``/dev/video0``), an
            address (``rtsp://...``, ``http://...``) or ``-`` for standard input.
        motion: Where motion comes from; None looks for none, and all frames rest.
        fps: Frames per second of a folder of images, 25 by default.
        drop_late: Of a source that does not wait, drop frames that the caller is too slow for.
        timeout_seconds: How long an address may stay silent.
        reconnect_seconds: How long a camera or address that broke off is tried again.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        NotAVideo: If it is no video, or ends before its first frame.
        SourceUnavailable: If a camera or an address cannot be opened.
        NoMotionVectors: If motion is to be the codec's, and there is none that fits.
    """
    check_words(motion=(motion, LiveMotion | None))
    check_above(0, fps=fps, timeout_seconds=timeout_seconds)
    check_range(0, reconnect_seconds=reconnect_seconds)
    address, stop = find_address(source), threading.Event()
    feed: Feed
    if address.kind == "images":
        feed = ImageFeed(Path(address.target), fps)
    elif fps is not None:
        raise ValueError(f"fps={fps} is for a folder of images; {address.name} has its own times")
    elif address.kind == "file":
        feed = FileFeed(Path(address.target))
    else:
        feed = StreamFeed(address, timeout_seconds, reconnect_seconds, stop)
    frames = Frames(feed, motion)
    # Opened in the background, too: FFmpeg waits for a silent source deaf to Ctrl-C.
    reader = Reader(frames.read(stop), _READ_AHEAD, stop, lambda: drop_late and feed.is_live, skip)
    try:
        first = reader.get()
        if first is None:
            raise NotAVideo(f"{feed.name} ended before its first frame; check what it holds")
    except BaseException:
        reader.close()
        raise
    return LiveSource(feed, frames, first, reader)


class LiveSource:
    """Frames of a source in the order in which they come, decoded in the background.

    Used in a ``with`` block and iterated once; made by :func:`open_live`.
    """

    def __init__(
        self, feed: Feed, frames: Frames, first: SourceFrame, reader: Reader[SourceFrame]
    ) -> None:
        self.name = feed.name  # what messages call it
        self.num_frames = feed.num_frames  # None if it is not known
        self.fps = feed.fps  # as the source says at its start
        self.is_live = feed.is_live  # whether it goes on by itself and waits for nobody
        self.size = first.frame.size  # height and width, of the first frame
        self._damage = feed.damage
        self._frames = frames
        self._first: SourceFrame | None = first
        self._reader = reader

    @property
    def num_dropped(self) -> int:
        """Frames that were dropped because they came too late."""
        return self._reader.num_dropped

    @property
    def damage(self) -> str:
        """What was lost or damaged of what was decoded so far; empty if nothing was."""
        return self._damage.summary

    @property
    def motion_use(self) -> dict[str, Any]:
        """What became of the source's own motion, in the frames that were decoded so far."""
        return self._frames.use

    def __enter__(self) -> Self:
        """The source."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close it, and say what was damaged of what was read."""
        self.close()
        if kind is None:
            self._damage.warn()

    def __iter__(self) -> Iterator[SourceFrame]:
        """The frames that are left."""
        return self

    def __next__(self) -> SourceFrame:
        """The next frame, as soon as there is one.

        Raises:
            VideoError: If the source breaks off, or its motion does not fit any more.

        Warns:
            VideoDamageWarning: At the end, or where the block is left, if a part could not be
                decoded.
        """
        first, self._first = self._first, None
        frame = first or self._reader.get()
        if frame is not None:
            return frame
        self._damage.warn()
        raise StopIteration

    def close(self) -> None:
        """Stop decoding and let go of the source."""
        self._first = None
        self._reader.close()
