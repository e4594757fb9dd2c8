"""The index of a sweep: its points and their states, in a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from arseg_lightning.files import write_atomic

__all__ = ["CONFIGS", "INDEX_NAME", "PointStatus", "SweepIndex", "SweepPoint", "overlay_names"]

PointStatus = Literal["waiting", "running", "interrupted", "done", "failed"]
"""Interrupted is what was running when the sweep was stopped, and was not resumed yet.

A sweep that was stopped cannot say so itself: its points are running until it is started again.
"""

INDEX_NAME = "sweep.json"
"""Name of the index in a sweep's folder."""

CONFIGS = "config"
"""The parameter whose values are overlays, a file or a list of files, and set no key."""


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One run of a sweep.

    Args:
        values: Values that the sweep sets, by dotted key, in the types of the sweep's file.
        run_dir: Folder of the run, relative to that of the sweep; after a test it holds
            ``result.json``.
        status: How far it is.
        error: Last line of the error of a failed point.
        seconds: How long it took, once it has ended.
        metric: Its value of the sweep's metric, if its logs hold that.
    """

    values: dict[str, Any]
    run_dir: str
    status: PointStatus = "waiting"
    error: str | None = None
    seconds: float | None = None
    metric: float | None = None


@dataclass(frozen=True, slots=True)
class SweepIndex:
    """All points of a sweep in the order in which they start.

    Args:
        file: The sweep's file.
        method: How its points were chosen: ``grid`` or ``random``.
        points: Its points.
        command: Runs for each point.
    """

    file: str
    method: str
    points: tuple[SweepPoint, ...]
    command: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """Write the index as JSON; a reader sees the whole old file or the whole new one."""
        write_atomic(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> SweepIndex:
        """Read an index that :meth:`write` wrote.

        Raises:
            ValueError: If the file is no index of a sweep.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            points = tuple(SweepPoint(**entry) for entry in content.pop("points"))
            command = tuple(content.pop("command", ()))
            return cls(points=points, command=command, **content)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"{path} is no index of a sweep ({error!r}); delete it and start the sweep again"
            ) from error


def overlay_names(files: str | list[str]) -> str:
    """The names of a point's overlays without folders and endings; ``none`` if there are none."""
    listed = [files] if isinstance(files, str) else files
    return "+".join(Path(file).stem for file in listed) or "none"
