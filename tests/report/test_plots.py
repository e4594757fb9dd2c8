"""Plots are images, whatever is known."""

import pandas as pd
from PIL import Image

from arseg_lightning.report.collect import collect
from arseg_lightning.report.plots import plot_distances, plot_pareto
from arseg_lightning.report.rows import measurements, rows_with_baselines
from tests.report.made import study


def test_plots_are_written(tmp_path):
    rows = rows_with_baselines(measurements(collect([study(tmp_path)]).runs))
    plot_pareto(rows, tmp_path / "pareto.png")
    plot_distances(pd.concat([rows] * 3), tmp_path / "distances.png")
    plot_pareto(rows.assign(miou=float("nan")), tmp_path / "nothing.png")
    for name in ("pareto.png", "distances.png", "nothing.png"):
        with Image.open(tmp_path / name) as image:
            image.verify()
