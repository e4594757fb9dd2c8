"""What of a sweep was done before, when it is started again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from arseg_lightning.report.sweep_index import INDEX_NAME, PointStatus, SweepIndex, SweepPoint
from arseg_lightning.sweep.plan import Values, identity, point_names
from arseg_lightning.sweep.sweep_file import SweepFile

__all__ = ["VALUES_NAME", "planned_index"]

VALUES_NAME = "sweep_values.json"
"""What a point sets, in the point's folder."""


def planned_index(
    sweep: SweepFile,
    points: Sequence[Values],
    run_dir: Path,
    extra: Sequence[str],
    say: Callable[[str], None],
) -> SweepIndex:
    """The index to start from: what is done stays done, what was running is interrupted.

    Args:
        sweep: The sweep.
        points: Its points.
        run_dir: Folder of the sweep, which may hold an earlier index.
        extra: More options for each point's command.
        say: Receives lines about what is there already.

    Raises:
        ValueError: If the folder holds a sweep with another command.
    """
    command = (*sweep.command, *extra)
    before = _earlier_points(run_dir, command)
    taken = {point.run_dir for point in before.values()}
    planned: list[SweepPoint] = []
    for values, name in zip(points, point_names(sweep, points), strict=True):
        known = before.pop(identity(values), None)
        if known is None:
            while name in taken:
                name += "+"  # a folder of other values has that name
            planned.append(SweepPoint(values, name))
        elif known.status == "done" and (run_dir / known.run_dir / VALUES_NAME).is_file():
            planned.append(known)
        else:
            stopped = known.status in ("running", "interrupted")
            status: PointStatus = "interrupted" if stopped else "waiting"
            planned.append(SweepPoint(values, known.run_dir, status))
    done = sum(point.status == "done" for point in planned)
    say(f"{len(planned)} points in {run_dir}" + (f", {done} of them done already" if done else ""))
    for point in before.values():
        say(f"no longer in {sweep.path}, left as it is: {run_dir / point.run_dir}")
    return SweepIndex(str(sweep.path), sweep.method, tuple(planned), command)


def _earlier_points(run_dir: Path, command: tuple[str, ...]) -> dict[str, SweepPoint]:
    """The points of the sweep that the folder holds already, if it is the same one."""
    path = run_dir / INDEX_NAME
    if not path.is_file():
        return {}
    index = SweepIndex.read(path)
    if index.command != command:
        raise ValueError(
            f"{run_dir} holds a sweep whose command was `{' '.join(index.command)}`, now it is "
            f"`{' '.join(command)}`; give another --run_dir, or delete {run_dir}"
        )
    return {identity(point.values): point for point in index.points}
