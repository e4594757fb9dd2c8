"""Headers of video files, and obstacles to the use of their motion vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from arseg_lightning.video.errors import NoMotionVectors, NotAVideo

__all__ = ["MOTION_CODECS", "Orientation", "VideoInfo", "codec_name", "file_name", "frame_rate"]
__all__ += ["motion_obstacle", "motion_remedy", "open_video", "packets", "probe"]
__all__ += ["require_motion", "video_stream"]

StreamType = TypeVar("StreamType", VideoStream, AudioStream)

MOTION_CODECS = frozenset({"flv1", "h264", "mpeg1video", "mpeg2video", "mpeg4"})
"""Codecs whose decoder in FFmpeg exports motion vectors; HEVC, VP8, VP9 and AV1 do not."""

_SLANT = 0.02
"""Sine of the angle, about one degree, up to which a turn is taken for one by quarters."""

_STILL_FORMATS = ("image2", "tty")
_COUNTED_ONE_BY_ONE = ("mov,", "avi")
_BARE_FORMATS = ("h264", "hevc", "m4v", "mpegvideo")
_HIGHEST_RATE = 1000
_FALLBACK_RATE = Fraction(25)


class Orientation(NamedTuple):
    """The steps that a display matrix asks for, in their order: quarter turns and mirroring."""

    swaps_axes: bool = False  # rows become columns
    mirrors_x: bool = False  # left and right are swapped
    mirrors_y: bool = False  # top and bottom are swapped

    @classmethod
    def of(cls, frame: VideoFrame) -> Orientation:
        """Read the display matrix of a decoded frame; without one, it is shown as it is.

        A point (x, y) of the frame is shown at (a x + c y, b x + d y). Turns by other than quarters
        are left out, as phones make none.
        Source: ISO/IEC 14496-12, section 8.3.2 (track header box).
        """
        found = frame.side_data.get("DISPLAYMATRIX")
        if not isinstance(found, SideData):
            return cls()
        a, b, _, c, d = np.frombuffer(bytes(found), np.int32)[:5].astype(float)
        if max(abs(a), abs(d)) <= _SLANT * min(abs(b), abs(c)) != 0:
            return cls(swaps_axes=True, mirrors_x=bool(c < 0), mirrors_y=bool(b < 0))
        is_straight = max(abs(b), abs(c)) <= _SLANT * min(abs(a), abs(d))
        return cls(False, bool(is_straight and a < 0), bool(is_straight and d < 0))

    @property
    def is_upright(self) -> bool:
        """Whether frames are shown as they are."""
        return self == Orientation()

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that frames of a size are shown with."""
        return (width, height) if self.swaps_axes else (height, width)

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn and mirror an image, without copying it.

        Shapes:
            image: (H, W, 3)
            returns: (H, W, 3), or (W, H, 3) if the axes are swapped
        """
        shown = image.swapaxes(0, 1) if self.swaps_axes else image
        return shown[:: -1 if self.mirrors_y else 1, :: -1 if self.mirrors_x else 1]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Header of a video file."""

    path: Path
    codec: str  # such as h264 or hevc
    size: tuple[int, int]  # height and width of the frames as they are shown
    frame_rate: Fraction  # on average
    num_frames: int | None  # by the header, which need not say, and need not be right
    orientation: Orientation
    display_aspect: Fraction | None = None  # width by height, if pixels are not square

    @property
    def fps(self) -> float:
        """Average frames per second."""
        return float(self.frame_rate)


def probe(path: Path | str) -> VideoInfo:
    """Read a video's header and its first frame.

    Raises:
        FileNotFoundError: If there is no such file.
        NotAVideo: If it is not a video, or no frame of it can be decoded.
    """
    path = Path(path)
    with open_video(path) as (container, stream):
        first = None
        for packet in packets(container, stream):
            with suppress(av.FFmpegError):
                if first := next(iter(packet.decode()), None):
                    break
        codec = codec_name(stream)
        if first is None:
            raise NotAVideo(
                f"{path}: no frame of this {codec} stream can be decoded; "
                f"the file is damaged, get it again"
            )
        orientation = Orientation.of(first)
        height, width = orientation.size(first.height, first.width)
        pixel = Fraction(stream.sample_aspect_ratio or 1)
        if orientation.swaps_axes:
            pixel = 1 / pixel
        num_frames = stream.frames
        if container.format.name.startswith(_COUNTED_ONE_BY_ONE):
            # Without the frames that an edit list hides or AVI leaves empty.
            num_frames = sum(each.size > 0 and not each.is_discard for each in stream.index_entries)
        return VideoInfo(
            path=path,
            codec=codec,
            size=(height, width),
            frame_rate=frame_rate(stream),
            num_frames=num_frames or None,
            orientation=orientation,
            display_aspect=None if pixel == 1 else pixel * width / height,
        )


