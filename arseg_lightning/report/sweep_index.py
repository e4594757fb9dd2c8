"""Index of a sweep: its points and their states, kept in a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from arseg_lightning.files import write_atomic

__all__ = ["CONFIGS", "INDEX_NAME", "PointStatus", "SweepIndex", "SweepPoint", "overlay_names"]

PointStatus = Literal["waiting", "running", "interrupted", "done", "failed"]
"""``interrupted``: it was running when the sweep was stopped, and has not resumed yet.

A sweep that was stopped cannot say so: its points are ``running`` until it is started again.
"""

INDEX_NAME = "sweep.json"
"""Name of the index in a sweep's folder."""

CONFIGS = "config"
"""The parameter whose values are overlays, a file or a list of files, and set no key."""


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One run of a sweep."""

    values: dict[str, Any]  # by dotted key, in the types of the sweep's file
    run_dir: str  # relative to the sweep's folder; after a test it holds result.json
    status: PointStatus = "waiting"
    error: str | None = None  # last line
    seconds: float | None = None  # duration, once it has ended
    metric: float | None = None  # the sweep's metric, if its logs hold that


@dataclass(frozen=True, slots=True)
class SweepIndex:
    """All points of a sweep in the order in which they start."""

    file: str
    method: str  # grid, random or bayes
    points: tuple[SweepPoint, ...]
    command: tuple[str, ...] = ()  # run for each point

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
