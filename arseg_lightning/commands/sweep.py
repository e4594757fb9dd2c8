"""The command ``sweep``: runs a W&B sweep file without W&B's server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from arseg_lightning.parallel_jobs import available_cores
from arseg_lightning.report.sweep_index import INDEX_NAME, SweepIndex
from arseg_lightning.sweep import SweepFile, choose_points, read_sweep, run_sweep
from arseg_lightning.sweep.places import places
from arseg_lightning.sweep.runner import LOG_NAME

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

    The file is one of W&B's sweeps. Points of method grid are all combinations; those of random
    and bayes are drawn (Bayesian optimisation needs W&B's server). A point that fails is named at
    the end, and the others run all the same.

    Points run one after the other on all that the machine has, or as many at once as --devices or
    --parallel says; those share the processor's cores, and prepare what they share once.

    Args:
        file: The sweep file.
        run_dir: Folder of the sweep; by default runs/sweeps/ and the file's name.
        count: How many points to run; by default the file's run_cap, or the whole grid.
        seed: Decides which points are drawn.
        devices: GPUs, such as 0,1,2,3, or other entries of CUDA_VISIBLE_DEVICES: a point at a time
            on each, which sees no other. One that is given twice takes two points.
        parallel: How many points at once without GPUs.
        extra: More options for the command of each point; also what stands behind ``--``.

    Returns:
        What ran, as it is kept in sweep.json in the sweep's folder.

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
    where = places(devices, parallel, os.environ, torch.cuda.device_count(), available_cores())
    for note in _notes(plan):
        print(note)
    points = choose_points(plan, count, seed)
    try:
        index = run_sweep(plan, points, folder, extra, where, say=_say)
    except KeyboardInterrupt:
        print("stopped; the same command goes on with what was running", file=sys.stderr)
        raise SystemExit(130) from None
    failed = _summarise(index, plan, folder)
    if failed:
        raise SystemExit(1)
    return index


def _say(line: str) -> None:
    """Print progress where it is seen at once, also in a file."""
    print(line, flush=True)


def _notes(plan: SweepFile) -> list[str]:
    """What is done otherwise than W&B's server would."""
    notes = []
    if plan.method == "bayes":
        notes.append("method bayes needs W&B's server; here its points are drawn at random")
    if plan.early_terminate:
        notes.append("early_terminate needs W&B's server; here every run goes to its end")
    return notes


def _summarise(index: SweepIndex, plan: SweepFile, folder: Path) -> int:
    """Say what failed, which point is best, and where everything is; the number of failures."""
    failed = [point for point in index.points if point.status == "failed"]
    print(f"{len(index.points) - len(failed)} of {len(index.points)} points done")
    for point in failed:
        print(f"failed: {point.run_dir}: {point.error} (log: {folder / point.run_dir / LOG_NAME})")
    measured = [(p.metric, p.run_dir) for p in index.points if p.metric is not None]
    if measured:
        value, name = (max if plan.maximize else min)(measured)
        print(f"best {plan.metric}: {value:.4g}, {name}")
    print(f"index: {folder / INDEX_NAME}")
    return len(failed)
