"""Results of runs beside the paper's: which row they are, and whether they may be compared.

    python -m experiments.reproduction.arseg.compare runs/…             # prints tables
    python -m experiments.reproduction.arseg.compare --document FILE.md   # makes its tables again

A document names a study beside the paper by a line ``<!-- arseg-results: FILES… -->``, with the
options of ``results`` (see ``python -m arseg_lightning tables --help``).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from arseg_lightning.files import write_atomic
from arseg_lightning.report import RunResult, documents
from arseg_lightning.report.collect import Run, collect
from arseg_lightning.report.result_tables import results_table, study_table
from arseg_lightning.report.rows import look_up, measurements, own_rows, rows_with_baselines
from arseg_lightning.report.study import study_rows
from arseg_lightning.report.table_files import markdown
from arseg_lightning.types import size_text
from experiments.reproduction.arseg.paper import PaperRow, Recipe, find_row, paper_data
from experiments.reproduction.arseg.recipe import class_name, recipe_of

__all__ = ["TABLES", "Comparison", "common_recipe", "compare", "paper_change"]
__all__ += ["results_beside_paper", "studies_of", "study_beside_paper"]

_TESTS_LIKE_THE_PAPER = {
    "camvid": ("CamVid", "PublishedCamVid"),
    "cityscapes": ("Cityscapes", "PublishedCityscapes"),
}

_NETWORK_OF_ABLATIONS = "PSPNet18"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row of the paper for one of our figures.

    Args:
        row: The row.
        obstacles: Why the accuracies may not be compared; empty if they may.
    """

    row: PaperRow
    obstacles: tuple[str, ...]

    def points(self, miou: float) -> float | None:
        """Our mIoU (in [0, 1]) less the paper's, in points; None if they may not be compared."""
        return None if self.obstacles else 100 * miou - self.row.miou


def compare(result: RunResult, method: str) -> Comparison | None:
    """Find the paper's row of a method; None unless the configuration says that there is one."""
    recipe = recipe_of(result, method)
    data = next((name for name in _TESTS_LIKE_THE_PAPER if result.data.startswith(name)), None)
    row = find_row(data, recipe) if recipe and data else None
    return Comparison(row, tuple(_obstacles(result, row.data))) if row else None


def paper_change(recipe: Recipe | None, reference: Recipe | None) -> tuple[float, str] | None:
    """Say what the change from one recipe to another did in the paper, on CamVid.

    The paper has its ablations for one network only; for others its figures are of that one.

    Returns:
        The change in points, and the network of which the paper says so; None if the paper has not
        both rows, or they are the same.
    """
    if recipe is None or reference is None or recipe.network != reference.network:
        return None
    for network in (recipe.network, _NETWORK_OF_ABLATIONS):
        one, other = (
            find_row("camvid", replace(each, network=network)) for each in (recipe, reference)
        )
        if one and other and one != other:
            return one.miou - other.miou, network
    return None


def common_recipe(runs: Sequence[Run]) -> Recipe | None:
    """What the own method of runs is, if the configurations tell, and the same for all runs."""
    recipes = {recipe_of(run.result, run.own.name) for run in runs}
    return recipes.pop() if len(recipes) == 1 else None


def studies_of(
    measured: pd.DataFrame, reference: str | None = None, baseline: str | None = None
) -> list[pd.DataFrame]:
    """Find what can be compared: rows of one network on the same data, with a reference.

    Args:
        measured: Measurements of the runs.
        reference: Name of the reference, whose network and data alone are compared; by default
            there is a study for each that has AR-Seg as the paper proposes it, once.
        baseline: Name of the s x baseline.

    Raises:
        ValueError: If a name is that of no row.
    """
    study_rows(measured, reference, baseline)  # refuses names of no row
    rows = own_rows(measured)
    rows["recipe"] = rows.runs.map(common_recipe)
    rows["family"] = [recipe.network if recipe else "" for recipe in rows.recipe]
    studies = []
    for _, family in rows.groupby(["data", "family"], sort=False):
        proposed = [recipe and recipe == Recipe(recipe.network) for recipe in family.recipe]
        names = [reference] if reference else family.row[list(map(bool, proposed))].tolist()
        is_named = not (reference or baseline) or (reference or baseline) in family.row.tolist()
        if len(names) == 1 and len(family) > 1 and is_named:
            members = measured[measured.group.isin(family.index)]
            studies.append(study_rows(members, names[0], baseline))
    return studies