def require_motion(info: VideoInfo) -> None:
    """Raise :class:`NoMotionVectors` for a video whose motion vectors cannot be used."""
    if obstacle := motion_obstacle(info.codec, info.orientation):
        raise NoMotionVectors(f"{info.path} {obstacle}; {motion_remedy(info.path)}")


def motion_remedy(path: Path) -> str:
    """Advice on a video without motion vectors that can be used."""
    return (
        f"use --motion reencode, or make a copy that has them: "
        f"python -m arseg_lightning encode --source {path} --output COPY.mp4"
    )


def motion_obstacle(codec: str, orientation: Orientation = Orientation()) -> str | None:  # noqa: B008
    """Reason why a stream's motion vectors cannot be used, worded to follow its name."""
    if codec not in MOTION_CODECS:
        return (
            f"is {codec}, which FFmpeg exports no motion vectors for (it does for "
            f"{', '.join(sorted(MOTION_CODECS))})"
        )
    if not orientation.is_upright:
        return "asks to be turned or mirrored, and its motion vectors do not fit such frames"
    return None


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file and find its video stream.

    Raises:
        FileNotFoundError: If there is no such file.
        NotAVideo: If it is not a video.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"{path} {what}; give a video file")
    try:
        container = av.open(file_name(path))
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NotAVideo(
            f"{path} is not a video that can be read ({reason}); if it should be one, it is "
            f"damaged or was cut off before its index was written: get it again"
        ) from error
    with container:
        yield container, video_stream(path, container)


def file_name(path: Path) -> str:
    """A file's name for FFmpeg, to which a relative ``10:00.mp4`` would name a protocol, ``10``."""
    return str(path.absolute())


def packets(container: InputContainer, *streams: StreamType) -> Iterator[Packet[StreamType]]:
    """Read packets as far as the file can be read; each stream's last one is empty and flushes."""
    with suppress(av.FFmpegError, IndexError):  # the last: streams that come and go
        yield from cast("Iterator[Packet[StreamType]]", container.demux(*streams))


def codec_name(stream: VideoStream | AudioStream) -> str:
    """Name of the codec, not of its decoder; ``unknown`` if FFmpeg has no decoder."""
    # PyAV has no context for a codec that it does not know, whatever its types say.
    is_known = getattr(stream, "codec_context", None) is not None
    return stream.codec_context.codec.canonical_name if is_known else "unknown"


def frame_rate(stream: VideoStream) -> Fraction:
    """Average frames per second; 25 where the file does not say."""
    coded = stream.codec_context.framerate
    # FFmpeg says 25 of streams without a container, whatever they say of themselves.
    if stream.container.format.name in _BARE_FORMATS and coded and 0 < coded <= _HIGHEST_RATE:
        return coded
    return stream.average_rate or stream.guessed_rate or _FALLBACK_RATE


def video_stream(name: Path | str, container: InputContainer) -> VideoStream:
    """The video stream that players show, as FFmpeg chooses it; cover art and stills are none.

    Raises:
        NotAVideo: If there is none.
    """
    kind = container.format
    if kind.name not in _STILL_FORMATS and not kind.name.endswith("_pipe"):
        best = container.streams.best("video")
        streams = container.streams.video
        for stream in (best, *streams) if isinstance(best, VideoStream) else streams:
            cover = stream.disposition & Disposition.attached_pic
            if not cover and codec_name(stream) != "unknown":
                return stream
    raise NotAVideo(
        f"{name} holds no video that can be decoded ({kind.long_name}); give a video file"
    )
