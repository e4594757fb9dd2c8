"""Writes frames as a video: keyframes where they are asked for, one reference, no B-frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

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
from arseg_lightning.video.errors import CannotWriteVideo, VideoError
from arseg_lightning.video.probe import file_name, probe

if TYPE_CHECKING:
    from arseg_lightning.video.fragmented_mp4 import FragmentFile

__all__ = ["EncodeSettings", "Progress", "VideoWriter", "encode_frames", "open_container"]
__all__ += ["reencode"]

Pixels = NDArray[np.uint8]

Progress = Callable[[int, int | None], None]
"""Is told how many frames are done, and of how many if that is known."""

_NEEDS_EVEN_SIZE = ("libx264", "libx265")
"""Encoders that store colours at half resolution for even sizes only."""

_CLOCK = Fraction(1, 90_000)
"""In what frames with their own times are timed: the ticks of MPEG, whole for the usual rates."""

_FINEST = 255
"""Largest number that a pixel's width by its height is written with; some players read a byte."""

_BT601, _LIMITED = 6, 1
"""The colours that swscale converts RGB to; said in the file so that players need not guess."""


class VideoWriter:
    """Writes frames to a video file, which appears when it is complete and not before.

    Used in a ``with`` block; if the block fails, nothing is left and an older file stays. Colours
    are stored at half resolution (4:2:0); frames of odd size, which H.264 cannot store that way,
    keep their size and are stored with full colours (4:4:4).

    Args:
        path: The file; its ending decides the container, ``.mp4`` for instance.
        settings: How to encode.
        display_aspect: Width by height that frames are shown with; by default pixels are square.

    Raises:
        CannotWriteVideo: If the file cannot be written, by ``with``, :meth:`write` or at the end.
        VideoError: If frames differ in size or go back in time, or there is none.
    """

    def __init__(
        self, path: Path | str, settings: EncodeSettings, display_aspect: Fraction | None = None
    ) -> None:
        self.path = Path(path)
        self.display_aspect = display_aspect
        self.settings = settings
        self.num_frames = 0
        self._ticks = -1
        self._time_base = 1 / settings.frame_rate
        self._size: tuple[int, int] | None = None
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._partial = partial_path(self.path)

    def __enter__(self) -> Self:
        """Make the folder."""
        with self._naming_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
        return self

    def write(self, image: Pixels, pts_seconds: float | None = None) -> None:
        """Append a frame.

        Args:
            image: uint8 RGB of shape (H, W, 3).
            pts_seconds: When it is shown, for all frames or for none; by the frame rate if none.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(
                f"a frame is uint8 of shape (H, W, 3), got {image.dtype} {image.shape}"
            )
        # Before the file is opened: the first frame's time decides its time base.
        ticks = self._ticks_at(pts_seconds)
        container, stream = self._opened((image.shape[0], image.shape[1]))
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        picture.pts, picture.time_base = ticks, self._time_base
        with self._naming_errors():
            container.mux(stream.encode(picture))
        self._ticks = ticks
        self.num_frames += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the file its name, or leave nothing if the block failed."""
        try:
            if kind is None:
                if self._container is None or self._stream is None:
                    raise VideoError(f"{self.path} would have no frames; give it at least one")
                with self._naming_errors():
                    self._container.mux(self._stream.encode(None))
                    self._container.close()
                    self._partial.replace(self.path)
        finally:
            if self._container is not None:
                with suppress(OSError, ValueError):  # it could not be written, so nor can its end
                    self._container.close()
            with suppress(OSError):
                self._partial.unlink(missing_ok=True)

    def _ticks_at(self, pts_seconds: float | None) -> int:
        """When a frame is shown, in ticks; the first frame decides which."""
        if pts_seconds is None:
            return self.num_frames
        if self.num_frames == 0:
            self._time_base = _CLOCK
        ticks = round(pts_seconds / self._time_base)
        if ticks <= self._ticks:
            raise VideoError(
                f"frame {self.num_frames} of {self.path} is shown at {pts_seconds:g} s, not after "
                f"the one before it ({float(self._ticks * self._time_base):g} s)"
            )
        return ticks

    def _opened(self, size: tuple[int, int]) -> tuple[OutputContainer, VideoStream]:
        """The open file; the first frame decides the size."""
        if self._container is None or self._stream is None:
            self._size = size
            with self._naming_errors():
                self._container = self._open()
                self._stream = self._add_stream(self._container, size)
        elif size != self._size:
            raise VideoError(
                f"frame {self.num_frames} of {self.path} is {size_text(size)}, those before are "
                f"{size_text(self._size or ())} (height x width); scale all frames to one size"
            )
        return self._container, self._stream

    def _open(self) -> OutputContainer:
        # With its index in front, a file that is cut off later can still be read up to the cut.
        fast = self._partial.suffix in (".mp4", ".m4v", ".mov")
        return open_container(self._partial, None, {"movflags": "+faststart"} if fast else {})

    def _add_stream(self, container: OutputContainer, size: tuple[int, int]) -> VideoStream:
        """Set the encoder up."""
        settings, (height, width) = self.settings, size
        options = encoder_options(settings)
        stream = container.add_stream(settings.codec, rate=settings.frame_rate, options=options)
        if not isinstance(stream, VideoStream):
            raise TypeError(f"{settings.codec} encodes no video")
        stream.height, stream.width = height, width
        is_odd = height % 2 or width % 2
        stream.pix_fmt = "yuv444p" if is_odd and settings.codec in _NEEDS_EVEN_SIZE else "yuv420p"
        context = stream.codec_context
        context.thread_count, context.time_base = settings.threads, self._time_base
        context.colorspace, context.color_range = _BT601, _LIMITED
        if settings.bitrate_bps is not None:
            context.bit_rate = settings.bitrate_bps
        if self.display_aspect is not None:
            pixel = self.display_aspect * height / width
            context.sample_aspect_ratio = pixel.limit_denominator(_FINEST)
        return stream

    def _remains(self) -> str:
        """What is left if a frame cannot be written."""
        return "nothing of it is left"

    @contextmanager
    def _naming_errors(self) -> Iterator[None]:
        """Say which file could not be written, and what to do."""
        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as error:
            remedy = remedy_for(error, "check its folder, its ending and the settings")
            reason = getattr(error, "strerror", None) or error
            raise CannotWriteVideo(
                f"{self.path} cannot be written ({reason}); {remedy}; {self._remains()}"
            ) from error


