"""Segmentation of a video source into a pipe: for the next program, while it goes on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from arseg_lightning.ranges import check_range
from arseg_lightning.streaming.folder import LiveOptions, Watch, write_results
from arseg_lightning.streaming.outputs import VideoOutput
from arseg_lightning.streaming.record import StreamRecord, StreamStatistics
from arseg_lightning.streaming.segmenter import Segmenter
from arseg_lightning.types import ClassSet
from arseg_lightning.video.errors import PipeClosed
from arseg_lightning.video.live import LiveMotion
from arseg_lightning.video.pipe import PipeWriter
from arseg_lightning.video.timed_video import TimedVideo, video_settings

__all__ = ["claimed_standard_output", "segment_to_pipe"]

_TARGET = "standard output"


class PipedOverlay(VideoOutput):
    """Overlays in a pipe, as H.264.

    Args:
        descriptor: The pipe's number in this process.
        classes: The classes.
        fps: Frames per second, about.
    """

    def __init__(self, descriptor: int, classes: ClassSet, fps: float) -> None:
        writer = PipeWriter(descriptor, "images", video_settings(fps))
        super().__init__(TimedVideo(writer, fps), _TARGET, classes)


class PipedLabels(VideoOutput):
    """Class indices in a pipe, as grey values without loss.

    Args:
        descriptor: The pipe's number in this process.
        fps: Frames per second, about.
    """

    def __init__(self, descriptor: int, fps: float) -> None:
        writer = PipeWriter(descriptor, "values", video_settings(fps))
        super().__init__(TimedVideo(writer, fps, Image.Resampling.NEAREST), _TARGET, None)


def segment_to_pipe(
    segmenter: Segmenter,
    source: str | Path,
    descriptor: int,
    *,
    outputs: Sequence[str] = ("overlay",),
    motion: LiveMotion = "auto",
    limit: int | None = None,
    consistency: bool = False,
    live: LiveOptions = LiveOptions(),  # noqa: B008
    watch: Watch = lambda *_: None,
) -> StreamRecord:
    """Segment a source from start to end, or until nobody reads the pipe any more.

    Args:
        segmenter: The method.
        source: A source of :func:`open_live`.
        descriptor: The pipe's number in this process.
        outputs: ``overlay``, or ``labels`` (class indices as grey values); one of them.
        motion: Source of the motion, see :meth:`Segmenter.open`.
        limit: Most frames.
        consistency: Whether temporal consistency and flicker are measured along the motion.
        live: How the source is read.
        watch: Is called after each frame.

    Raises:
        OSError, ValueError: If the source or an argument cannot be used.
    """
    check_range(1, limit=limit)
    if [*outputs] not in (["overlay"], ["labels"]):
        raise ValueError(
            f"{_TARGET} takes one of overlay and labels, got {', '.join(outputs) or 'nothing'}; "
            f"name it with --outputs, or write to a folder"
        )
    with segmenter.open(source, motion, with_motion=consistency, **asdict(live)) as opened:
        statistics = StreamStatistics(segmenter, consistency)
        writer: VideoOutput = PipedLabels(descriptor, opened.fps)
        if "overlay" in outputs:
            writer = PipedOverlay(descriptor, segmenter.classes, opened.fps)
        try:
            ended = write_results(segmenter, opened, [writer], statistics, limit, watch)
        except PipeClosed as error:
            ended = str(error)
        return statistics.record(opened, [writer], ended)


@contextmanager
def claimed_standard_output() -> Iterator[int]:
    """Give the number of a pipe to standard output, and send all that is printed to the errors'.

    Raises:
        ValueError: If standard output is a terminal.
    """
    if os.isatty(1):
        raise ValueError(
            "standard output is a terminal, which shows no video; pipe it (… --output - | ffplay "
            "-), or give a folder"
        )
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield kept
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
