"""Finds the result files of runs, and says what is missing or cannot be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arseg_lightning.report.result import MethodResult, RunResult
from arseg_lightning.report.sweep_index import INDEX_NAME, SweepIndex

__all__ = ["Collection", "Run", "collect", "without_seed"]

_SEED = re.compile(r"[-_./\\](?:seed[-_=]?|s)\d+(?=$|[/\\]|\.[a-z]+$)")


@dataclass(frozen=True, slots=True)
class Run:
    """A result with the name of its run.

    Args:
        name: Name of the run's folder, or of the file if that is not called ``result``; what
            names the seed is left out.
        path: The result file.
        result: What it holds.
        values: What a sweep set for this run, by dotted key.
    """

    name: str
    path: Path
    result: RunResult
    values: Mapping[str, Any] = field(default_factory=dict)

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
        found = dict(_runs_in(path, problems))
        runs |= found
        if path.is_dir():
            problems += _untested(path) if found else [_no_result(path)]
    if not runs:
        raise FileNotFoundError("\n".join(problems) or "name at least one run folder")
    _name_by_sweep(runs, paths, problems)
    in_order = sorted(runs.values(), key=lambda run: _natural(run.path))
    different = {repr(run.result): run for run in reversed(in_order)}
    for run in in_order:
        if (first := different[repr(run.result)]) is not run:
            problems.append(f"{run.path} is a copy of {first.path}, left out")
    kept = [run for run in in_order if different[repr(run.result)] is run]
    return Collection(tuple(kept), tuple(dict.fromkeys(problems)))


def without_seed(text: str) -> str:
    """Leave out what names a seed at the end of a name or of a part of a path."""
    return _SEED.sub("", text)


def _runs_in(path: Path, problems: list[str]) -> Iterator[tuple[Path, Run]]:
    files = [path] if path.is_file() else sorted(path.rglob("*.json"))
    for file in files:
        try:
            if _is_result(file, wanted=file == path or file.stem.startswith("result")):
                yield file.resolve(), Run(_name(file), file, RunResult.read(file))
        except (OSError, ValueError) as error:
            problems.append(f"not readable, left out: {error}")


def _is_result(file: Path, wanted: bool) -> bool:
    """Whether a file has to be read as a result."""
    if wanted:
        return True
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return isinstance(content, dict) and {"methods", "provenance"} <= content.keys()


def _name(file: Path) -> str:
    if not file.stem.startswith("result"):
        return without_seed(file.stem)
    folder = file.resolve().parent
    return Path(without_seed(str(folder))).name or folder.name


def _untested(folder: Path) -> list[str]:
    """Name the runs that were trained but not tested."""
    runs = sorted(file.parent for file in folder.rglob("fit.yaml"))
    return [_no_result(run) for run in runs if not any(run.rglob("result*.json"))]


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
    for path in paths:
        for file in sorted(path.rglob(INDEX_NAME)) if path.is_dir() else ():
            try:
                index = SweepIndex.read(file)
            except ValueError as error:
                problems.append(f"not readable, left out: {error}")
                continue
            for point in index.points:
                folder = (file.parent / point.run_dir).resolve()
                if point.status == "failed":
                    problems.append(f"{folder} failed in its sweep: {point.error}")
                label = _label(point.values)
                for place, run in runs.items():
                    if folder in place.parents:
                        runs[place] = Run(label or run.name, run.path, run.result, point.values)


def _label(values: Mapping[str, Any]) -> str:
    """Say what a sweep set, but for the seed."""
    short = {key.rpartition(".")[2]: value for key, value in values.items()}
    return ", ".join(f"{k} {v}" for k, v in short.items() if k not in ("seed", "seed_everything"))


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """Sort numbers in names by their value."""
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]
