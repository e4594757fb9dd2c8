"""The command ``sweep``: runs a W&B sweep file without W&B's server."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from arseg_lightning.sweep import LOG_NAME, Point, read_sweep, run_sweep

__all__ = ["sweep"]


def sweep(
    file: Path,
    run_dir: Path | None = None,
    count: int | None = None,
    seed: int = 0,
    extra: tuple[str, ...] = (),
) -> list[Point]:
    """Run all points of a sweep file, one run folder each; started again, only what is missing.

    The file is a W&B sweep: method grid runs all combinations, random draws points, and bayes draws
    them where Optuna's model expects the best metric. A point that fails is named at the end, and
    the others run all the same. The same command in another terminal, or on another machine, takes
    its share of the points: CUDA_VISIBLE_DEVICES=1 gives it a GPU of its own.
    optuna-dashboard sqlite:///RUN_DIR/study.db shows the points.

    Args:
        file: The sweep file.
        run_dir: Folder of the sweep; by default runs/sweeps/ and the file's name.
        count: How many points to run; by default the file's run_cap, or the whole grid.
        seed: Decides which points are drawn.
        extra: More options for the command of each point; also what comes after ``--``.

    Returns:
        The points that have ended.

    Raises:
        ValueError: If the sweep's folder holds another one.
        SystemExit: With status 1 if a point failed, and 130 if the sweep was stopped by Ctrl-C.
    """
    plan = read_sweep(file)
    folder = run_dir or Path("runs/sweeps") / file.stem
    if any(word.split("=")[0] == "--run_dir" for word in extra):
        raise ValueError(
            "each point has a run folder of its own; give the sweep's --run_dir before --"
        )
    try:
        say = partial(print, flush=True)  # seen at once, also in a file
        points = run_sweep(plan, folder, count, seed, extra, say)
    except KeyboardInterrupt:
        print("stopped; the same command resumes what was running", file=sys.stderr)
        raise SystemExit(130) from None
    failed = [point for point in points if point.error]
    for point in failed:
        print(f"failed: {point.folder.name}: {point.error} (log: {point.folder / LOG_NAME})")
    measured = [(point.metric, point.folder.name) for point in points if point.metric is not None]
    if measured:
        value, name = (max if plan.maximize else min)(measured)
        print(f"best {plan.metric}: {value:.4g}, {name}")
    if failed:
        raise SystemExit(1)
    return points
