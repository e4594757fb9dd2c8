"""Turns a video file into frames with picture types and motion vectors, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from av.video.stream import VideoStream

from arseg_lightning.types import Frame, size_text
from arseg_lightning.video.conversion import ToRgb, to_frame
from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.pictures import Damage, numbered_pictures
from arseg_lightning.video.probe import VideoInfo, frame_rate, open_video, probe, require_motion
from arseg_lightning.video.timeline import Timeline, read_timeline

__all__ = ["decode", "frame_clock", "read_frames"]

_WORTH_A_SEEK = 8
"""Frames to skip that make up for opening the file once more."""


def decode(
    path: Path | str,
    *,
    motion: bool = False,
    size: tuple[int, int] | None = None,
    threads: int = 1,
) -> Iterator[Frame]:
    """Decode a video from start to end, turned as it asks for.

    Of a damaged video everything is used that decodes. A frame that is lost between others is
    replaced by a copy of the one before it, without vectors, so that every frame (and its label)
    keeps its index; what was lost is said in a warning at the end.

    Args:
        path: The video.
        motion: Also give the codec's motion vectors.
        size: Height and width that all pictures are scaled to; their own by default, and
            always with motion vectors, which do not scale.
        threads: Cores to decode with. Pictures and vectors are the same for any
            number, except that what is made up for damaged parts is another each time for more
            than one. Streams other than H.264 without B-frames are decoded one at a time.

    Returns:
        The frames in display order.

    Raises:
        FileNotFoundError: If there is no such file.
        NotAVideo: If it is not a video.
        NoMotionVectors: If motion vectors are asked for and there are none that fit.
        VideoError: If the size of the pictures changes on the way and ``size`` is not given.

    Warns:
        VideoDamageWarning: If a part could not be decoded.
    """
    if motion and size is not None:
        raise ValueError(f"motion vectors do not scale; leave out one of motion and size={size}")
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    info = probe(Path(path))
    if motion:
        require_motion(info)
    return _decode(info, motion, size, threads)


def read_frames(path: Path | str, indices: Iterable[int]) -> dict[int, Frame]:
    """Decode some frames of a video, without vectors; the same that :func:`decode` gives.

    Decoding starts at the last keyframe before a frame and stops behind the last one asked for.

    Args:
        path: The video.
        indices: Places in display order, from 0.

    Raises:
        FileNotFoundError: If there is no such file.
        NotAVideo: If it is not a video.
        IndexError: If the video has no such frame.

    Warns:
        VideoDamageWarning: If one of the frames could not be decoded.
    """
    path = Path(path)
    timeline = read_timeline(path) if path.is_file() else None
    found: dict[int, Frame] = {}
    for start, group in _groups(sorted(set(indices)), timeline):
        frames = _read_group(path, start, group, timeline)
        if start and (frames is None or len(frames) < len(group)):
            # A stream may refuse to start where its container says that it can.
            frames = _read_group(path, 0, group, timeline)
        found |= frames or {}
        missing = [index for index in group if index not in found]
        if missing:
            raise IndexError(f"{path} has no frame {missing[0]}; its frames are counted from 0")
    return found


def frame_clock(timeline: Timeline | None, stream: VideoStream) -> Callable[[int], float]:
    """The time of a frame: its own where the file says it, else by the frame rate."""
    rate = frame_rate(stream)

    def seconds(index: int) -> float:
        known = timeline is not None and index < len(timeline)
        return timeline.seconds(index) if timeline and known else float(index / rate)

    return seconds


def _decode(
    info: VideoInfo, motion: bool, size: tuple[int, int] | None, threads: int
) -> Iterator[Frame]:
    """Decode all frames and report the damage."""
    damage, rgb = Damage(info.path), ToRgb()
    timeline = read_timeline(info.path)
    with open_video(info.path) as (container, stream):
        if motion:
            stream.codec_context.options = {"flags2": "+export_mvs"}
        # Where pictures are shown in another order than coded, FFmpeg gives out the vectors of
        # one while another thread still writes them.
        if threads > 1 and info.codec == "h264" and not info.has_b_frames:
            stream.thread_type = "FRAME"
            stream.codec_context.thread_count = threads + 1  # as FFmpeg counts: one waits
        seconds = frame_clock(timeline, stream)
        for numbered in numbered_pictures(container, stream, timeline, damage):
            frame = to_frame(numbered, info.path, seconds, motion, size, rgb)
            if frame.size != (size or info.size):
                raise VideoError(
                    f"{info.path} changes its size: frame {frame.index} is "
                    f"{size_text(frame.size)}, the first is {size_text(info.size)} (height x "
                    f"width); make a copy of one size: "
                    f"python -m arseg_lightning encode --source {info.path} --output COPY.mp4"
                )
            yield frame
    damage.warn()


def _read_group(
    path: Path, start: int, group: list[int], timeline: Timeline | None
) -> dict[int, Frame] | None:
    """Decode frames from one starting point; None if the stream does not start there."""
    wanted, found, damage, rgb = set(group), {}, Damage(path), ToRgb()
    with open_video(path) as (container, stream):
        if timeline is not None and start:
            timeline.seek(container, stream, start)
        seconds = frame_clock(timeline, stream)
        for numbered in numbered_pictures(container, stream, timeline, Damage(path), start):
            if start and numbered.place == start and numbered.is_copy:
                return None
            if numbered.place in wanted:
                damage.replaced += [numbered.place] * numbered.is_copy
                found[numbered.place] = to_frame(numbered, path, seconds, rgb=rgb)
            if numbered.place >= group[-1]:
                break
    damage.warn()
    return found


def _groups(wanted: list[int], timeline: Timeline | None) -> Iterator[tuple[int, list[int]]]:
    """Split ascending indices where skipping to a keyframe saves decoding."""
    if not wanted:
        return
    if wanted[0] < 0:
        raise IndexError(f"frames are counted from 0, got {wanted[0]}")
    start, group = 0, list[int]()
    for index in wanted:
        keyframe = timeline.keyframe_before(index) if timeline else 0
        position = group[-1] if group else start
        if keyframe - position >= _WORTH_A_SEEK:
            if group:
                yield start, group
            start, group = keyframe, []
        group.append(index)
    yield start, group
