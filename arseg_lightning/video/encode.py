"""Encoding of frames as a video file."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Self, cast

import av
import numpy as np
from av.container import Flags, OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from arseg_lightning.files import partial_path, remedy_for
from arseg_lightning.ranges import check_above, check_range
from arseg_lightning.types import size_text
from arseg_lightning.video.decode import decode
from arseg_lightning.video.errors import CannotWrite, VideoError
from arseg_lightning.video.probe import file_name, probe

__all__ = ["EncodeSettings", "Progress", "VideoWriter", "encode_frames", "h264_stream", "reencode"]

Progress = Callable[[int, int | None], None]
"""Is told how many frames are done, and of how many if that is known."""

_MPEG_TICK = Fraction(1, 90_000)
"""Time base of frames that have their own times: a whole number of ticks at the usual rates."""

_MOST_FRAMES = 16  # B-frames in a row and frames to refer to, by the standard
_BT601, _LIMITED = 6, 1  # what swscale converts RGB to; written so that players need not guess


@dataclass(frozen=True)
class EncodeSettings:
    """Settings of x264.

    The defaults give usable motion: every P-frame refers to the frame before it,
    and keyframes are only where they are asked for. The same frames give the same bytes, for which
    x264's macroblock tree is off (on CamVid at the same ``crf``: 10 % fewer bits, propagated
    labels as good within 0.4 points of mIoU). Weighted prediction stays on: it changes the
    brightness of a reference, never its position.

    Args:
        keyframe_interval: Frames from one keyframe to the next; None for one long GOP.
        bitrate_bps: Bits per second to aim at on average, as in the paper, instead of ``crf``.
        crf: Constant quality, lower is better.
        preset: Effort, ``ultrafast`` to ``veryslow``.
        b_frames: Most B-frames in a row.
        references: Most frames that a frame may refer to.
        fps: Frames per second.
        threads: Threads of the encoder. Part of the settings because x264 writes other bytes for
            another number, and shortens vertical vectors for more than one.

    Raises:
        ValueError: If a value is out of its range.
    """

    keyframe_interval: int | None = None
    bitrate_bps: int | None = None
    crf: int = 23
    preset: str = "medium"
    b_frames: int = 0
    references: int = 1
    fps: float = 25.0
    threads: int = 1

    def __post_init__(self) -> None:
        """Check ranges."""
        check_range(1, keyframe_interval=self.keyframe_interval, bitrate_bps=self.bitrate_bps)
        check_range(1, threads=self.threads)
        check_range(0, 51, crf=self.crf)
        check_range(0, _MOST_FRAMES, b_frames=self.b_frames)
        check_range(1, _MOST_FRAMES, references=self.references)
        check_above(0, fps=self.fps)

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second as the fraction that is meant: 29.97003 is 30000/1001."""
        return max(Fraction(self.fps).limit_denominator(1001), Fraction(1, 1001))

    @property
    def options(self) -> dict[str, str]:
        """The options of the encoder that stand for the settings (size, rate and bitrate apart)."""
        parameters = {
            "keyint": self.keyframe_interval or "infinite",
            "scenecut": 0,
            "bframes": self.b_frames,
            "ref": self.references,
            "mbtree": 0,  # reads memory that it never wrote: other bytes from run to run
        }
        joined = ":".join(f"{name}={value}" for name, value in parameters.items())
        quality = {} if self.bitrate_bps is not None else {"crf": str(self.crf)}
        return {"preset": self.preset, "x264-params": joined, **quality}


