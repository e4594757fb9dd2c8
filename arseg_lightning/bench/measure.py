"""Runs every variant in turns over the same frames, and takes the time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch

from arseg_lightning import native
from arseg_lightning.bench.case import BenchCase, Compared
from arseg_lightning.bench.clip import make_clip
from arseg_lightning.bench.result import BenchResult, CaseResult
from arseg_lightning.bench.runner import VariantRunner
from arseg_lightning.bench.settings import BenchSettings
from arseg_lightning.bench.variant import variants
from arseg_lightning.methods import DEFAULT_METHOD, EveryL, NetworkMethodFactory
from arseg_lightning.streaming import choose_device
from arseg_lightning.streaming.device import device_name
from arseg_lightning.types import size_text

__all__ = ["bench"]

Progress = Callable[[str], None]

_LEAST_FRAMES = 12
"""Of a clip: opening a shorter one takes longer than decoding it."""


def bench(
    cases: Sequence[BenchCase],
    settings: BenchSettings,
    progress: Progress,
    method: NetworkMethodFactory = DEFAULT_METHOD,
) -> BenchResult:
    """Measure all variants of all cases on the frames of a synthetic driving scene.

    A frame's time runs from the decoded image to the labels in the host's memory: composing the
    motion, normalising, downscaling, networks, fusion, labels. Every variant is run once to warm
    up, then all run in turns, so that what else the machine does hits all of them alike; medians
    count. Where the time of a frame goes is measured in a round of its own.

    Args:
        cases: Networks and experiments, and sizes.
        settings: How.
        progress: Is told what is under way.
        method: Builds the method around the networks.

    Raises:
        ValueError: If there is no such case or device, or a method does not run as wanted.
    """
    found = tuple(_measure(case, settings, progress, method) for case in cases)
    return BenchResult(_machine(settings), dataclasses.asdict(settings), found)


def _measure(
    case: BenchCase, settings: BenchSettings, progress: Progress, method: NetworkMethodFactory
) -> CaseResult:
    """Measure all variants of one case."""
    name = f"{case.name} at {size_text(case.size)}"
    progress(f"{name}: building the variants")
    compared = case.build(settings, method)
    runners = [
        VariantRunner(variant, compared, settings)
        for variant in variants(compared, case.size, settings)
    ]
    progress(f"{name}: making the clip")
    length = max(_LEAST_FRAMES, *(runner.num_frames for runner in runners))
    clip = make_clip(case.size, length)
    for runner in runners:
        progress(f"{name}: warming up {runner.variant.name}")
        runner.warm_up(clip.frames)
    for repeat in range(settings.repeats):
        for runner in runners:
            progress(f"{name}: round {repeat + 1} of {settings.repeats}, {runner.variant.name}")
            runner.round(clip.frames)
    for runner in runners:
        runner.time_stages(clip.frames)
    results = tuple(runner.result() for runner in runners)
    return CaseResult(case.name, case.size, _interval(compared), clip.decode_ms, results)


def _interval(compared: Compared) -> int | None:
    """The keyframe interval of the first method that has a fixed one."""
    clocks = [method.clock for method in compared.own.values()]
    return next((c.keyframe_interval for c in clocks if isinstance(c, EveryL)), None)


def _machine(settings: BenchSettings) -> dict[str, Any]:
    """Where and when the figures were taken."""
    device = device_name(choose_device(settings.device))
    torch_facts = {"threads": torch.get_num_threads(), "torch": torch.__version__}
    return {"device": device} | native.machine() | torch_facts
