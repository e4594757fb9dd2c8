"""What one method did with the frames of a comparison, and its figures."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arseg_lightning.cost import method_cost
from arseg_lightning.datasets.evaluation import EvaluationClip, EvaluationFrame
from arseg_lightning.methods import StreamResult, VideoMethod
from arseg_lightning.metrics import (
    TemporalConsistency,
    VideoConsistency,
    change_interval,
    confusion_matrix,
    frequency_weighted_iou,
    iou_per_class,
    mean_iou,
    pixel_accuracy,
)
from arseg_lightning.tasks.evaluation import Evaluation
from arseg_lightning.types import ClassSet, Motion

__all__ = ["Compared", "Labelled", "Seen", "Shown", "figures_of"]

Labelled = Callable[[str, EvaluationFrame, NDArray[np.uint8], int], object]
"""Is told a method's name, a frame with a label, the method's labels, (H, W), and the distance."""

Seen = Callable[[str, StreamResult], object]
"""Is told a method's name and each of its results, in the order of the frames."""


class Shown(NamedTuple):
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
        classes: The classes.
        distances: As for :class:`arseg_lightning.tasks.evaluation.Evaluation`.
        size: Height and width of the frames.
        labelled: Called with each labelled frame.
        seen: Called with each result.
    """

    def __init__(
        self,
        name: str,
        method: VideoMethod,
        classes: ClassSet,
        distances: int,
        size: tuple[int, int],
        labelled: Labelled = lambda *_: None,
        seen: Seen = lambda *_: None,
    ) -> None:
        self.name, self.classes, self.labelled, self.seen = name, classes, labelled, seen
        number = classes.num_classes
        self.cost = method_cost(method, size)
        self.evaluation = Evaluation(method, number, distances)
        # Pixels by the reference's class (row) and its own (column)
        self.agreement = torch.zeros(number, number, dtype=torch.int64)
        blank = torch.zeros_like(self.evaluation.metric.confusion)  # (L, K, K)
        self.blocks: dict[int, Tensor] = defaultdict(blank.clone)  # the labelled ones' pixels
        self.consistency = TemporalConsistency(number, distances=len(blank))
        self.latencies_ms = list[float]()
        self.windows = {f"vc{frames}": VideoConsistency(frames) for frames in (8, 16)}
        self.state_bytes = 0
        self._waiting = deque[Shown]()
        self._warm = set[str]()

    def add(self, clip: EvaluationClip, shown: Shown) -> list[StreamResult]:
        """Segment a frame, and count those whose labels came: some methods wait for later ones."""
        self._waiting.append(shown)
        return self._counted(self.evaluation.add(clip))

    def end(self) -> None:
        """Count the frames that still wait for later ones."""
        self._counted(self.evaluation.end())

    def _counted(self, results: list[StreamResult]) -> list[StreamResult]:
        number = self.classes.num_classes
        for result in results:
            shown = self._waiting.popleft()
            frame, own = shown.frame, torch.from_numpy(result.labels)  # (H, W)
            distance = self.evaluation.distance(frame, result)
            truth = own if shown.reference is None else torch.from_numpy(shown.reference)
            self.agreement += confusion_matrix(own, truth, number)
            self.consistency.add(result.labels, shown.motion, distance=distance)
            if result.roles in self._warm:  # a role's first frame takes longer, once
                self.latencies_ms.append(result.busy_ms)
            self._warm.add(result.roles)
            self.seen(self.name, result)
            self.state_bytes = max(self.state_bytes, self.evaluation.state_bytes)
            for window in self.windows.values():
                if frame.label is None or frame.streamed.restart is not None:
                    window.restart()
                if frame.label is not None:
                    window.update(own, torch.from_numpy(frame.label))
            if frame.label is not None:
                confusion = confusion_matrix(own, torch.from_numpy(frame.label), number)
                self.blocks[shown.block][distance] += confusion
                self.labelled(self.name, frame, result.labels, distance)
        return results

    def figures(self) -> dict[str, float | None]:
        """Its figures by name; accuracies where frames had labels."""
        totals, method = self.evaluation.tally, self.evaluation.method
        keyframes = sum(totals.frames[role] for role in method.key_roles)
        pixels, times = int(self.agreement.sum()), np.array(self.latencies_ms or [math.nan])
        return {
            **(self._accuracy() if self.blocks else {}),
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

    def _accuracy(self) -> dict[str, float | None]:
        own = self.evaluation.accuracy()
        return {
            "miou": own.miou_mean,
            "miou_worst": own.miou_min,
            **{name: float(window.compute()) for name, window in self.windows.items()},
            "labels": sum(own.frames_at_distance),
        }

    def at_distances(self) -> dict[str, list[float]]:
        """What has a distance to the keyframe, by name, and the IoU of each class there."""
        consistency = self.consistency
        found = {"temporal_consistency": consistency.miou_at_distance}
        found |= {"flicker": consistency.flicker_at_distance}
        if self.blocks:
            counts = self.evaluation.metric.compute()
            confusion = counts["confusion"]  # (L, K, K)
            found |= {
                "frames": counts["frames"].reshape(-1).double().tolist(),
                "miou": mean_iou(confusion).tolist(),
                "frequency_weighted_iou": frequency_weighted_iou(confusion).tolist(),
                "pixel_accuracy": pixel_accuracy(confusion).tolist(),
            }
            per_class = iou_per_class(confusion).T.tolist()  # (K, L)
            names = (f"iou of {name}" for name in self.classes.names)
            found |= dict(zip(names, per_class, strict=True))
        known = len(found.get("miou", ())) or max(
            (d + 1 for d, each in enumerate(found["flicker"]) if not math.isnan(each)), default=0
        )
        return {name: values[:known] for name, values in found.items()}

    def blocks_of(self, indices: Sequence[int]) -> Tensor:
        """Pixels by block of frames, distance, true and predicted class: (N, L, K, K)."""
        return torch.stack([self.blocks[index] for index in indices])


def figures_of(
    name: str, trainings: Sequence[Compared], reference: Sequence[Compared]
) -> dict[str, Any]:
    """Put together the figures of a method, whose trainings may be several, for tables and files.

    Args:
        name: The method's name.
        trainings: The same method, trained with several seeds: figures are their means.
        reference: What the change of its accuracy is against, training by training: what was
            trained once is compared with the first.
    """
    every = [each.figures() for each in trainings]
    figures = {key: _mean([each[key] for each in every]) for key in every[0]}
    if trainings[0].blocks:
        miou = [each["miou"] or 0.0 for each in every]
        paired = [reference[i % len(reference)] for i in range(len(trainings))]
        others = [each.evaluation.accuracy().miou_mean for each in paired]
        indices = sorted(reference[0].blocks)
        low, high = change_interval(
            [each.blocks_of(indices) for each in trainings],
            [each.blocks_of(indices) for each in paired],
        )
        figures |= {
            "miou_std": float(np.std(miou, ddof=1)) if len(miou) > 1 else None,
            "change": float(np.mean(miou) - np.mean(others)),
            "change_low": low,
            "change_high": high,
        }
    places = [each.at_distances() for each in trainings]
    at_distances = {
        key: [
            _known(_mean(list(values)))
            for values in zip(*(each[key] for each in places), strict=False)
        ]
        for key in places[0]
    }
    return {
        "method": name,
        **{key: _known(value) for key, value in figures.items()},
        "trainings": len(trainings),
        "at_distances": at_distances,
        "roles": dict(trainings[0].evaluation.tally.frames),
    }


def _mean(values: list[float | None]) -> float | int | None:
    """The mean of what all know; of one, the value itself."""
    if any(value is None for value in values):
        return None
    return values[0] if len(values) == 1 else float(np.mean([v for v in values if v is not None]))


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
