"""Comparison of several methods on the same frames: of a video, or of labelled data."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arseg_lightning.bench.case import MethodSet
from arseg_lightning.cost import method_cost
from arseg_lightning.datasets import ClipDataModule
from arseg_lightning.datasets.clips import choose_clips
from arseg_lightning.datasets.evaluation import EvaluationClip, EvaluationClips, EvaluationFrame
from arseg_lightning.datasets.needs import EvaluationNeeds
from arseg_lightning.datasets.preparation import prepare_missing
from arseg_lightning.datasets.reader import ClipReader
from arseg_lightning.methods import StreamResult, VideoMethod
from arseg_lightning.methods.motion_track import MotionTrack
from arseg_lightning.metrics import (
    TemporalConsistency,
    VideoConsistency,
    change_interval,
    confusion_matrix,
    mean_iou,
)
from arseg_lightning.tasks.evaluation import Evaluation
from arseg_lightning.types import Motion

__all__ = ["Compared", "LabelledStreams", "compare_methods"]

_BLOCK = 6
"""Frames in a row that count as one for chance: neighbours are alike."""

_MOST_BLOCKS = 64
"""Of more, several are counted together: each is a matrix of the classes for each distance."""


class _Shown(NamedTuple):
    """A frame that a method was shown."""

    frame: EvaluationFrame
    motion: Motion | None  # to the frame before
    block: int
    reference: NDArray[np.uint8] | None  # the first method's labels, (H, W); None for its own


class Compared:
    """What one method did with the frames.

    Args:
        name: Its name.
        method: The method, on its device, in eval mode.
        num_classes: Number of classes K.
        distances: As for :class:`arseg_lightning.tasks.evaluation.Evaluation`.
        size: Height and width of the frames.
    """

    def __init__(
        self,
        name: str,
        method: VideoMethod,
        num_classes: int,
        distances: int,
        size: tuple[int, int],
    ) -> None:
        self.name, self.num_classes = name, num_classes
        self.cost = method_cost(method, size)
        self.evaluation = Evaluation(method, num_classes, distances)
        # Pixels by the reference's class (row) and its own (column)
        self.agreement = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        blank = torch.zeros_like(self.evaluation.metric.confusion)  # (L, K, K)
        self.blocks: dict[int, Tensor] = defaultdict(blank.clone)  # the labelled ones' pixels
        self.consistency, self.latencies_ms = TemporalConsistency(num_classes), list[float]()
        self.windows = {f"vc{frames}": VideoConsistency(frames) for frames in (8, 16)}
        self.state_bytes = 0
        self._waiting = deque[_Shown]()
        self._warm = set[str]()

    def add(self, clip: EvaluationClip, shown: _Shown) -> list[StreamResult]:
        """Segment a frame, and count those whose labels came: some methods wait for later ones."""
        self._waiting.append(shown)
        return self._counted(self.evaluation.add(clip))

    def end(self) -> None:
        """Count the frames that still wait for later ones."""
        self._counted(self.evaluation.end())

    def _counted(self, results: list[StreamResult]) -> list[StreamResult]:
        for result in results:
            shown = self._waiting.popleft()
            frame, own = shown.frame, torch.from_numpy(result.labels)  # (H, W)
            truth = own if shown.reference is None else torch.from_numpy(shown.reference)
            self.agreement += confusion_matrix(own, truth, self.num_classes)
            self.consistency.add(result.labels, shown.motion)
            if result.roles in self._warm:  # a role's first frame takes longer, once
                self.latencies_ms.append(result.busy_ms)
            self._warm.add(result.roles)
            self.state_bytes = max(self.state_bytes, self.evaluation.state_bytes)
            for window in self.windows.values():
                if frame.label is None or frame.streamed.restart is not None:
                    window.restart()
                if frame.label is not None:
                    window.update(own, torch.from_numpy(frame.label))
            if frame.label is not None:
                confusion = confusion_matrix(own, torch.from_numpy(frame.label), self.num_classes)
                self.blocks[shown.block][self.evaluation.distance(frame, result)] += confusion
        return results

    def record(self, reference: Compared) -> dict[str, Any]:
        """Its figures by name, for tables and files, beside those of the reference."""
        totals, method = self.evaluation.tally, self.evaluation.method
        keyframes = sum(totals.frames[role] for role in method.key_roles)
        pixels, times = int(self.agreement.sum()), np.array(self.latencies_ms or [math.nan])
        figures = {
            **(self._accuracy(reference) if self.blocks else {}),
            "agreement_miou": float(mean_iou(self.agreement)),
            "agreement_pixels": int(self.agreement.diagonal().sum()) / max(pixels, 1),
            "temporal_consistency": self.consistency.miou,
            "flicker": self.consistency.flicker,
            "gmacs": self.cost.mean_over(totals.executed, totals.num_frames) / 1e9,
            "mean_ms": times.mean().item(),
            "p95_ms": np.percentile(times, 95).item(),
            "max_ms": times.max().item(),
            "state_mb": self.state_bytes / 1e6,
            "parameters_m": sum(part.numel() for part in method.parameters()) / 1e6,
            "frames": totals.num_frames,
            "keyframes": keyframes if method.key_roles else None,
        }
        unknown = {k: None for k, v in figures.items() if isinstance(v, float) and math.isnan(v)}
        return {"method": self.name, **figures, **unknown, "roles": dict(totals.frames)}

    def _accuracy(self, reference: Compared) -> dict[str, Any]:
        own, other = self.evaluation.accuracy(), reference.evaluation.accuracy()
        blocks = (
            torch.stack([each.blocks[index] for index in sorted(self.blocks)])  # (N, L, K, K)
            for each in (self, reference)
        )
        low, high = change_interval(*blocks)
        return {
            "miou": own.miou_mean,
            "miou_worst": own.miou_min,
            "change": own.miou_mean - other.miou_mean,
            "change_low": low,
            "change_high": high,
            **{name: float(window.compute()) for name, window in self.windows.items()},
            "labels": sum(own.frames_at_distance),
        }


def compare_methods(
    frames: Iterable[EvaluationFrame],
    compared: MethodSet,
    distances: int = 1,
    device: torch.device = torch.device("cpu"),  # noqa: B008
    done: Callable[[], object] = lambda: None,
) -> list[dict[str, Any]]:
    """Run methods side by side on the same frames.

    Args:
        frames: All frames of streams, in their order; a stream's first frame restarts.
        compared: The methods; the first is what the others are compared with.
        distances: At how many distances methods without a clock are counted.
        device: Where they run.
        done: Called after each frame.

    Returns:
        The figures of each method by name; accuracies where frames have labels.

    Raises:
        ValueError: If there are no frames, or a method cannot be streamed or counted.
    """
    found, methods, chaining = list[Compared](), compared.methods, compared.chaining
    blocks: dict[tuple[str, int], int] = {}
    track: MotionTrack | None = None
    for method in methods.values():
        method.to(device).eval()
    if (first := next(iter(methods.values()))).lookahead:
        raise ValueError(
            f"{first.name} waits for later frames, and the others are compared with its labels as "
            f"they come; put a method first that does not, such as PerFrame"
        )
    for frame in frames:
        size = frame.streamed.frame.size
        if not found:
            classes = compared.classes.num_classes
            found = [Compared(*each, classes, distances, size) for each in methods.items()]
        motion = None
        if track is None or frame.streamed.restart is not None:
            track = MotionTrack(frame.streamed, "previous", False, chaining)
        else:
            track.take(frame.streamed)
            motion = track.to_previous()
        place = frame.name.rpartition("/")[0], frame.streamed.frame.index // _BLOCK
        block = blocks.setdefault(place, len(blocks)) % _MOST_BLOCKS
        clip = EvaluationClip([frame], compared.normalise, chaining)
        reference: NDArray[np.uint8] | None = None
        for each in found:
            results = each.add(clip, _Shown(frame, motion, block, reference))
            reference = results[0].labels if reference is None else reference
        done()
    if not found:
        raise ValueError("there are no frames on which methods could be compared")
    for each in found:
        each.end()
    return [each.record(found[0]) for each in found]


class LabelledStreams:
    """Every frame of the test videos of an experiment, up to each video's last label.

    With ``test_pairs: every_distance``, streams start at each of the first L frames, so that each
    label counts at every distance; with ``stream``, at the first.

    Args:
        data: The data of the experiment; what is missing is encoded and cached.
        lookahead: Frames after the last label, for methods that wait for some.

    Raises:
        ValueError: If there are no test data, they are no videos, or no label can count.
    """

    def __init__(self, data: ClipDataModule, lookahead: int = 0) -> None:
        videos = data.videos("test")
        prepare_missing(data.store, videos, None if data.num_workers else 1)
        reader = ClipReader(videos, data.store)
        clips = choose_clips(
            reader,
            data.keyframe_interval,
            "every_start" if data.test_pairs == "every_distance" else "stream",
            EvaluationNeeds(every_frame=True, lookahead=lookahead),
        )
        self._pieces = EvaluationClips(reader, clips, data.normalise)
        self._num_frames = sum(len(clip.shown) for clip in clips)

    def __len__(self) -> int:
        return self._num_frames

    def __iter__(self) -> Iterator[EvaluationFrame]:
        for index in range(len(self._pieces)):
            yield from self._pieces[index].frames
