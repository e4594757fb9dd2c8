"""The command ``bench``: speed of methods, and the share of it that their arithmetic allows."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch

from arseg_lightning.bench import BenchCase, BenchSettings
from arseg_lightning.bench import bench as run_bench
from arseg_lightning.bench.case import Backend
from arseg_lightning.inference import Compile, Precision
from arseg_lightning.methods import DEFAULT_METHOD, NetworkMethodFactory
from arseg_lightning.ranges import check_range
from arseg_lightning.report.result import RunResult, write_bench

__all__ = ["bench"]

_DEFAULT = ("PSPNet18@360x480", "BiSeNet18@720x960")


def bench(
    cases: list[str] | None = None,
    method: NetworkMethodFactory | None = None,
    keyframe_interval: int | None = None,
    precisions: list[Precision] = ["float32"],  # noqa: B006
    backends: list[Backend] = ["torch"],  # noqa: B006
    compile: Compile = "no",
    device: str = "auto",
    threads: int | None = None,
    classes: int = 11,
    repeats: int = 5,
    out: Path | None = None,
) -> list[RunResult]:
    """Measure a video method against its baselines, in plain PyTorch and optimised, in one run.

    Networks that are named have random weights, on which speed does not depend. Times run from the
    decoded frame to its labels.

    Args:
        cases: NETWORK@HEIGHTxWIDTH, one of our networks or the dotted path of yours; or a run's
            folder, hf:USER/REPO or file of configuration instead. Two of our networks by default.
        method: Method that networks run in, AR-Seg by default, and its options, such as
            --method ARSeg --method.resolution_ratio 0.7; experiments have their own.
        keyframe_interval: L, for methods with a clock; the method's own by default.
        precisions: In what the optimised variants compute.
        backends: torch, onnxruntime and openvino (float32, on the CPU).
        compile: Mode of torch.compile for the optimised variants.
        device: auto, cpu, cuda, cuda:N or mps (Apple's GPU).
        threads: Threads on the CPU; all cores by default.
        classes: Number of classes of networks that are named.
        repeats: Rounds in which every variant runs once.
        out: JSON file to write.
    """
    # pandas is slow to import: only commands that write tables wait for it
    from arseg_lightning.report.bench_tables import bench_table, machine_line
    from arseg_lightning.report.table_files import markdown

    check_range(1, threads=threads)
    torch.set_num_threads(threads or torch.get_num_threads())
    settings = BenchSettings(
        keyframe_interval=keyframe_interval,
        num_classes=classes,
        precisions=tuple(dict.fromkeys(precisions)),
        backends=tuple(dict.fromkeys(backends)),
        compile=compile,
        device=device,
        repeats=repeats,
    )
    start = time.monotonic()

    def progress(what: str) -> None:
        print(f"[{time.monotonic() - start:5.0f} s] {what}", file=sys.stderr, flush=True)

    wanted = [BenchCase.parse(text) for text in dict.fromkeys(cases or _DEFAULT)]
    results = run_bench(wanted, settings, progress, method or DEFAULT_METHOD)
    print(f"{markdown(bench_table(results), 2)}\n\n{machine_line(results)}")
    if out is not None:
        write_bench(results, out)
        print(f"written to {out}")
    return results
