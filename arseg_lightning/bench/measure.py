"""Runs every variant in turns over the same frames, and takes the time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter

import torch

from arseg_lightning.accelerator import device_name
from arseg_lightning.bench.case import BenchCase
from arseg_lightning.bench.runner import VariantRunner
from arseg_lightning.bench.settings import BenchSettings
from arseg_lightning.bench.variant import variants
from arseg_lightning.datasets.synthetic.scene import DrivingScene
from arseg_lightning.methods import DEFAULT_METHOD, EveryL, NetworkMethodFactory
from arseg_lightning.provenance import machine
from arseg_lightning.report.bench_result import BenchResult, CaseResult
from arseg_lightning.streaming import choose_device
from arseg_lightning.types import size_text
from arseg_lightning.video.encode import EncodeSettings, VideoWriter
from arseg_lightning.video.live import StreamedFrame, open_live

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
    facts = {"device": device_name(choose_device(settings.device))} | machine()
    facts |= {"threads": torch.get_num_threads(), "torch": torch.__version__}
    return BenchResult(facts, asdict(settings), found)


def _measure(
    case: BenchCase, settings: BenchSettings, progress: Progress, method: NetworkMethodFactory
) -> CaseResult:
    """Measure all variants of one case."""
    name = f"{case.name} at {size_text(case.size)}"
    progress(f"{name}: building the variants")
    compared = case.build(settings, method)
    runners = [
        VariantRunner(variant, compared) for variant in variants(compared, case.size, settings)
    ]
    progress(f"{name}: making the clip")
    length = max(_LEAST_FRAMES, *(runner.num_frames for runner in runners))
    frames, decode_ms = _clip(case.size, length)
    for runner in runners:
        progress(f"{name}: warming up {runner.variant.form.name}")
        runner.warm_up(frames)
    for repeat in range(settings.repeats):
        for runner in runners:
            what = runner.variant.form.name
            progress(f"{name}: round {repeat + 1} of {settings.repeats}, {what}")
            runner.round(frames)
    for runner in runners:
        runner.time_stages(frames)
    clocks = [each.clock for each in compared.own.values()]
    interval = next((c.keyframe_interval for c in clocks if isinstance(c, EveryL)), None)
    results = tuple(runner.result() for runner in runners)
    return CaseResult(case.name, case.size, interval, decode_ms, results)


def _clip(size: tuple[int, int], num_frames: int) -> tuple[list[StreamedFrame], float]:
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
    frames[0] = replace(frames[0], restart="start")
    return frames, 1e3 * seconds / len(frames)
