"""The ``bench`` command: how fast, and how much of what the arithmetic allows."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from arseg_lightning.bench import (
    BenchCase,
    BenchResult,
    BenchSettings,
    bench_table,
    plot_bench,
    stage_table,
)
from arseg_lightning.bench import bench as run_bench
from arseg_lightning.bench.case import Backend
from arseg_lightning.bench.table import machine_line
from arseg_lightning.inference import Compile, Precision

__all__ = ["bench"]

_DEFAULT = ("PSPNet18@360x480", "BiSeNet18@720x960")


def bench(
    cases: list[str] | None = None,
    keyframe_interval: int = 12,
    ratios: list[float] = [0.5],  # noqa: B006
    precisions: list[Precision] = ["float32"],  # noqa: B006
    backends: list[Backend] = ["torch"],  # noqa: B006
    compile: Compile = "no",
    device: str = "auto",
    threads: int | None = None,
    classes: int = 11,
    repeats: int = 5,
    out: Path | None = None,
) -> BenchResult:
    """Measure AR-Seg against 1.0x on every frame, in plain PyTorch and optimised, in one run.

    Networks have random weights, on which speed does not depend. Times run from the decoded frame
    to its labels.

    Args:
        cases: Networks and sizes as NETWORK@HEIGHTxWIDTH; PSPNet18@360x480 and BiSeNet18@720x960
            by default. A network is one of ours, or the dotted path of your own.
        keyframe_interval: L.
        ratios: Scales s of non-keyframes.
        precisions: In what the optimised variants compute.
        backends: torch, and onnxruntime (float32, on the CPU).
        compile: Mode of torch.compile for the optimised variants.
        device: auto, cpu, cuda or cuda:N.
        threads: Threads on the CPU; all cores by default.
        classes: Number of classes.
        repeats: Rounds in which every variant runs once.
        out: JSON file to write; a plot of the same name goes beside it.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    settings = BenchSettings(
        keyframe_interval=keyframe_interval,
        resolution_ratios=tuple(ratios),
        num_classes=classes,
        precisions=tuple(precisions),
        backends=tuple(backends),
        compile=compile,
        device=device,
        repeats=repeats,
    )
    wanted = [BenchCase.parse(text) for text in cases or _DEFAULT]
    start = time.monotonic()

    def progress(what: str) -> None:
        print(f"[{time.monotonic() - start:5.0f} s] {what}", file=sys.stderr, flush=True)

    result = run_bench(wanted, settings, progress)
    print(f"{bench_table(result).markdown()}\n\nA non-keyframe's milliseconds:\n")
    print(f"{stage_table(result).markdown()}\n\n{machine_line(result)}")
    if out is not None:
        result.write(out)
        plot_bench(result, out.with_suffix(".png"))
        print(f"written to {out} and {out.with_suffix('.png')}")
    return result
