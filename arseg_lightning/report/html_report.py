"""A report as one page of HTML that needs nothing but itself."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml  # type: ignore[import-untyped]
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from arseg_lightning.files import write_atomic
from arseg_lightning.report.collect import Run
from arseg_lightning.report.result_tables import class_figures, distance_figures, roles_figures
from arseg_lightning.report.training_curves import find_log, plot_training

__all__ = ["Shown", "write_page"]

_TEMPLATE = "report.html.jinja"
_MOST_RUNS = 24
"""Runs that are shown one by one; the tables hold all."""

_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_BYTES = 4 * 2**20
"""Of a picture: a page is to open on a telephone, too."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture or a table with what it is called and what is said of it."""

    title: str
    content: pd.DataFrame | Path
    num_names: int = 1  # columns of a table that hold names
    about: str = ""

    @property
    def is_table(self) -> bool:
        """Whether it is a table."""
        return isinstance(self.content, pd.DataFrame)

    @property
    def html(self) -> Markup:
        """The table, whose text pandas escapes; or the address of a picture: its bytes."""
        if isinstance(self.content, pd.DataFrame):
            classes = f"names{self.num_names}"
            return Markup(self.content.to_html(index=False, border=0, classes=classes))
        encoded = base64.b64encode(self.content.read_bytes()).decode("ascii")
        return Markup(f"data:image/png;base64,{encoded}")


@dataclass(frozen=True, slots=True)
class _RunSection:
    """What a page shows of one run."""

    name: str
    facts: Mapping[str, Any]
    parts: Sequence[Shown]
    config: str


def write_page(
    path: Path, title: str, parts: Sequence[Shown], runs: Sequence[Run], problems: Sequence[str]
) -> None:
    """Write a page of HTML with its pictures in it: no scripts, nothing from elsewhere.

    Args:
        path: The file.
        title: Its title.
        parts: Tables and pictures about all runs.
        runs: Runs that are shown one by one, up to 24 of them: what was run, losses, accuracy,
            classes, costs, and pictures in the folders of their results.
        problems: What could not be read.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        problems = list(problems)
        sections = [
            _section(run, Path(folder) / str(number), problems)
            for number, run in enumerate(runs[:_MOST_RUNS])
        ]
        page = environment.get_template(_TEMPLATE).render(
            title=title,
            parts=parts,
            sections=sections,
            num_left_out=len(runs) - len(sections),
            problems=problems,
        )
    write_atomic(path, page)


def _section(run: Run, folder: Path, problems: list[str]) -> _RunSection:
    """Put together what is known of a run; what cannot be drawn is a problem."""
    result, about = run.result, run.result.provenance
    facts = {
        "tested on": f"{result.tested_on}, {result.num_samples} labelled frames",
        "keyframe interval": result.keyframe_interval,
        "method": f"{run.own.name} ({run.own.method})",
        "seed": about.seed,
        "code": about.commit,
        "device": about.device,
        "versions": ", ".join(f"{name} {version}" for name, version in about.versions.items()),
        "absent classes": result.absent_classes,
        "result file": run.path,
    }
    parts = [
        Shown("Accuracy over the distance to the keyframe", distance_figures(result)),
        Shown("What each method did, and its cost", roles_figures(result), 2),
        Shown("Accuracy of each class", class_figures(result)),
        *_pictures(run, folder, problems),
    ]
    config = yaml.safe_dump(dict(run.config), sort_keys=False) if run.config else ""
    known = {name: value for name, value in facts.items() if value is not None}
    return _RunSection(run.name, known, parts, config)


def _pictures(run: Run, folder: Path, problems: list[str]) -> Iterator[Shown]:
    """Pictures of a run: its curves, and those that lie in its folder, as `test` left them."""
    folder.mkdir()
    home = run.path.parent
    has_folder = run.path.stem.startswith("result")  # others may share a folder
    log = find_log(home) if has_folder else None
    try:
        if log is not None and (drawn := plot_training(log, folder / "training.png")):
            yield Shown("Training", drawn)
    except ValueError as error:
        problems.append(str(error))
    there = [*sorted(home.glob("*.png")), *sorted(home.glob("*/frames.png"))] if has_folder else []
    for path in there:
        if path.stat().st_size <= _MOST_BYTES and path.read_bytes().startswith(_PNG):
            yield Shown(str(path.relative_to(home).with_suffix("")).replace("_", " "), path)
        else:
            problems.append(f"{path} is no PNG of at most {_MOST_BYTES >> 20} MB, left out")