class VideoWriter:
    """Writes frames to a video file, which appears when it is complete and not before.

    Used in a ``with`` block; if the block fails, nothing is left and an older file stays. Colours
    are stored at half resolution (4:2:0); frames of odd size, which H.264 cannot store that way,
    keep their size and are stored with full colours (4:4:4).

    Args:
        path: The file; its ending decides the container, ``.mp4`` for instance.
        settings: How to encode.
        keeps_partial: Whether a block that fails leaves a video of the frames written so far (on
            a full disk, of the complete seconds), and a process that is killed the same under a
            hidden name beside the file; for ``.mp4``.

    Raises:
        CannotWrite: If the file cannot be written, by ``with``, :meth:`write` or at the end.
        VideoError: If frames differ in size or go back in time, or there is none.
    """

    def __init__(
        self, path: Path | str, settings: EncodeSettings, *, keeps_partial: bool = False
    ) -> None:
        self.path = Path(path)
        self.settings = settings
        self.keeps_partial = keeps_partial
        self.num_frames = 0
        self._ticks = -1
        self._time_base = 1 / settings.frame_rate
        self._size: tuple[int, ...] = ()
        self._encoder: tuple[OutputContainer, VideoStream] | None = None
        self._partial = partial_path(self.path)

    def __enter__(self) -> Self:
        """Make the folder and the file, so that a path that cannot be written is known at once."""
        with self._naming_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._partial.touch()
        return self

    def write(self, image: NDArray[np.uint8], pts_seconds: float | None = None) -> None:
        """Append a frame.

        Args:
            image: uint8 RGB of shape (H, W, 3).
            pts_seconds: When it is shown, for all frames or for none; by the frame rate if none.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(
                f"a frame is uint8 of shape (H, W, 3), got {image.dtype} {image.shape}"
            )
        ticks = self.num_frames
        if pts_seconds is not None:
            if self.num_frames == 0:
                self._time_base = _MPEG_TICK
            ticks = round(pts_seconds / self._time_base)
            if ticks <= self._ticks:
                raise VideoError(
                    f"frame {self.num_frames} of {self.path} is shown at {pts_seconds:g} s, not "
                    f"after the one before it ({float(self._ticks * self._time_base):g} s)"
                )
        size = image.shape[:2]
        if self._encoder is None:  # opened only now: the first frame decides size and time base
            with self._naming_errors():
                self._size, self._encoder = size, self._open(*size)
        elif size != self._size:
            raise VideoError(
                f"frame {self.num_frames} of {self.path} is {size_text(size)}, those before are "
                f"{size_text(self._size)} (height x width); scale all frames to one size"
            )
        container, stream = self._encoder
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = ticks, self._time_base
        with self._naming_errors():
            container.mux(stream.encode(frame))
        self._ticks = ticks
        self.num_frames += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Give the file its name, or leave nothing if the block failed and nothing is kept."""
        try:
            if kind is None or self.keeps_partial:
                self._finish()
        except CannotWrite:
            if kind is None:  # otherwise what ended the block says more
                raise
        finally:
            if self._encoder is not None:
                with suppress(OSError, ValueError):  # its end cannot be written either
                    self._encoder[0].close()
            with suppress(OSError):
                if self.keeps_partial and self.num_frames:
                    self._partial.replace(self.path)
                self._partial.unlink(missing_ok=True)

    def _finish(self) -> None:
        """Write what the encoder holds back, and give the file its name."""
        if self._encoder is None:
            if not self.keeps_partial:
                raise VideoError(f"{self.path} would have no frames; give it at least one")
            return
        container, stream = self._encoder
        with self._naming_errors():
            container.mux(stream.encode(None))
            container.close()
            self._partial.replace(self.path)

    def _open(self, height: int, width: int) -> tuple[OutputContainer, VideoStream]:
        """Open the file and set the encoder up for frames of a size."""
        options = {}
        if self.keeps_partial:
            # FFmpeg writes a fragment a second, and makes an ordinary file of them at the end.
            options = {"movflags": "hybrid_fragmented", "frag_duration": "1000000"}
        elif self.path.suffix in (".mp4", ".m4v", ".mov"):
            # With its index at the start, a file that is cut off later can be read up to the cut.
            options = {"movflags": "+faststart"}
        container = av.open(file_name(self._partial), "w", options=options)
        # The same frames give the same bytes: Matroska writes random identifiers otherwise.
        container.flags |= cast(int, Flags.bitexact.value)
        return container, h264_stream(container, self.settings, (height, width), self._time_base)

    @contextmanager
    def _naming_errors(self) -> Iterator[None]:
        """Say which file could not be written, and what to do."""
        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as error:
            remedy = remedy_for(error, "check its folder, its ending and the settings")
            reason = getattr(error, "strerror", None) or error
            raise CannotWrite(f"{self.path} cannot be written ({reason}); {remedy}") from error


def h264_stream(
    container: OutputContainer,
    settings: EncodeSettings,
    size: tuple[int, int],
    time_base: Fraction,
) -> VideoStream:
    """Add a stream of H.264 to a container; frames of odd size keep it, with full colours."""
    stream = container.add_stream("libx264", settings.frame_rate, settings.options)
    stream.height, stream.width = height, width = size
    stream.pix_fmt = "yuv444p" if height % 2 or width % 2 else "yuv420p"
    context = stream.codec_context
    context.thread_count, context.time_base = settings.threads, time_base
    context.colorspace, context.color_range = _BT601, _LIMITED
    if settings.bitrate_bps is not None:
        context.bit_rate = settings.bitrate_bps
    return stream


def encode_frames(
    frames: Iterable[NDArray[np.uint8]],
    path: Path | str,
    settings: EncodeSettings,
    progress: Progress | None = None,
    total: int | None = None,
) -> int:
    """Write frames, uint8 RGB of shape (H, W, 3), as a video; tells how many there were.

    ``progress`` is called after each, with their ``total``.
    """
    with VideoWriter(path, settings) as writer:
        for image in frames:
            writer.write(image)
            if progress is not None:
                progress(writer.num_frames, total)
    return writer.num_frames


def reencode(
    source: Path | str,
    path: Path | str,
    settings: EncodeSettings,
    progress: Progress | None = None,
) -> int:
    """Encode a video once more: upright, with all its frames, at its own average frame rate.

    Damage is handled as :func:`decode` does; ``fps`` of the settings is replaced by the source's.

    Raises:
        NotAVideo: If the source is none.
        CannotWrite: If the copy cannot be written.
    """
    info = probe(source)
    settings = replace(settings, fps=info.fps)
    images = (frame.image for frame in decode(source, size=info.size))
    return encode_frames(images, path, settings, progress, info.num_frames)
