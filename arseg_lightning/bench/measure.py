"""Times of all variants, which run in turns over the same frames."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from arseg_lightning.accelerator import choose_device, device_name
from arseg_lightning.bench.case import BenchCase, BenchSettings, MethodSet
from arseg_lightning.bench.variants import Variant, variants
from arseg_lightning.datasets.synthetic.scene import DrivingScene
from arseg_lightning.methods import DEFAULT_METHOD, NetworkMethodFactory, Stream, StreamResult
from arseg_lightning.metrics import Accuracy
from arseg_lightning.provenance import Provenance, machine
from arseg_lightning.report.result import FrameTimes, MethodResult, RoleResult, RunResult, Speed
from arseg_lightning.types import size_text
from arseg_lightning.video.encode import EncodeSettings, VideoWriter
from arseg_lightning.video.live import SourceFrame, open_live

__all__ = ["bench", "made_clip"]

_LEAST_FRAMES = 12  # of a clip: opening a shorter one takes longer than decoding it
_WARM_UP = 3  # at least so many frames warm up
_ALIKE = 3  # frames a round of methods whose frames are all alike: they are slow
_FREE = 24  # frames a round of methods whose roles depend on what frames show


def bench(
    cases: Sequence[BenchCase],
    settings: BenchSettings,
    progress: Callable[[str], None],
    method: NetworkMethodFactory = DEFAULT_METHOD,
) -> list[RunResult]:
    """Measure all variants of all cases on the frames of a synthetic driving scene.

    A frame's time runs from the decoded image to the labels in the host's memory: composing the
    motion, normalising, downscaling, networks, fusion, labels. Every variant is run once to warm
    up, then all run in turns, so that what else the machine does hits all of them alike; medians
    count.

    Args:
        cases: Networks and experiments, and sizes; each has a result.
        settings: How everything is measured.
        progress: Is told what is being measured.
        method: Builds the method around the networks.

    Raises:
        ValueError: If there is no such case or device, or a method does not run as wanted.
    """
    device = choose_device(settings.device)
    facts = machine()
    where = str(facts["cpu"]) if device.type == "cpu" else device_name(device)
    facts |= {"threads": torch.get_num_threads()}
    about = replace(Provenance.collect(None, asdict(settings) | facts), device=where)
    return [_measure(case, settings, progress, method, about) for case in cases]


def _measure(
    case: BenchCase,
    settings: BenchSettings,
    progress: Callable[[str], None],
    method: NetworkMethodFactory,
    about: Provenance,
) -> RunResult:
    """Measure all variants of one case."""
    name = f"{case.name} at {size_text(case.size)}"
    progress(f"{name}: building the variants")
    compared = case.build(settings, method)
    runners = [_Runner(each, compared) for each in variants(compared, case.size, settings)]
    progress(f"{name}: making the clip")
    length = max(_LEAST_FRAMES, *(runner.num_frames + runner.lookahead for runner in runners))
    frames, decode_ms = made_clip(case.size, length)
    for runner in runners:
        progress(f"{name}: warming up {runner.title}")
        runner.warm_up(frames)
    for repeat in range(settings.repeats):
        for runner in runners:
            progress(f"{name}: round {repeat + 1} of {settings.repeats}, {runner.title}")
            runner.round(frames)
    return RunResult(
        data=case.name,
        class_names=compared.classes.names,
        keyframe_interval=compared.keyframe_interval,
        size=case.size,
        methods=tuple(runner.result(decode_ms) for runner in runners),
        num_samples=0,
        provenance=about,
    )


class _Runner:
    """Pushes the frames of a clip through a variant, and keeps the times by role.

    Of a method whose roles repeat, a round is the start and one cycle, of which the cycle counts.
    """

    def __init__(self, variant: Variant, compared: MethodSet) -> None:
        self.variant = variant
        self.title = f"{variant.name}, {variant.form}"
        self.stream = Stream(variant.method, compared.normalise, compared.chaining)
        start, cycle = variant.cycle.start, variant.cycle.cycle
        self.num_start, length = len(start), _ALIKE if len(cycle) == 1 else len(cycle)
        if not variant.cycle.repeats:
            self.num_start, length = 0, _FREE
        self.num_frames = self.num_start + length
        self.lookahead = variant.method.lookahead  # the end would make the last one a keyframe
        # One entry a frame: the roles of its steps, and its times.
        self.timed: list[dict[str, Any]] = []
        self.executed: dict[str, float] = defaultdict(float)
        self.peak_megabytes: float | None = None

    def warm_up(self, frames: Sequence[SourceFrame]) -> None:
        """Run some frames, until every role has run, and see what memory that takes."""
        device = self.stream.device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        waiting = {"+".join(roles) for roles in self.variant.cycle.cycle}
        for index, result in enumerate(self._run(frames)):
            waiting.discard(result.roles)
            if index + 1 >= _WARM_UP and not waiting:
                break
        if device.type == "cuda":  # processors have no such count
            self.peak_megabytes = torch.cuda.max_memory_allocated(device) / 1e6

    def round(self, frames: Sequence[SourceFrame]) -> None:
        """Run over the clip once."""
        for result in islice(self._run(frames), self.num_start, None):
            timed = {"ms": result.busy_ms, "is_keyframe": result.is_keyframe}
            self.timed.append({"roles": result.roles} | timed)
            for step in result.executed:
                self.executed[step.role] += step.share

    def result(self, decode_ms: float) -> MethodResult:
        """Medians and percentiles of all rounds."""
        import pandas as pd  # takes half a second: not before it is needed

        variant, gmacs = self.variant, self.variant.cost.role_gmacs
        timed = pd.DataFrame(self.timed)
        frames = {
            str(roles): FrameTimes(
                frequency=len(alike) / len(timed),
                ms=float(alike.ms.median()),
                gmacs=sum(gmacs[role] for role in str(roles).split("+")),
                is_keyframe=bool(alike.is_keyframe.any()),
            )
            for roles, alike in timed.groupby("roles", sort=False)
        }
        p50, p95, longest = timed.ms.quantile([0.5, 0.95, 1.0]).tolist()
        return MethodResult(
            name=variant.name,
            method=variant.kind,
            kind="baseline" if variant.is_baseline else "own",
            accuracy=Accuracy((), float("nan"), (), ()),
            roles={role: RoleResult(each) for role, each in gmacs.items()},
            # What was executed, not what a cycle would: adaptive methods differ.
            mean_gmacs=variant.cost.mean_over(self.executed, len(timed)) / 1e9,
            speed=Speed(
                form=variant.form,
                mean_ms=sum(each.frequency * each.ms for each in frames.values()),
                p50_ms=p50,
                p95_ms=p95,
                max_ms=longest,
                decode_ms=decode_ms,
                frames=frames,
                peak_megabytes=self.peak_megabytes,
            ),
        )

    def _run(self, frames: Sequence[SourceFrame]) -> Iterator[StreamResult]:
        self.stream.reset()
        results = self.stream.run(frames[: self.num_frames + self.lookahead])
        return islice(results, self.num_frames)


def made_clip(size: tuple[int, int], num_frames: int) -> tuple[list[SourceFrame], float]:
    """Encode a synthetic driving scene, and decode it with its motion: in so many ms a frame."""
    scene = DrivingScene(height=size[0], width=size[1], num_frames=num_frames)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "driving.mp4"
        with VideoWriter(path, EncodeSettings(keyframe_interval=None, fps=30.0)) as writer:
            for image in scene.images():
                writer.write(image)
        start = perf_counter()
        with open_live(path, motion="codec") as live:
            frames = list(live)
        seconds = perf_counter() - start
    frames[0] = replace(frames[0], restart="start")  # every round begins the stream again
    return frames, 1e3 * seconds / len(frames)
