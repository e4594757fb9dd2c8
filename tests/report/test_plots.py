"""Plots: the law of the front, the cells of the heat map, and files that are images."""

import math
import random

import pandas as pd
import pytest
from PIL import Image

from arseg_lightning.report.collect import collect
from arseg_lightning.report.plots import (
    heat_maps,
    pareto_front,
    plot_changes,
    plot_distances,
    plot_heat_map,
    plot_pareto,
)
from arseg_lightning.report.rows import measurements, rows_with_baselines
from arseg_lightning.report.study import study_rows
from tests.report.made import config, method, result, study


def beats(one, other):
    return one != other and one[0] <= other[0] and one[1] >= other[1]


@pytest.mark.parametrize("seed", range(5))
def test_the_front_is_what_nothing_beats_and_rises_in_both(seed):
    draw = random.Random(seed)
    points = [(draw.randrange(8), draw.randrange(8)) for _ in range(30)]
    front = pareto_front(points)
    for i, point in enumerate(points):
        assert (i in front) == (not any(beats(other, point) for other in points))
    on_front = [points[i] for i in front]
    assert on_front == sorted(on_front)
    assert [accuracy for _, accuracy in on_front] == sorted(accuracy for _, accuracy in on_front)


def test_unknown_accuracies_are_no_points():
    assert pareto_front([(1.0, math.nan), (2.0, 0.5)]) == [1]
    assert pareto_front([]) == []


def sweep(folder, cells, **changes):
    """Write one result for each (ratio, interval), trained with weights of its own."""
    for ratio, interval in cells:
        settings = config(ratio=ratio, interval=interval, run_dir=f"{ratio}-{interval}")
        settings["model"]["init_args"]["weights"] = {"low_res": f"runs/{ratio}/last.ckpt"}
        own = method(f"AR {ratio:g}x", ratio, 10 * ratio / interval, interval)
        made = result([own], settings, interval=interval, **changes)
        made.write(folder / f"{ratio}-{interval}" / "result.json")
    return measurements(collect([folder]).runs)


def test_the_grid_is_interval_over_ratio_and_gaps_are_nan(tmp_path):
    cells = [(0.5, 12), (0.5, 6), (0.3, 6), (0.3, 30), (0.5, 30)]
    ((data, table),) = heat_maps(sweep(tmp_path, cells))
    assert (data, *table["miou"].index) == ("camvid11", 0.3, 0.5)
    assert list(table["miou"].columns) == [6, 12, 30]
    assert list(table["miou"].loc[0.3]) == pytest.approx((0.3, math.nan, 0.3), nan_ok=True)
    assert list(table["miou"].loc[0.5]) == pytest.approx((0.5, 0.5, 0.5))
    assert list(table["gmacs"].loc[0.5]) == pytest.approx((5 / 6, 5 / 12, 5 / 30), rel=1e-5)


def test_one_interval_or_one_ratio_makes_no_grid(tmp_path):
    assert heat_maps(sweep(tmp_path / "a", [(0.5, 6), (0.5, 12)])) == []
    assert heat_maps(sweep(tmp_path / "b", [(0.3, 6), (0.5, 6)])) == []


def test_runs_that_differ_in_more_make_two_grids(tmp_path):
    cells = [(0.3, 6), (0.5, 12)]
    sweep(tmp_path / "a", cells)
    sweep(tmp_path / "b", cells, size=(96, 128))
    assert len(heat_maps(measurements(collect([tmp_path]).runs))) == 2


def test_plots_are_written(tmp_path):
    measured = measurements(collect([study(tmp_path)]).runs)
    rows = rows_with_baselines(measured)
    ((data, table),) = heat_maps(sweep(tmp_path / "sweep", [(0.3, 6), (0.5, 12)]))
    plot_pareto(rows, tmp_path / "pareto.png")
    plot_distances(pd.concat([rows] * 3), tmp_path / "distances.png")
    plot_changes(study_rows(measured, "ar"), tmp_path / "changes.png")
    plot_heat_map(table, data, tmp_path / "heatmap.png")
    for path in tmp_path.glob("*.png"):
        with Image.open(path) as image:
            image.verify()
    assert len(list(tmp_path.glob("*.png"))) == 4


def test_bars_need_a_reference(tmp_path):
    rows = study_rows(measurements(collect([study(tmp_path)]).runs))
    with pytest.raises(ValueError, match="need a reference; name one of the rows"):
        plot_changes(rows, tmp_path / "changes.png")
