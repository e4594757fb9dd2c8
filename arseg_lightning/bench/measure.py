"""Runs every variant in turns over the same frames, and takes the time."""

from __future__ import annotations

import dataclasses
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from arseg_lightning import native
from arseg_lightning.bench.case import BenchCase, BenchSettings
from arseg_lightning.bench.clip import BenchClip, make_clip
from arseg_lightning.bench.memory import PeakMemory
from arseg_lightning.bench.result import BenchResult, CaseResult, VariantResult
from arseg_lightning.bench.variant import Variant, numbered_classes, variants
from arseg_lightning.streaming import EveryL, Segmenter, choose_device
from arseg_lightning.streaming.device import device_name
from arseg_lightning.models.timing import SectionClock
from arseg_lightning.types import size_text

__all__ = ["bench"]

Progress = Callable[[str], None]


def bench(cases: Sequence[BenchCase], settings: BenchSettings, progress: Progress) -> BenchResult:
    """Measure all variants of all cases on the frames of a made-up street.

    A frame's time runs from the decoded picture to the labels in the host's memory: composing the
    motion, normalising, shrinking, networks, fusion, labels. Every variant is run once to warm up,
    then all run in turns, so that what else the machine does hits all of them alike; medians
    count. Where the time of a frame goes is measured in a round of its own.

    Args:
        cases: Networks and sizes.
        settings: How.
        progress: Is told what is under way.

    Raises:
        ValueError: If there is no such network or device.
    """
    found = []
    for case in cases:
        name = f"{case.network} at {size_text(case.size)}"
        progress(f"{name}: making the clip")
        clip = make_clip(case.size, settings.keyframe_interval)
        progress(f"{name}: building the variants")
        runners = [_Runner(variant, clip, settings) for variant in variants(case, settings)]
        for runner in runners:
            progress(f"{name}: warming up {runner.variant.name}")
            runner.warm_up()
        for repeat in range(settings.repeats):
            for runner in runners:
                progress(f"{name}: round {repeat + 1} of {settings.repeats}, {runner.variant.name}")
                runner.round()
        for runner in runners:
            runner.time_stages()
        results = tuple(runner.result() for runner in runners)
        found.append(CaseResult(case.network, case.size, clip.decode_ms, results))
    return BenchResult(_machine(settings), dataclasses.asdict(settings), tuple(found))


class _Runner:
    """Runs one variant over and over."""

    def __init__(self, variant: Variant, clip: BenchClip, settings: BenchSettings) -> None:
        self.variant = variant
        self.segmenter = Segmenter(
            variant.system,
            numbered_classes(settings.num_classes),
            policy=EveryL(settings.keyframe_interval, on_intra=False),
            uses_motion=not variant.is_every_frame,
            device="cpu" if variant.backend == "onnxruntime" else settings.device,
        )
        self.interval = settings.keyframe_interval
        count = settings.plain_frames if variant.is_every_frame else self.interval
        self.frames = clip.frames[:count]
        self.key_ms: list[float] = []
        self.nonkey_ms: list[float] = []
        self.stages_ms: dict[str, float] = {}
        self.peak_megabytes: float | None = None

    def warm_up(self) -> None:
        """Run a keyframe and two other frames, and see what memory that takes."""
        session = self.segmenter.session()
        memory = PeakMemory(self.segmenter.device)
        for frame in self.frames[:3]:
            session.push(frame)
        self.peak_megabytes = memory.megabytes()

    def round(self) -> None:
        """Run over the clip once."""
        session = self.segmenter.session()
        for frame in self.frames:
            result = session.push(frame)
            times = self.key_ms if result.is_keyframe else self.nonkey_ms
            times.append(result.latency_ms)

    def time_stages(self) -> None:
        """Run over the clip once more, and note where the time of a non-keyframe goes."""
        session = self.segmenter.session()
        taken: dict[str, list[float]] = defaultdict(list)
        for frame in self.frames:
            clock = SectionClock(self.segmenter.device)
            with clock.running():
                result = session.push(frame)
            if result.is_keyframe and not self.variant.is_every_frame:
                continue
            seconds = clock.seconds.items()
            inner = {name: 1e3 * each for name, each in seconds if name != "network"}
            outer = {name: result.stages[name] for name in ("image", "motion", "labels", "network")}
            outer["network"] -= sum(inner.values())
            for name, ms in (outer | inner).items():
                taken[name].append(ms)
        self.stages_ms = {name: statistics.median(each) for name, each in taken.items()}

    def result(self) -> VariantResult:
        """What came of all rounds."""
        variant, cost = self.variant, self.variant.cost
        key = statistics.median(self.key_ms)
        nonkey = statistics.median(self.nonkey_ms) if self.nonkey_ms else key
        if variant.is_every_frame:
            key = nonkey = statistics.median(self.key_ms + self.nonkey_ms)
        everything = np.array(self.key_ms + self.nonkey_ms)
        return VariantResult(
            name=variant.name,
            kind=variant.kind,
            backend=variant.backend,
            precision=variant.precision,
            resolution_ratio=variant.resolution_ratio,
            mean_ms=(key + (self.interval - 1) * nonkey) / self.interval,
            p50_ms=float(np.percentile(everything, 50)),
            p95_ms=float(np.percentile(everything, 95)),
            max_ms=float(everything.max()),
            keyframe_ms=key,
            nonkeyframe_ms=nonkey,
            key_gmacs=cost.key_gmacs,
            nonkey_gmacs=cost.nonkey_gmacs,
            mean_gmacs=cost.mean_gmacs,
            nonkeyframe_stages_ms=self.stages_ms,
            peak_megabytes=self.peak_megabytes,
        )


def _machine(settings: BenchSettings) -> dict[str, Any]:
    """Where and when the figures were taken."""
    device = device_name(choose_device(settings.device))
    torch_facts = {"threads": torch.get_num_threads(), "torch": torch.__version__}
    return {"device": device} | native.machine() | torch_facts
