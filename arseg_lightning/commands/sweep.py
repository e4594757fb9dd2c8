"""The command ``sweep``: runs a W&B sweep file without W&B's server."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import torch

from arseg_lightning.parallel_jobs import available_cores
from arseg_lightning.report.sweep_index import INDEX_NAME, SweepIndex
from arseg_lightning.sweep import LOG_NAME, make_slots, read_sweep, run_sweep

__all__ = ["sweep"]


def sweep(
    file: Path,
    run_dir: Path | None = None,
    count: int | None = None,
    seed: int = 0,
    devices: str | None = None,
    parallel: int | None = None,
    extra: tuple[str, ...] = (),
) -> SweepIndex:
    """Run all points of a sweep file, one run folder each; started again, only what is missing.

    The file is a W&B sweep: method grid runs all combinations, random draws points, and bayes draws
    them where Optuna's model expects the best metric. A point that fails is named at the end, and
    the others run all the same. The same command in another process, also of another machine, takes
    its share of the points; optuna-dashboard sqlite:///RUN_DIR/study.db shows them.

    Args:
        file: The sweep file.
        run_dir: Folder of the sweep; by default runs/sweeps/ and the file's name.
        count: How many points to run; by default the file's run_cap, or the whole grid.
        seed: Decides which points are drawn.
        devices: GPUs, such as 0,1,2,3, or other entries of CUDA_VISIBLE_DEVICES: a point at a time
            on each, which sees no other. One that is given twice takes two points.
        parallel: How many points at once without GPUs.
        extra: More options for the command of each point; also what comes after ``--``.

    Returns:
        The content of sweep.json in the sweep's folder.

    Raises:
        ValueError: If there is no such device, or the sweep's folder holds another one.
        SystemExit: With status 1 if a point failed, and 130 if the sweep was stopped by Ctrl-C.
    """
    plan = read_sweep(file)
    folder = run_dir or Path("runs/sweeps") / file.stem
    if any(word.split("=")[0] == "--run_dir" for word in extra):
        raise ValueError(
            "each point has a run folder of its own; give the sweep's --run_dir before --"
        )
    slots = make_slots(devices, parallel, os.environ, torch.cuda.device_count(), available_cores())
    if plan.early_terminate:
        print("early_terminate needs W&B's server; here every run is completed")
    try:
        say = partial(print, flush=True)  # seen at once, also in a file
        index = run_sweep(plan, folder, count, seed, extra, slots, say)
    except KeyboardInterrupt:
        print("stopped; the same command resumes what was running", file=sys.stderr)
        raise SystemExit(130) from None
    failed = [point for point in index.points if point.status == "failed"]
    print(f"{len(index.points) - len(failed)} of {len(index.points)} points done")
    for point in failed:
        print(f"failed: {point.run_dir}: {point.error} (log: {folder / point.run_dir / LOG_NAME})")
    measured = [(p.metric, p.run_dir) for p in index.points if p.metric is not None]
    if measured:
        value, name = (max if plan.maximize else min)(measured)
        print(f"best {plan.metric}: {value:.4g}, {name}")
    print(f"index: {folder / INDEX_NAME}")
    if failed:
        raise SystemExit(1)
    return index
