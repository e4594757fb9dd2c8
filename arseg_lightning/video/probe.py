"""Says what a video file holds, and whether its motion vectors can be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from arseg_lightning.video.errors import NoMotionVectors, NotAVideo

__all__ = ["MOTION_CODECS", "VideoInfo", "open_video", "probe", "require_motion"]

MOTION_CODECS = frozenset({"flv1", "h264", "mpeg1video", "mpeg2video", "mpeg4"})
"""Codecs whose decoder in FFmpeg exports motion vectors (each tried); HEVC, VP9 and AV1 do not."""

_STILL_FORMATS = ("image2", "tty")
_FALLBACK_RATE = Fraction(25)


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file holds.

    Args:
        path: The file.
        codec: Name of the codec, such as ``h264`` or ``hevc``.
        height: Rows of the pictures as they are shown (behind the rotation).
        width: Columns of the pictures as they are shown.
        frame_rate: Average frames per second, exact.
        num_frames: Frames as counted by the file's index; None if it has none. A damaged file
            gives fewer.
        rotation_degrees: Counter-clockwise turn that the file asks players for: 0, 90, 180, 270.
        has_b_frames: Whether pictures may be coded in another order than they are shown in.
    """

    path: Path
    codec: str
    height: int
    width: int
    frame_rate: Fraction
    num_frames: int | None
    rotation_degrees: int
    has_b_frames: bool

    @property
    def fps(self) -> float:
        """Average frames per second."""
        return float(self.frame_rate)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures as they are shown."""
        return self.height, self.width

    @property
    def exports_motion(self) -> bool:
        """Whether the decoder gives motion vectors that fit the pictures as they are shown."""
        return self.codec in MOTION_CODECS and self.rotation_degrees == 0


def probe(path: Path | str) -> VideoInfo:
    """Read a video's header and its first picture.

    Raises:
        FileNotFoundError: If there is no such file.
        NotAVideo: If it is not a video, or no picture of it can be decoded.
    """
    path = Path(path)
    with open_video(path) as (container, stream):
        first = _first_frame(container, stream)
        if first is None:
            raise NotAVideo(
                f"{path}: no picture of this {codec_name(stream)} stream can be decoded; "
                f"the file is damaged: get it again"
            )
        turned = first.rotation % 180 != 0
        return VideoInfo(
            path=path,
            codec=codec_name(stream),
            height=first.width if turned else first.height,
            width=first.height if turned else first.width,
            frame_rate=frame_rate(stream),
            num_frames=stream.frames or None,
            rotation_degrees=first.rotation % 360,
            has_b_frames=bool(stream.codec_context.has_b_frames),
        )


def require_motion(info: VideoInfo) -> None:
    """Refuse a video whose motion vectors cannot be used.

    Raises:
        NoMotionVectors: If the codec exports none, or the pictures are turned for showing.
    """
    if info.codec not in MOTION_CODECS:
        raise NoMotionVectors(
            f"{info.path} is {info.codec}, and FFmpeg exports no motion vectors for it (it does "
            f"for {', '.join(sorted(MOTION_CODECS))}); use --motion reencode, or make an H.264 "
            f"copy: python -m arseg_lightning encode --source {info.path} --output COPY.mp4"
        )
    if info.rotation_degrees:
        raise NoMotionVectors(
            f"{info.path} asks to be turned by {info.rotation_degrees} degrees, and its motion "
            f"vectors do not fit the turned pictures; use --motion reencode, or make an upright "
            f"copy: python -m arseg_lightning encode --source {info.path} --output COPY.mp4"
        )


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file and find its video stream, or say what the file is instead.

    Raises:
        FileNotFoundError: If there is no such file.
        NotAVideo: If it is not a video.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is {'a folder' if path.is_dir() else 'missing'}; give a video file"
        )
    try:
        container = av.open(str(path))
    except (av.FFmpegError, ValueError) as error:
        raise NotAVideo(
            f"{path} cannot be read as a video ({error.strerror or error}); is it another kind of file, "
            f"or cut off before its index was written?"
        ) from error
    with container:
        yield container, _video_stream(path, container)


def codec_name(stream: VideoStream) -> str:
    """The codec's name, whatever the decoder that reads it is called."""
    return stream.codec_context.codec.canonical_name


def frame_rate(stream: VideoStream) -> Fraction:
    """Average frames per second; 25 where the file does not say."""
    return stream.average_rate or stream.guessed_rate or _FALLBACK_RATE


def _video_stream(path: Path, container: InputContainer) -> VideoStream:
    """The first stream of moving pictures; cover art and single images are none."""
    still = container.format.name in _STILL_FORMATS or container.format.name.endswith("_pipe")
    if still:
        raise NotAVideo(f"{path} is no video but a {container.format.long_name}; give a video file")
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise NotAVideo(f"{path} has no video stream ({container.format.long_name}); give a video file")


def _first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame | None:
    """The first picture that decodes."""
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        if frames:
            return frames[0]
    return None
