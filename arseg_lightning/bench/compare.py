"""Comparison of several methods on the frames of one video, without labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from arseg_lightning.cost import MethodCost, method_cost
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.methods import Stream, StreamResult, VideoMethod
from arseg_lightning.methods.motion_track import MotionTrack
from arseg_lightning.metrics import Flicker, confusion_matrix, mean_iou
from arseg_lightning.streaming.stream_statistics import StreamStatistics
from arseg_lightning.video.chain import Chaining
from arseg_lightning.video.live import SourceFrame

__all__ = ["Compared", "compare_methods"]


@dataclass
class Compared:
    """What one method did with a video.

    Args:
        name: Its name.
        cost: What its roles cost.
        confusion: Pixels by the reference's class (row) and its own (column), (K, K).
        flicker: How often its labels change where nothing but motion happens.
        statistics: Keyframes, roles, times.
    """

    name: str
    cost: MethodCost
    confusion: torch.Tensor
    flicker: Flicker = field(default_factory=Flicker)
    statistics: StreamStatistics = field(default_factory=StreamStatistics)

    def record(self) -> dict[str, Any]:
        """Its statistics by name, for tables and files."""
        known = self.statistics.summary()
        latency = known["latency_ms"].get("all", {})
        total = int(self.confusion.sum())
        return {
            "method": self.name,
            "agreement_miou": float(mean_iou(self.confusion)),
            "agreement_pixels": int(self.confusion.diagonal().sum()) / total if total else 0.0,
            "flicker": self.flicker.share,
            "gmacs": self.cost.mean_over(self.statistics.executed, known["frames"]) / 1e9,
            "mean_ms": latency.get("mean"),
            "p95_ms": latency.get("p95"),
            "max_ms": latency.get("max"),
            "frames": known["frames"],
            "keyframes": known["keyframes"],
            "roles": known["roles"],
        }


def compare_methods(
    frames: Iterable[SourceFrame],
    methods: Mapping[str, VideoMethod],
    num_classes: int,
    normalise: Normalisation | None = None,
    chaining: Chaining = "subpixel",
    show: Callable[[int], None] = lambda done: None,
) -> list[Compared]:
    """Run methods side by side on the same frames.

    Args:
        frames: Of one video, as a live source gives them.
        methods: By name, in eval mode; the first is the reference that others are compared with.
        num_classes: Number of classes K.
        normalise: How their networks want their images.
        chaining: How motion is composed over frames.
        show: Is told the number of frames that are done.

    Raises:
        ValueError: If there are no frames, or a method cannot be streamed or counted.
    """
    streams = {name: Stream(method, normalise, chaining) for name, method in methods.items()}
    found: dict[str, Compared] = {}
    track: MotionTrack | None = None
    for done, frame in enumerate(frames, start=1):
        if not found:
            blank = torch.zeros(num_classes, num_classes, dtype=torch.int64)
            for name, method in methods.items():
                cost = method_cost(method, frame.frame.size)
                has_keyframes = bool(method.key_roles)
                statistics = StreamStatistics(with_keyframes=has_keyframes)
                found[name] = Compared(name, cost, blank.clone(), statistics=statistics)
        if track is None or frame.restart is not None:
            track, motion = MotionTrack(frame, "previous", False, chaining), None
        else:
            track.take(frame)
            motion = track.to_previous()
        reference: StreamResult | None = None
        for name, stream in streams.items():
            result = stream.push(frame)
            reference = reference or result
            truth, own = (torch.from_numpy(each.labels) for each in (reference, result))
            found[name].confusion += confusion_matrix(own, truth, num_classes)
            found[name].flicker.add(result.labels, motion)
            found[name].statistics.add(result)
        show(done)
    if not found:
        raise ValueError("the video has no frames that could be compared")
    return [*found.values()]
