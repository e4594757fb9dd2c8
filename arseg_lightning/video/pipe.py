"""Frames written to a pipe, as a video that the next program reads while it grows."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import Literal, Self

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from arseg_lightning.video.encode import EncodeSettings, h264_stream
from arseg_lightning.video.errors import CannotWrite, PipeClosed

__all__ = ["PipeWriter"]

_TICK = Fraction(1, 1000)  # what Matroska counts in
_FULL = 2  # grey values from 0 to 255, which are not to be scaled


class PipeWriter:
    """Writes frames to a pipe as Matroska, which needs no way back.

    Images are encoded as H.264; values, which must not change, as grey FFV1 without loss. Used in a
    ``with`` block. Each frame is on its way when it is written.

    Args:
        descriptor: The pipe's number in this process; it stays open.
        kind: Whether frames are RGB images, (H, W, 3), or values, (H, W).
        settings: How images are encoded, and the frame rate of both.

    Raises:
        PipeClosed: If nobody reads it any more, by :meth:`write` or at the end.
        CannotWrite: If it cannot be written for another reason.
    """

    def __init__(
        self, descriptor: int, kind: Literal["images", "values"], settings: EncodeSettings
    ) -> None:
        self.descriptor, self.kind, self.settings = descriptor, kind, settings
        self.num_frames = 0
        self._ticks = -1
        self._encoder: tuple[OutputContainer, VideoStream] | None = None

    def __enter__(self) -> Self:
        """Nothing is written before the first frame, whose size decides."""
        return self

    def write(self, image: NDArray[np.uint8], pts_seconds: float | None = None) -> None:
        """Append a frame, uint8.

        Args:
            image: All are of one size.
            pts_seconds: When it is shown; by the frame rate if it is not said.
        """
        seconds = self.num_frames / self.settings.fps if pts_seconds is None else pts_seconds
        self._ticks = max(round(seconds / _TICK), self._ticks + 1)
        layout = "rgb24" if self.kind == "images" else "gray"
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(image), format=layout)
        frame.pts, frame.time_base = self._ticks, _TICK
        try:
            if self._encoder is None:
                self._encoder = self._open(image.shape[0], image.shape[1])
            container, stream = self._encoder
            container.mux(stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise self._named(error) from error
        self.num_frames += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write what is held back; what ended the block says more than an error here."""
        if self._encoder is None:
            return
        container, stream = self._encoder
        try:
            if kind is None or not issubclass(kind, PipeClosed):
                container.mux(stream.encode(None))
            container.close()
        except (av.FFmpegError, OSError) as error:
            with suppress(av.FFmpegError, OSError):
                container.close()
            if kind is None:
                raise self._named(error) from error

    def _open(self, height: int, width: int) -> tuple[OutputContainer, VideoStream]:
        # A cluster a frame: they are as late as the longest one otherwise.
        options = {"flush_packets": "1", "cluster_time_limit": "1", "live": "1"}
        container = av.open(f"pipe:{self.descriptor}", "w", format="matroska", options=options)
        if self.kind == "images":
            return container, h264_stream(container, self.settings, (height, width), _TICK)
        stream = container.add_stream("ffv1", self.settings.frame_rate)
        stream.height, stream.width, stream.pix_fmt = height, width, "gray"
        stream.codec_context.time_base, stream.codec_context.color_range = _TICK, _FULL
        return container, stream

    def _named(self, error: Exception) -> PipeClosed | CannotWrite:
        if isinstance(error, BrokenPipeError):
            return PipeClosed(
                f"whoever read the pipe has stopped after {self.num_frames} frames, and the rest "
                f"goes nowhere; write to a folder to keep all"
            )
        return CannotWrite(
            f"the pipe cannot be written ({getattr(error, 'strerror', None) or error}); check "
            f"where standard output leads"
        )
