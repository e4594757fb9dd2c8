"""Plots of a comparison: those of which something is known, and no others."""

from __future__ import annotations

import pytest
from PIL import Image

from arseg_lightning.report.comparison_plots import plot_comparison
from arseg_lightning.report.comparison_table import (
    classes_table,
    comparison_table,
    distances_table,
)


def record(name, miou=0.5, **changes):
    """What `compare` writes of a method with labels, at three distances to the keyframe."""
    figures = {"miou": miou, "miou_worst": miou - 0.1, "change": 0.0, "vc8": 0.9, "vc16": 0.8}
    figures |= {"change_low": -0.1, "change_high": 0.1, "agreement_miou": 0.9}
    figures |= {"agreement_pixels": 0.95, "temporal_consistency": 0.7, "flicker": 0.02}
    figures |= {"gmacs": 10 * miou, "mean_ms": 20.0, "p95_ms": 30.0, "max_ms": 50.0}
    at = {"miou": [miou, miou - 0.05, miou - 0.1], "flicker": [0.01, None, 0.03]}
    at |= {"iou of road": [0.9, 0.8, 0.7], "iou of pole": [None, None, None]}
    fixed = {"frames": 9, "keyframes": 3, "at_distances": at, "roles": {"keyframe": 3}}
    return {"method": name} | figures | fixed | changes


def stems(paths):
    return {path.stem for path in paths}


def test_labelled_frames_give_all_four(tmp_path):
    written = plot_comparison([record("1x"), record("other", 0.4)], tmp_path / "c.png")
    assert stems(written) == {"c", "c_consistency", "c_latency", "c_distance"}
    for path in written:
        with Image.open(path) as image:
            assert min(image.size) > 150


def test_without_labels_there_is_no_accuracy_over_the_distance(tmp_path):
    unlabelled = [record(name, at_distances={"flicker": [0.1]}) for name in ("1x", "other")]
    for each in unlabelled:
        for name in ("miou", "miou_worst", "vc8", "vc16"):
            del each[name]
    assert stems(plot_comparison(unlabelled, tmp_path / "c.png")) == {
        *("c", "c_consistency", "c_latency")
    }


def test_times_that_nobody_knows_are_not_drawn(tmp_path):
    unknown = dict.fromkeys(("mean_ms", "p95_ms", "max_ms"))
    written = plot_comparison([record("1x", **unknown)], tmp_path / "c.png")
    assert "c_latency" not in stems(written)


def test_figures_over_the_distance_and_of_classes_are_tables():
    records = [record("1x"), record("other", 0.4)]
    assert distances_table(records).values.tolist() == [
        ["1x", "50.0", "45.0", "40.0"],
        ["other", "40.0", "35.0", "30.0"],
    ]
    assert distances_table(records, "flicker", 2)["1"].tolist() == ["-", "-"]
    assert classes_table(records)[["road", "pole"]].values.tolist() == 2 * [["80.0", "-"]]
    with pytest.raises(ValueError, match="no figure 'speed'; there are flicker, iou of pole"):
        distances_table(records, "speed")


def test_trainings_show_their_spread():
    table = comparison_table([record("1x"), record("other", miou_std=0.012, trainings=2)])
    assert table["mIoU %"].tolist() == ["50.0", "50.0 ± 1.2"]