def encode_frames(
    frames: Iterable[Pixels],
    path: Path | str,
    settings: EncodeSettings,
    progress: Progress | None = None,
    total: int | None = None,
    display_aspect: Fraction | None = None,
) -> int:
    """Write frames as a video.

    Args:
        frames: uint8 RGB images of shape (H, W, 3), all of one size.
        path: The video; it appears when it is complete.
        settings: How to encode.
        progress: Is called after each frame.
        total: Number of frames, if it is known, for ``progress``.
        display_aspect: See :class:`VideoWriter`.

    Returns:
        The number of frames written.

    Raises:
        CannotWriteVideo: If the file cannot be written.
        VideoError: If frames differ in size, or there is none.
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

    Args:
        source: Any video; what of it is damaged is handled as :func:`decode` does.
        path: The copy; it appears when it is complete.
        settings: How to encode; ``fps`` is taken from the source.
        progress: Is called after each frame.

    Returns:
        The number of frames written.

    Raises:
        NotAVideo: If the source is none.
        CannotWriteVideo: If the copy cannot be written.
    """
    info = probe(source)
    settings = replace(settings, fps=info.fps)
    images = (frame.image for frame in decode(source, size=info.size))
    return encode_frames(images, path, settings, progress, info.num_frames, info.display_aspect)


def open_container(
    file: Path | FragmentFile, container_format: str | None, options: dict[str, str]
) -> OutputContainer:
    """Open a file for writing, so that the same frames give the same bytes."""
    target = file_name(file) if isinstance(file, Path) else file
    container = av.open(target, "w", format=container_format, options=options)
    container.flags |= cast(int, Flags.bitexact.value)  # without Matroska's random identifiers
    return container
