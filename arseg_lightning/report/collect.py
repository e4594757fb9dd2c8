"""Result files of runs: finding and naming them, and what is missing or cannot be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arseg_lightning.files import natural_key
from arseg_lightning.report.result import MethodResult, RunResult

__all__ = ["Collection", "Run", "collect", "without_seed"]

_SEED = re.compile(r"[-_./\\,](?:seed(?:_everything)?[-_=]?|s)\d+(?=$|[/\\,]|\.[a-z]+$)")


@dataclass(frozen=True, slots=True)
class Run:
    """A result with the name of its run.

    Args:
        name: Name of the run's folder, or of the file if that is not called ``result``; what
            names the seed is left out.
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
    def config(self) -> Mapping[str, Any]:
        """The run's configuration; empty if it is not known."""
        return self.result.provenance.config

    def method(self, name: str) -> MethodResult | None:
        """One of its methods by name."""
        return next((method for method in self.result.methods if method.name == name), None)


@dataclass(frozen=True, slots=True)
class Collection:
    """Runs with a result, and a line for whatever is missing or cannot be read."""

    runs: tuple[Run, ...]
    problems: tuple[str, ...] = ()


def collect(paths: Iterable[Path]) -> Collection:
    """Read all results in folders and files; what cannot be read does not stop the rest.

    A result is ``result*.json`` in a run's folder, or any other JSON file of that content. Folders
    are searched with all folders in them.

    Raises:
        FileNotFoundError: If a path does not exist, or none holds a result.
    """
    runs: dict[Path, Run] = {}
    problems: list[str] = []
    given = []
    for path in paths:
        given.append(str(path))
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist; give run folders or result files")
        files = [path] if path.is_file() else sorted(path.rglob("*.json"))
        found = {file.resolve(): _read(file, file == path, problems) for file in files}
        runs |= {file: run for file, run in found.items() if run is not None}
        trained = sorted(record.parent for record in path.rglob("fit.yaml"))
        problems += [
            f"{run} holds no result; test it: python -m arseg_lightning test "
            f"--config {run}/fit.yaml --ckpt_path {run}/last.ckpt"
            for run in trained
            if not any(run.rglob("result*.json"))
        ]
    if not runs:
        problems.append(f"no result (result*.json) in {', '.join(given)}; `test` writes one")
        raise FileNotFoundError("\n".join(dict.fromkeys(problems)))
    # A copied result would count as another seed.
    kept: dict[str, Run] = {}
    for run in sorted(runs.values(), key=lambda run: [*map(natural_key, run.path.parts)]):
        first = kept.setdefault(repr(run.result), run)
        if first is not run:
            problems.append(f"{run.path} is a copy of {first.path}, left out")
    return Collection(tuple(kept.values()), tuple(dict.fromkeys(problems)))


def without_seed(text: str) -> str:
    """Leave out what names a seed at the end of a name or of a part of a path."""
    return _SEED.sub("", text)


def _read(file: Path, is_asked_for: bool, problems: list[str]) -> Run | None:
    """Read a result; None for a JSON file of another content, and where it is broken."""
    is_named = file.stem.startswith("result")
    folder = file.resolve().parent
    # A folder of seeds is named after its parent: other/seed2 is a run of "other".
    name = Path(without_seed(str(folder))).name if is_named else without_seed(file.stem)
    name = re.sub("^point[-,]", "", name)  # of a sweep
    try:
        if not is_named and not is_asked_for:
            content = json.loads(file.read_text(encoding="utf-8"))
            if not (isinstance(content, dict) and {"methods", "provenance"} <= content.keys()):
                return None
        return Run(name, file, RunResult.read(file))
    except (OSError, ValueError) as error:
        named = error if str(file) in str(error) else f"{file}: {error}"
        problems.append(f"not readable, left out: {named}")
        return None
