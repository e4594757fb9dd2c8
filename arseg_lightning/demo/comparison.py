"""Two methods on a video: pictures of every frame, and the figures of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import tee
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from arseg_lightning.bench import MethodSet, compare_methods
from arseg_lightning.datasets.evaluation import EvaluationFrame
from arseg_lightning.demo.networks import OfferedNetwork
from arseg_lightning.drawing import MotionScale, ShownMotion, motion_picture, overlay
from arseg_lightning.drawing.canvas import resized, shown_size
from arseg_lightning.methods import EveryL, StreamResult
from arseg_lightning.ranges import check_range
from arseg_lightning.streaming.motion_frames import motion_frames
from arseg_lightning.streaming.segmenter import choose_clock
from arseg_lightning.types import ClassSet
from arseg_lightning.video.live import LiveSource, SourceFrame, open_live

__all__ = ["Comparison", "Request", "SegmentedFrame", "compare_two"]

_WIDEST = 960  # pixels of a picture on the page
_QUALITY = 85  # of JPEG


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be shown.

    Args:
        video: The file.
        left: Name of the method on the left.
        right: Name of the method on the right.
        keyframe_interval: Frames from one keyframe to the next, for methods with a clock.
        max_seconds: Where a video is cut whose header does not say that it is longer.

    Raises:
        ValueError: If the interval is below 1.
    """

    video: Path
    left: str
    right: str
    keyframe_interval: int = 12
    max_seconds: float = 20.0

    def __post_init__(self) -> None:
        """Check the interval."""
        check_range(1, keyframe_interval=self.keyframe_interval)


@dataclass(frozen=True, slots=True)
class SegmentedFrame:
    """What a method made of a frame."""

    picture: bytes  # the overlay, a JPEG
    roles: str  # of its steps, joined by +
    is_keyframe: bool
    reason: str | None  # why it had its roles, where the method says so
    busy_ms: float


@dataclass(slots=True)
class Comparison:
    """All that the page shows of a video, in memory: pictures of a few 10 kB each."""

    request: Request
    classes: ClassSet
    # figures of `compare_methods`: every frame by itself first, then left and right
    records: list[dict[str, Any]] = field(default_factory=list)
    frames: dict[str, list[SegmentedFrame]] = field(default_factory=dict)  # by method
    motion: list[bytes] = field(default_factory=list)  # to the keyframe, a JPEG a frame
    seconds: list[float] = field(default_factory=list)  # when each frame is shown
    present: set[int] = field(default_factory=set)  # classes that occur

    @property
    def sides(self) -> tuple[list[SegmentedFrame], list[SegmentedFrame]]:
        """The frames of the left method and of the right one."""
        return self.frames[self.request.left], self.frames[self.request.right]

    def add(self, name: str, result: StreamResult) -> None:
        """Draw what a method made of its next frame."""
        size = shown_size(result.frame.size, widest=_WIDEST)
        image = resized(result.frame.image, size)
        labels = resized(result.labels, size, smooth=False)
        self.present.update(np.unique(labels).tolist())
        made = result.roles, result.is_keyframe, result.reason, result.busy_ms
        picture = _jpeg(overlay(image, labels, self.classes))
        self.frames.setdefault(name, []).append(SegmentedFrame(picture, *made))

    def add_motion(self, shown: ShownMotion, scale: float) -> None:
        """Draw the motion of the next frame."""
        self.motion.append(_jpeg(motion_picture(shown, "wheel", scale)))
        self.seconds.append(shown.frame.pts_seconds)


def compare_two(
    request: Request,
    offered: OfferedNetwork,
    device: torch.device = torch.device("cpu"),  # noqa: B008
    done: Callable[[int, int | None], object] = lambda *_: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Comparison:
    """Run two methods side by side on a video, and every frame by itself beside them.

    Args:
        request: The video and the methods.
        offered: The network in its methods.
        device: Where they run.
        done: Is told after each frame how many are done, and of how many if that is known.
        stopped: Whether to end with the frames that are done.

    Raises:
        ValueError: If there is no such method, or the video cannot be read.
    """
    compared = _chosen(request, offered.compared)
    made = Comparison(request, compared.classes)
    with open_live(request.video, motion="auto") as live:
        frames = _frames(live, request, made, stopped)
        wanted = {request.left, request.right}
        made.records = compare_methods(
            frames,
            compared,
            device=device,
            done=lambda: done(len(made.motion), live.num_frames),
            seen=lambda name, result: made.add(name, result) if name in wanted else None,
        )
    return made


def _chosen(request: Request, known: MethodSet) -> MethodSet:
    """The reference and the methods of both sides, with keyframes at the interval."""
    methods = known.methods
    for name in (request.left, request.right):
        if name not in methods:
            raise ValueError(f"there is no method {name!r}; choose one of {', '.join(methods)}")
    chosen = {name: methods[name] for name in (next(iter(methods)), request.left, request.right)}
    for method in chosen.values():
        if method.clock is not None:
            choose_clock(method, EveryL(request.keyframe_interval))
    return MethodSet({}, chosen, known.classes, known.normalise, known.chaining)


def _frames(
    live: LiveSource, request: Request, made: Comparison, stopped: Callable[[], bool]
) -> Iterator[EvaluationFrame]:
    """The frames up to the longest time or a stop, whose motion is drawn as they pass."""
    frames, followed = tee(_in_time(live, request.max_seconds, stopped))
    scales = MotionScale()
    shown = motion_frames(followed, request.keyframe_interval)
    for streamed, each in zip(frames, shown, strict=True):
        made.add_motion(each, scales.add(each.motion.xy))
        yield EvaluationFrame(streamed, None, 0, request.video.name)


def _in_time(
    live: LiveSource, max_seconds: float, stopped: Callable[[], bool]
) -> Iterator[SourceFrame]:
    for number, streamed in enumerate(live):
        over = streamed.frame.pts_seconds >= max_seconds
        if number and (over or stopped()):  # a first frame there always is
            return
        yield streamed


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
