"""Headers of video files, and obstacles to the use of their motion vectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import SideDataContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from arseg_lightning.video.errors import NoMotionVectors, NotAVideo, VideoError

__all__ = ["MOTION_CODECS", "VideoInfo", "codec_name", "file_name", "frame_rate"]
__all__ += ["motion_obstacle", "motion_remedy", "open_video", "packets", "probe"]
__all__ += ["quarter_turns", "require_motion", "side_data", "video_stream"]

MOTION_CODECS = frozenset({"flv1", "h264", "mpeg1video", "mpeg2video", "mpeg4"})
"""Codecs whose decoder in FFmpeg exports motion vectors; HEVC, VP8, VP9 and AV1 do not."""

_STILL_FORMATS = ("image2", "tty")


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Header of a video file."""

    path: Path
    codec: str  # such as h264 or hevc
    size: tuple[int, int]  # height and width of the frames as they are shown
    fps: float  # on average
    num_frames: int | None  # by the header, which need not say, and need not be right
    quarter_turns: int  # counter-clockwise, for which the frames ask


def probe(path: Path | str) -> VideoInfo:
    """Read a video's header and its first frame.

    Raises:
        FileNotFoundError: If there is no such file.
        NotAVideo: If it is not a video, or no frame of it can be decoded.
        VideoError: If it asks to be shown mirrored.
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
        if _is_mirrored(first):
            raise VideoError(
                f"{path} asks to be shown mirrored, which is not done here; encode it as it is to "
                f"be seen: ffmpeg -i {path.name} seen.mp4"
            )
        turns, size = quarter_turns(first), (first.height, first.width)
        num_frames = stream.frames
        if container.format.name.startswith(("mov,", "avi")):
            # Without the frames that an edit list hides or AVI leaves empty.
            num_frames = sum(each.size > 0 and not each.is_discard for each in stream.index_entries)
        return VideoInfo(
            path=path,
            codec=codec,
            size=size[::-1] if turns % 2 else size,
            fps=float(frame_rate(stream)),
            num_frames=num_frames or None,
            quarter_turns=turns,
        )


def quarter_turns(picture: VideoFrame) -> int:
    """Quarter turns, counter-clockwise, with which a picture is to be shown (phones make such)."""
    angle = picture.rotation  # beyond 180 degrees where the file says nonsense
    return round(angle / 90) % 4 if abs(angle) <= 180 else 0


def _is_mirrored(picture: VideoFrame) -> bool:
    """Whether the display matrix of a picture swaps its sides: turns keep them."""
    found = side_data(picture, "DISPLAYMATRIX")
    if found is None:
        return False
    a, b, _, c, d = np.frombuffer(bytes(found), np.int32)[:5].astype(float)
    return bool(a * d < b * c)


def side_data(picture: VideoFrame, kind: str) -> Any:
    """What was decoded beside a picture, of one kind; None if there is none."""
    # `picture.side_data` refers to the picture and the picture to it: it would stay in memory until
    # garbage is collected, and the decoder take new memory for the next (a sixth of the time)
    container: Any = SideDataContainer  # its types lack the constructor
    return container(picture).get(kind)


def require_motion(info: VideoInfo, can_reencode: bool = True) -> None:
    """Raise :class:`NoMotionVectors` for a video whose motion vectors cannot be used.

    ``can_reencode`` says whether the command that asks has the option ``--motion reencode``.
    """
    if obstacle := motion_obstacle(info.codec, info.quarter_turns):
        remedy = motion_remedy(info.path, can_reencode)
        raise NoMotionVectors(f"{info.path} {obstacle}; {remedy}")


def motion_remedy(path: Path, can_reencode: bool = True) -> str:
    """Advice on a video without motion vectors that can be used."""
    return (
        f"{'use --motion reencode, or ' if can_reencode else ''}make a copy that has them: "
        f"python -m arseg_lightning encode --source {path} --output COPY.mp4"
    )


def motion_obstacle(codec: str, quarter_turns: int = 0) -> str | None:
    """Reason why a stream's motion vectors cannot be used, worded to follow its name."""
    if codec not in MOTION_CODECS:
        return (
            f"is {codec}, which FFmpeg exports no motion vectors for (it does for "
            f"{', '.join(sorted(MOTION_CODECS))})"
        )
    if quarter_turns:
        return "asks to be turned, and its motion vectors do not fit such frames"
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


def packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Read packets as far as the file can be read; the last one is empty and flushes."""
    with suppress(av.FFmpegError, IndexError):  # the last: streams that come and go
        yield from container.demux(stream)


def codec_name(stream: VideoStream) -> str:
    """Name of the codec, not of its decoder; ``unknown`` if FFmpeg has no decoder."""
    # PyAV has no context for a codec that it does not know, whatever its types say.
    is_known = getattr(stream, "codec_context", None) is not None
    return stream.codec_context.codec.canonical_name if is_known else "unknown"


def frame_rate(stream: VideoStream) -> Fraction:
    """Average frames per second; 25 where the file does not say."""
    return stream.average_rate or stream.guessed_rate or Fraction(25)


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
