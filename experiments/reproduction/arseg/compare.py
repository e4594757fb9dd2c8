"""Results of runs beside the paper's: which row they are, and whether they may be compared.

    python -m experiments.reproduction.arseg.compare runs/…             # prints tables
    python -m experiments.reproduction.arseg.compare --document FILE.md   # makes its tables again

A document names a study beside the paper by a line ``<!-- arseg-results: FILES… -->``, with the
options of ``results`` (see :func:`arseg_lightning.report.documents.with_current_tables`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from arseg_lightning.files import write_atomic
from arseg_lightning.report import RunResult, documents
from arseg_lightning.report.collect import Run, collect
from arseg_lightning.report.result_tables import results_table, study_table
from arseg_lightning.report.rows import look_up, measurements, rows_with_baselines
from arseg_lightning.report.study import study_rows
from arseg_lightning.report.table_files import markdown
from arseg_lightning.types import size_text
from experiments.reproduction.arseg.paper import PaperRow, Recipe, find_row, paper_data
from experiments.reproduction.arseg.recipe import class_name, recipe_of

__all__ = ["TABLES", "common_recipe", "compare", "paper_change"]
__all__ += ["results_beside_paper", "study_beside_paper"]

_TESTS_LIKE_THE_PAPER = {"camvid": "CamVid", "cityscapes": "Cityscapes"}

_NETWORK_OF_ABLATIONS = "PSPNet18"


def compare(result: RunResult, method: str) -> tuple[PaperRow, tuple[str, ...]] | None:
    """Find the paper's row of a method; None unless the configuration says that there is one.

    Returns:
        The row, and why the accuracies may not be compared; empty if they may.
    """
    recipe = recipe_of(result, method)
    data = next((name for name in _TESTS_LIKE_THE_PAPER if result.data.startswith(name)), None)
    row = find_row(data, recipe) if recipe and data else None
    return (row, tuple(_obstacles(result, row.data))) if row else None


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


def results_beside_paper(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Lay out accuracy and cost of every method, and the paper's figure where it has one.

    Returns:
        The table, whose differences are in points, and notes below it: why some accuracies may not
        be compared, to which the table refers by number, and where the figures are from.
    """
    numbers: dict[tuple[str, ...], int] = {}
    lines: list[tuple[str, str, str]] = []
    for runs, method, miou in zip(rows.runs, rows.method, rows.miou, strict=True):
        found = compare(runs[0].result, method)
        if found is None:
            lines.append(("", "", ""))
            continue
        paper, obstacles = found
        difference = f"{100 * miou - paper.miou:+.2f}"
        if obstacles:
            difference = f"[{numbers.setdefault(obstacles, len(numbers) + 1)}]"
        doubt = " (?)" if paper.unreliable else ""
        lines.append((f"{paper.table}: {paper.name}", f"{paper.miou:.2f}{doubt}", difference))
    notes = [f"[{number}] not comparable: {'; '.join(texts)}" for texts, number in numbers.items()]
    notes.append(
        "The paper's figures are quoted (Hu et al., CVPR 2023), not measured here; (?): it could "
        "not be read with certainty."
    )
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
    paper, config = paper_data(name), result.provenance.config
    if len(result.class_names) != paper.num_classes:
        yield f"{len(result.class_names)} classes (paper: {paper.num_classes})"
    if result.size != paper.size:
        yield f"{size_text(result.size)} (paper: {size_text(paper.size)})"
    tested = class_name(look_up(config, "data.test") or {})
    if tested != _TESTS_LIKE_THE_PAPER[name]:
        yield f"tested on {tested or 'unknown data'} (paper: {_TESTS_LIKE_THE_PAPER[name]})"
        return
    if (split := look_up(config, "data.test.split")) != paper.split:
        yield f"split {split} (paper: {paper.split})"
    if look_up(config, "data.test.frames") not in ("video", None):
        yield "clips made from stills (paper: from the recordings)"
    if (pairs := look_up(config, "data.test_pairs")) != "every_distance":
        yield f"test_pairs {pairs} (paper: every_distance)"
    if look_up(config, "trainer.limit_test_batches") not in (None, 1.0):
        yield "only a part of the test data"


def _study(
    files: list[Path], reference: str | None = None, baseline: str | None = None, rows: str = ""
) -> str:
    return markdown(study_beside_paper(documents.study_of(files, reference, baseline, rows)))


TABLES = documents.TABLES | {"arseg-results": _study}
"""Kinds of tables in documents by the word in the marker, with those of this paper."""


def main(words: Sequence[str] | None = None) -> None:
    """Print results beside the paper's, or make the tables of a document again."""
    parser = argparse.ArgumentParser(description="Results of runs beside the paper's.")
    parser.add_argument("runs", nargs="*", type=Path, help="folders of runs, and result files")
    parser.add_argument("--reference", help="also a table of changes against the row of this name")
    parser.add_argument("--baseline", help="name of the row of the s x baseline")
    parser.add_argument("--document", type=Path, help="Markdown file whose tables are made again")
    arguments = parser.parse_args(words)
    if arguments.document is not None:
        text = documents.with_current_tables(arguments.document, TABLES)
        write_atomic(arguments.document, text)
        return
    measured = measurements(collect(arguments.runs).runs)
    table, notes = results_beside_paper(rows_with_baselines(measured))
    print(f"{markdown(table, 2)}\n\n{notes}")
    if arguments.reference:
        study = study_rows(measured, arguments.reference, arguments.baseline)
        print(f"\n{markdown(study_beside_paper(study))}")


if __name__ == "__main__":
    main()
