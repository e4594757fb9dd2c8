"""Opens whatever a video comes from, and gives its frames one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from arseg_lightning.video.live.frame import LiveMotion, StreamedFrame

__all__ = ["LiveSource", "open_live"]


def open_live(
    source: str | Path,
    *,
    motion: LiveMotion = "codec",
    size: tuple[int, int] | None = None,
    fps: float | None = None,
    drop_late: bool = False,
    ahead: int = 3,
    timeout_seconds: float = 10.0,
    reconnect_seconds: float = 30.0,
    options: Mapping[str, str] | None = None,
) -> LiveSource:
    """Open a source of video, up to its first frame.

    Args:
        source: A video file, a folder of images, a camera (``camera:0``, ``/dev/video0``), an
            address (``rtsp://...``, ``http://...``) or ``-`` for standard input.
        motion: Where motion comes from.
        size: Height and width that pictures are scaled to; needs motion by ``reencode``.
        fps: Frames per second of a folder of images, 25 by default.
        drop_late: Of a source that does not wait, drop frames that the caller is too slow for;
            the motion given still leads to the frame given before.
        ahead: Frames that are decoded ahead of the caller.
        timeout_seconds: How long an address may stay silent.
        reconnect_seconds: How long a camera or address that broke off is tried again.
        options: Further options of FFmpeg for opening the source.
    """
    raise NotImplementedError


class LiveSource:
    """Frames of a source in the order in which they come, decoded in the background.

    Used in a ``with`` block and iterated once.

    Attributes:
        name: What messages call the source.
        fps: Frames per second, as the source says.
        num_frames: Number of frames; None if it is not known.
        size: Height and width of the first frame.
        is_live: Whether the source goes on by itself and does not wait for the caller.
        num_dropped: Frames that were dropped because they came too late.
    """

    name: str
    fps: float
    num_frames: int | None
    size: tuple[int, int]
    is_live: bool
    num_dropped: int

    def __enter__(self) -> Self:
        """The source."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def __iter__(self) -> Iterator[StreamedFrame]:
        """The frames."""
        return self

    def __next__(self) -> StreamedFrame:
        """The next frame, as soon as there is one."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop decoding and let go of the source."""
