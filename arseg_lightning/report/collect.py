"""Finds the result files of runs, and says what is missing or cannot be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from arseg_lightning.report.result import MethodResult, RunResult
from arseg_lightning.report.sweep_index import CONFIGS, INDEX_NAME, SweepIndex, overlay_names

__all__ = ["Collection", "Run", "collect", "without_seed"]

_SEED = re.compile(r"[-_./\\](?:seed[-_=]?|s)\d+(?=$|[/\\]|\.[a-z]+$)")


@dataclass(frozen=True, slots=True)
class Run:
    """A result with the name of its run.

    Args:
        name: Name of the run's folder, or of the file if that is not called ``result``; what
            names the seed is left out. Of a run of a sweep, what the sweep set.
        path: The result file.
        result: What it holds.
    """

    name: str
    path: Path
    result: RunResult

    @property
    def own(self) -> MethodResult:
        """The method that the run is about."""
        return self.result.methods[-1]

    @property
    def seed(self) -> int | None:
        """Seed of the run."""
        return self.result.provenance.seed

    @property
    def config(self) -> Mapping[str, Any]:
        """The run's configuration; empty if it is not known."""
        return self.result.provenance.config

    def method(self, name: str) -> MethodResult | None:
        """One of its methods by name."""
        return next((method for method in self.result.methods if method.name == name), None)


@dataclass(frozen=True, slots=True)
class Collection:
    """What was found.

    Args:
        runs: Runs with a result.
        problems: What is missing or cannot be read, a line each.
    """

    runs: tuple[Run, ...]
    problems: tuple[str, ...] = ()


def collect(paths: Iterable[Path]) -> Collection:
    """Read all results in folders and files; what cannot be read does not stop the rest.

    A result is ``result*.json`` in a run's folder, or any other JSON file of that content.

    Args:
        paths: Result files, and folders, which are searched with all folders in them.

    Raises:
        FileNotFoundError: If a path does not exist, or none holds a result.
    """
    runs: dict[Path, Run] = {}
    problems: list[str] = []
    paths = list(paths)
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist; give run folders or result files")
        found = _read_all(path, problems)
        runs |= found
        if path.is_dir() and not found:
            problems.append(_no_result(path))
        elif path.is_dir():
            trained = sorted(file.parent for file in path.rglob("fit.yaml"))
            problems += [_no_result(run) for run in trained if not any(run.rglob("result*.json"))]
    if not runs:
        raise FileNotFoundError("\n".join(problems) or "name at least one run folder")
    _name_by_sweep(runs, paths, problems)
    kept: dict[str, Run] = {}
    for run in sorted(runs.values(), key=_natural):
        first = kept.setdefault(repr(run.result), run)
        if first is not run:
            problems.append(f"{run.path} is a copy of {first.path}, left out")
    return Collection(tuple(kept.values()), tuple(dict.fromkeys(problems)))


def without_seed(text: str) -> str:
    """Leave out what names a seed at the end of a name or of a part of a path."""
    return _SEED.sub("", text)


def _read_all(path: Path, problems: list[str]) -> dict[Path, Run]:
    """Read the results in a folder, or the one that a file is."""
    found = {}
    for file in [path] if path.is_file() else sorted(path.rglob("*.json")):
        try:
            if file == path or file.stem.startswith("result") or _looks_like_a_result(file):
                found[file.resolve()] = Run(_name(file), file, RunResult.read(file))
        except (OSError, ValueError) as error:
            problems.append(f"not readable, left out: {error}")
    return found


def _looks_like_a_result(file: Path) -> bool:
    """Whether a file of any name holds what results hold; other JSON files are left alone."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return isinstance(content, dict) and {"methods", "provenance"} <= content.keys()


def _name(file: Path) -> str:
    if not file.stem.startswith("result"):
        return without_seed(file.stem)
    folder = file.resolve().parent
    # A folder of seeds is named after what it is in: other/seed2 is a run of "other".
    return Path(without_seed(str(folder))).name or folder.name


def _no_result(folder: Path) -> str:
    if (folder / "fit.yaml").is_file():
        return (
            f"{folder} holds no result; test it: python -m arseg_lightning test "
            f"--config {folder}/fit.yaml --ckpt_path {folder}/last.ckpt"
        )
    return (
        f"{folder} holds no result (result*.json); `python -m arseg_lightning test` writes one to "
        f"its --run_dir"
    )


def _name_by_sweep(runs: dict[Path, Run], paths: list[Path], problems: list[str]) -> None:
    """Name a sweep's runs after what it set, and tell which of its points failed."""
    for file in (f for path in paths if path.is_dir() for f in sorted(path.rglob(INDEX_NAME))):
        try:
            points = SweepIndex.read(file).points
        except ValueError as error:
            problems.append(f"not readable, left out: {error}")
            continue
        for point in points:
            folder = (file.parent / point.run_dir).resolve()
            if point.status == "failed":
                problems.append(f"{folder} failed in its sweep: {point.error}")
            values = dict(point.values)
            if CONFIGS in values:
                values[CONFIGS] = overlay_names(values[CONFIGS])
            short = {key.rpartition(".")[2]: value for key, value in values.items()}
            shown = (f"{k} {v}" for k, v in short.items() if k not in ("seed", "seed_everything"))
            label = ", ".join(shown)
            for result, run in runs.items():
                if label and folder in result.parents:
                    runs[result] = replace(run, name=label)


def _natural(run: Run) -> list[tuple[int, int | str]]:
    """Sort numbers in names by their value."""
    parts = re.split(r"(\d+)", str(run.path))
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]
