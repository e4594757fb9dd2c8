"""Encoding of frames as a video file."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
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
from arseg_lightning.types import size_text
from arseg_lightning.video.decode import decode
from arseg_lightning.video.encoders import EncodeSettings, encoder_options
from arseg_lightning.video.errors import CannotWrite, VideoError
from arseg_lightning.video.probe import file_name, probe
from arseg_lightning.video.sound import Sound

__all__ = ["EncodeSettings", "Progress", "VideoWriter", "encode_frames", "reencode"]

Progress = Callable[[int, int | None], None]
"""Is told how many frames are done, and of how many if that is known."""

_MPEG_TICK = Fraction(1, 90_000)
"""Time base of frames that have their own times: a whole number of ticks at the usual rates."""

_MAX_PIXEL_ASPECT = 255  # some players read numerator and denominator as bytes
_BT601, _LIMITED = 6, 1  # what swscale converts RGB to; written so that players need not guess


# With its index at the start, a file that is cut off later can be read up to the cut.
_WHOLE_MP4 = {"movflags": "+faststart"}
# FFmpeg writes a fragment a second, and makes an ordinary file of them at the end. A second is also
# how long frames wait for sound that comes later.
_GROWING_MP4 = {
    "movflags": "hybrid_fragmented",
    "frag_duration": "1000000",
    "max_interleave_delta": "1000000",
}


class VideoWriter:
    """Writes frames to a video file, which appears when it is complete and not before.

    Used in a ``with`` block; if the block fails, nothing is left and an older file stays. Colours
    are stored at half resolution (4:2:0); frames of odd size, which H.264 cannot store that way,
    keep their size and are stored with full colours (4:4:4).

    Args:
        path: The file; its ending decides the container, ``.mp4`` for instance.
        settings: How to encode.
        display_aspect: Width by height that frames are shown with; by default pixels are square.
        keeps_partial: Whether a block that fails leaves a video of the frames written so far (on
            a full disk, of the complete seconds), and a process that is killed the same under a
            hidden name beside the file; for ``.mp4``.
        sound_of: A video file whose sound is copied, up to each frame's time, as far as MP4 can
            hold it; frames then need times.

    Raises:
        CannotWrite: If the file cannot be written, by ``with``, :meth:`write` or at the end.
        VideoError: If frames differ in size or go back in time, or there is none.
    """

    def __init__(
        self,
        path: Path | str,
        settings: EncodeSettings,
        display_aspect: Fraction | None = None,
        *,
        keeps_partial: bool = False,
        sound_of: Path | None = None,
    ) -> None:
        self.path = Path(path)
        self.settings = settings
        self.display_aspect = display_aspect
        self.keeps_partial = keeps_partial
        self.sound_of = sound_of
        self.num_frames = 0
        self._ticks = -1
        self._time_base = 1 / settings.frame_rate
        self._size: tuple[int, ...] = ()
        self._encoder: tuple[OutputContainer, VideoStream] | None = None
        self._sound: Sound | None = None
        self._partial = partial_path(self.path)
        if keeps_partial and self.path.suffix != ".mp4":
            raise VideoError(f"a video that grows as it is written is an .mp4, got {self.path}")

    @property
    def sound(self) -> str:
        """What became of the sound; empty if there is none."""
        return self._sound.summary if self._sound is not None else ""

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
            if self._sound is not None:
                self._sound.write_until(float(ticks * self._time_base))
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
            if self._sound is not None:
                self._sound.close()
            with suppress(OSError):
                if self.keeps_partial and self.num_frames:
                    self._partial.replace(self.path)
                self._partial.unlink(missing_ok=True)

    def _finish(self) -> None:
        """Write what encoder and sound hold back, and give the file its name."""
        if self._encoder is None:
            if not self.keeps_partial:
                raise VideoError(f"{self.path} would have no frames; give it at least one")
            return
        container, stream = self._encoder
        with self._naming_errors():
            container.mux(stream.encode(None))
            if self._sound is not None:
                end = self._ticks * self._time_base + 1 / self.settings.frame_rate
                self._sound.write_until(float(end))
            container.close()
            self._partial.replace(self.path)

    def _open(self, height: int, width: int) -> tuple[OutputContainer, VideoStream]:
        """Open the file and set the encoder up for frames of a size."""
        options = _WHOLE_MP4 if self.path.suffix in (".mp4", ".m4v", ".mov") else {}
        options = _GROWING_MP4 if self.keeps_partial else options
        container = av.open(file_name(self._partial), "w", options=options)
        # The same frames give the same bytes: Matroska writes random identifiers otherwise.
        container.flags |= cast(int, Flags.bitexact.value)
        codec, settings = self.settings.codec, self.settings
        options = encoder_options(settings)
        stream = cast(VideoStream, container.add_stream(codec, settings.frame_rate, options))
        stream.height, stream.width = height, width
        has_odd_size = bool(height % 2 or width % 2)
        stream.pix_fmt = "yuv444p" if has_odd_size and codec == "libx264" else "yuv420p"
        context = stream.codec_context
        context.thread_count, context.time_base = settings.threads, self._time_base
        context.colorspace, context.color_range = _BT601, _LIMITED
        if settings.bitrate_bps is not None:
            context.bit_rate = settings.bitrate_bps
        if self.display_aspect is not None:
            pixel_aspect = self.display_aspect * height / width
            context.sample_aspect_ratio = pixel_aspect.limit_denominator(_MAX_PIXEL_ASPECT)
        if self.sound_of is not None:
            self._sound = Sound(self.sound_of, container)
        return container, stream

    @contextmanager
    def _naming_errors(self) -> Iterator[None]:
        """Say which file could not be written, what to do, and what is left of it."""
        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as error:
            remedy = remedy_for(error, "check its folder, its ending and the settings")
            reason = getattr(error, "strerror", None) or error
            rest = "nothing of it is left"
            if self.keeps_partial:
                rest = f"of its {self.num_frames} frames those of the complete seconds are kept"
            raise CannotWrite(
                f"{self.path} cannot be written ({reason}); {remedy}; {rest}"
            ) from error


def encode_frames(
    frames: Iterable[NDArray[np.uint8]],
    path: Path | str,
    settings: EncodeSettings,
    progress: Progress | None = None,
    total: int | None = None,
    display_aspect: Fraction | None = None,
) -> int:
    """Write frames, uint8 RGB of shape (H, W, 3), as a video; tells how many there were.

    Args:
        frames: The frames, all of one size.
        path: The video; it appears when it is complete.
        settings: How to encode.
        progress: Is called after each frame.
        total: Number of frames, if it is known, for ``progress``.
        display_aspect: See :class:`VideoWriter`.
    """
    with VideoWriter(path, settings, display_aspect) as writer:
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
    return encode_frames(images, path, settings, progress, info.num_frames, info.display_aspect)
