"""The paper's figures: quoted completely, and each explained by our count or by its erratum."""

import pytest

from experiments.reproduction.arseg.cost import (
    cost_table,
    difference,
    main,
    residual,
)
from experiments.reproduction.arseg.paper import Recipe, find_row, paper_rows

ROWS = paper_rows()
PRINTED = [row for row in ROWS if row.gflops is not None]
WITHIN = 1e-3


def label(row):
    return f"{row.data}-{row.recipe.network}-{row.table}-{row.name}".replace(" ", "_")


@pytest.mark.parametrize("row", PRINTED, ids=label)
def test_a_cost_is_the_papers_or_its_erratum_is_explained(row):
    assert abs(residual(row)) < WITHIN
    assert abs(difference(row)) < WITHIN or row.erratum is not None


@pytest.mark.parametrize("row", [row for row in ROWS if row.miou_at_distance], ids=label)
def test_the_repositorys_mean_is_that_of_its_distances(row):
    assert len(row.miou_at_distance) == 12
    assert sum(row.miou_at_distance) / 12 == pytest.approx(row.miou_repository, abs=5e-3)
    assert row.miou == row.miou_repository


def test_all_tables_are_there():
    counts = {}
    for row in ROWS:
        counts[row.table] = counts.get(row.table, 0) + 1
    assert counts == {
        "main": 20,
        "video methods": 1,
        "ablation of CReFF": 10,
        "ablation of the position of fusion": 2,
        "ablation of FST": 5,
        "keyframe intervals": 4,
    }


def test_what_could_not_be_read_is_marked():
    assert [row.name for row in ROWS if row.unreliable] == ["L = 15", "L = 20", "L = 30"]


def test_a_keyframe_at_distance_0_costs_and_scores_as_1x():
    for data, network in [("camvid", "PSPNet18"), ("cityscapes", "BiSeNet18")]:
        high = find_row(data, Recipe(network, "per_frame", 1.0))
        own = find_row(data, Recipe(network))
        assert own.miou_at_distance[0] == high.miou_at_distance[0]


def test_a_row_is_found_by_its_recipe_only():
    assert find_row("camvid", Recipe("PSPNet18", window=3)).miou == 70.30
    assert find_row("camvid", Recipe("BiSeNet18", window=3)) is None
    assert find_row("camvid", Recipe("PSPNet18", window=5)) is None


def test_the_slides_and_the_repository_differ_where_they_do():
    row = find_row("cityscapes", Recipe("PSPNet18Stride8", "per_frame", 1.0))
    assert (row.miou_slides, row.miou_repository, row.miou) == (69.00, 68.297, 68.297)


def test_the_table_shows_both_countings_and_numbers_its_errata():
    rows = [row for row in PRINTED if row.name in ("W_MV only", "1.0x") and row.data == "camvid"]
    table, notes = cost_table(rows)
    last = table.iloc[-1]
    assert last["paper GFLOPs"] == last["ours, its counting"] == "25.75"
    assert (last["erratum"], last["exact non-key"], last["exact mean"]) == ("[1]", "0.53", "26.21")
    assert notes.startswith("[1] counts nothing between keyframes")


def test_the_papers_rows_are_printed_with_their_errata(capsys):
    main(["--rows", "bisenet18 1.0x"])
    cells = [line.split("|")[2:7] for line in capsys.readouterr().out.splitlines()[2:4]]
    assert [[cell.strip() for cell in line] for line in cells] == [
        ["camvid", "BiSeNet18", "1.0x", "58.83", "58.83"],
        ["cityscapes", "BiSeNet18", "1.0x", "178.96", "178.96"],
    ]
    main(["--rows", "11x11"])
    assert "[1] a misprint of 107.82" in capsys.readouterr().out
