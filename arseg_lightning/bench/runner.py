"""Runs one variant over and over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from statistics import median

import numpy as np

from arseg_lightning.bench.case import Compared
from arseg_lightning.bench.memory import PeakMemory
from arseg_lightning.bench.variant import Variant
from arseg_lightning.methods import Stream, StreamResult
from arseg_lightning.models.timing import SectionClock
from arseg_lightning.report.bench_result import RoleResult, VariantResult
from arseg_lightning.video.live import StreamedFrame

__all__ = ["VariantRunner"]

_WARM_UP = 3
"""Frames that warm up, at least."""

_ALIKE = 3
"""Frames a round of methods whose frames are all alike: they are slow."""

_FREE = 24
"""Frames a round of methods whose roles depend on what frames show."""


class VariantRunner:
    """Pushes the frames of a clip through a variant, and keeps the times by role.

    Of a method whose roles repeat, a round is the start and one cycle, of which the cycle counts.

    Args:
        variant: The variant.
        compared: What its input needs.
    """

    def __init__(self, variant: Variant, compared: Compared) -> None:
        self.variant = variant
        self.stream = Stream(variant.method, compared.normalise, compared.chaining)
        start, cycle = variant.cycle.start, variant.cycle.cycle
        self.num_start, length = len(start), _ALIKE if len(cycle) == 1 else len(cycle)
        if not variant.cycle.repeats:
            self.num_start, length = 0, _FREE
        self.num_frames = self.num_start + length
        self.times_ms: dict[str, list[float]] = defaultdict(list)
        self.stages_ms: dict[str, dict[str, float]] = {}
        self.executed: dict[str, float] = defaultdict(float)
        self.keyframes: set[str] = set()
        self.peak_megabytes: float | None = None

    def warm_up(self, frames: Sequence[StreamedFrame]) -> None:
        """Run some frames, until every role has run, and see what memory that takes."""
        memory = PeakMemory(self.stream.device)
        waiting = {"+".join(roles) for roles in self.variant.cycle.cycle}
        for index, result in enumerate(self._run(frames)):
            waiting.discard(result.roles)
            if index + 1 >= _WARM_UP and not waiting:
                break
        self.peak_megabytes = memory.megabytes()

    def round(self, frames: Sequence[StreamedFrame]) -> None:
        """Run over the clip once."""
        for index, result in enumerate(self._run(frames)):
            if index < self.num_start:
                continue
            self.times_ms[result.roles].append(result.latency_ms)
            if result.is_keyframe:
                self.keyframes.add(result.roles)
            for step in result.executed:
                self.executed[step.role] += step.share

    def time_stages(self, frames: Sequence[StreamedFrame]) -> None:
        """Run over the clip once more, and note where the time of each role goes."""
        taken: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        clock = SectionClock(self.stream.device)
        with clock.running():
            for result in self._run(frames):
                inner = {name: 1e3 * s for name, s in clock.seconds.items() if name != "network"}
                outer = {name: result.stages[name] for name in ("image", "motion", "labels")}
                outer["network"] = result.stages["network"] - sum(inner.values())
                clock.seconds.clear()
                for name, ms in (outer | inner).items():
                    taken[result.roles][name].append(ms)
        self.stages_ms = {
            roles: {name: median(times) for name, times in stages.items()}
            for roles, stages in taken.items()
        }

    def result(self) -> VariantResult:
        """What came of all rounds."""
        cost = self.variant.cost
        times = np.array([*chain.from_iterable(self.times_ms.values())])
        roles = {
            name: RoleResult(
                frequency=len(times_ms) / len(times),
                ms=median(times_ms),
                gmacs=sum(cost.role_gmacs[role] for role in name.split("+")),
                is_keyframe=name in self.keyframes,
                stages_ms=self.stages_ms.get(name, {}),
            )
            for name, times_ms in self.times_ms.items()
        }
        return VariantResult(
            **asdict(self.variant.form),
            mean_ms=sum(role.frequency * role.ms for role in roles.values()),
            p50_ms=float(np.percentile(times, 50)),
            p95_ms=float(np.percentile(times, 95)),
            max_ms=float(times.max()),
            mean_gmacs=cost.mean_over(self.executed, len(times)) / 1e9,
            roles=roles,
            peak_megabytes=self.peak_megabytes,
        )

    def _run(self, frames: Sequence[StreamedFrame]) -> Iterator[StreamResult]:
        self.stream.reset()
        return map(self.stream.push, frames[: self.num_frames])