def results_beside_paper(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Lay out accuracy and cost of every method, and the paper's figure where it has one.

    Returns:
        The table, whose differences are in points, and notes below it: why some accuracies may not
        be compared, which the table refers to by number, and what is uncertain.
    """
    numbers: dict[str, int] = {}
    lines: list[tuple[str, str, str]] = []
    for runs, method, miou in zip(rows.runs, rows.method, rows.miou, strict=True):
        comparison = compare(runs[0].result, method)
        if comparison is None:
            lines.append(("", "", ""))
            continue
        paper, points = comparison.row, comparison.points(miou)
        if points is None:
            number = numbers.setdefault("; ".join(comparison.obstacles), len(numbers) + 1)
            difference = f"[{number}]"
        else:
            difference = f"{points:+.2f}"
        doubt = " (?)" if paper.unreliable else ""
        lines.append((f"{paper.table}: {paper.name}", f"{paper.miou:.2f}{doubt}", difference))
    notes = [f"[{number}] not comparable: {text}" for text, number in numbers.items()]
    if any("(?)" in miou for _, miou, _ in lines):
        notes.append("(?) the paper's figure could not be read with certainty")
    if any(name for name, _, _ in lines):
        notes.append("The paper's figures are quoted (Hu et al., CVPR 2023), not measured here.")
    columns = ["paper's row", "paper's mIoU %", "difference"]
    paper_columns = pd.DataFrame(lines, index=rows.index, columns=columns)
    return results_table(rows).join(paper_columns), "\n".join(notes)


def study_beside_paper(rows: pd.DataFrame) -> pd.DataFrame:
    """Lay out a study, and what the same changes did in the paper.

    The paper's change is that of its mIoU between the same two recipes; in brackets the network, if
    it has them for another one only.
    """
    recipes = rows.runs.map(common_recipe)
    reference = next(iter(recipes[rows.is_reference]), None)
    cells = []
    for recipe in recipes:
        change = paper_change(recipe, reference)
        if recipe is None or change is None:
            cells.append("")
            continue
        points, network = change
        other = "" if network == recipe.network else f" ({network})"
        cells.append(f"{round(points, 1) + 0.0:+.1f}{other}")  # + 0.0 makes -0.0 positive
    return study_table(rows).assign(**{"paper's change": cells})


def _obstacles(result: RunResult, name: str) -> Iterator[str]:
    """In what a test differs from the paper's."""
    paper = paper_data(name)
    if len(result.class_names) != paper.num_classes:
        yield f"{len(result.class_names)} classes (paper: {paper.num_classes})"
    if result.size != paper.size:
        yield f"{size_text(result.size)} (paper: {size_text(paper.size)})"
    data: dict[str, Any] = result.provenance.config.get("data") or {}
    test = data.get("test") or {}
    tested = class_name(test)
    if tested not in _TESTS_LIKE_THE_PAPER[name]:
        yield f"tested on {tested or 'unknown data'} (paper: {_TESTS_LIKE_THE_PAPER[name][0]})"
        return
    split = look_up(test, "split")
    if split != paper.split:
        yield f"split {split} (paper: {paper.split})"
    if look_up(test, "frames") not in ("video", None):
        yield "clips made from stills (paper: from the recordings)"
    if data.get("test_pairs") != "every_distance":
        yield f"test_pairs {data.get('test_pairs')} (paper: every_distance)"
    if look_up(result.provenance.config, "trainer.limit_test_batches") not in (None, 1.0):
        yield "only a part of the test data"


TABLES = documents.TABLES | {
    "arseg-results": replace(
        documents.TABLES["results"],
        make=lambda files, **options: markdown(
            study_beside_paper(documents.study_of(files, **options))
        ),
    )
}
"""Kinds of tables in documents by the word in the marker, with those of this paper."""


def main(words: Sequence[str] | None = None) -> None:
    """Print results beside the paper's, or make the tables of a document again."""
    parser = argparse.ArgumentParser(description="Results of runs beside the paper's.")
    parser.add_argument("runs", nargs="*", type=Path, help="folders of runs, and result files")
    parser.add_argument("--reference", help="name of the row that others are compared with")
    parser.add_argument("--baseline", help="name of the row of the s x baseline")
    parser.add_argument("--document", type=Path, help="Markdown file whose tables are made again")
    arguments = parser.parse_args(words)
    if arguments.document is not None:
        text = documents.with_current_tables(arguments.document, TABLES)
        write_atomic(arguments.document, text)
        return
    measured = measurements(collect(arguments.runs).runs)
    table, notes = results_beside_paper(rows_with_baselines(measured))
    print(f"{markdown(table, 2)}\n\n{notes}".rstrip())
    for study in studies_of(measured, arguments.reference, arguments.baseline):
        print(f"\n{markdown(study_beside_paper(study))}")


if __name__ == "__main__":
    main()
