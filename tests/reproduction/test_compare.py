"""Comparisons with the paper: only what the configuration allows."""

import pytest

from arseg_lightning.report.collect import collect
from arseg_lightning.report.rows import measurements, own_rows, rows_with_baselines
from arseg_lightning.report.study import study_rows
from experiments.reproduction.arseg.compare import (
    common_recipe,
    compare,
    main,
    paper_change,
    results_beside_paper,
    study_beside_paper,
)
from experiments.reproduction.arseg.paper import Recipe
from tests.report.made import CAMVID_TEST, config, method, result, study

AS_THE_PAPER = {"classes": 12, "size": (720, 960), "data": "camvid12", "interval": 12}


def comparison(settings, name="AR 0.5x", **changes):
    made = result([method(name, 0.70, 100.0)], settings, **AS_THE_PAPER | changes)
    return compare(made, name)


def test_a_test_like_the_papers_is_compared():
    row, obstacles = comparison(config(network="PSPNet18"))
    assert (row.name, obstacles) == ("AR 0.5x", ())


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({"classes": 11, "data": "camvid11"}, "11 classes (paper: 12)"),
        ({"size": (360, 480)}, "360x480 (paper: 720x960)"),
    ],
)
def test_another_protocol_is_named_and_not_compared(changes, obstacle):
    assert comparison(config(), **changes)[1] == (obstacle,)


@pytest.mark.parametrize(
    ("test", "obstacle"),
    [
        ({"class_path": "FrameFolder"}, "tested on FrameFolder (paper: CamVid)"),
        ({}, "tested on unknown data (paper: CamVid)"),
        (
            {"class_path": "CamVid", "init_args": {"split": "val", "frames": "video"}},
            "split val (paper: test)",
        ),
        (
            {"class_path": "CamVid", "init_args": {"split": "test", "frames": "stills"}},
            "clips made from stills (paper: from the recordings)",
        ),
    ],
)
def test_other_test_data_are_named(test, obstacle):
    settings = config()
    settings["data"]["test"] = test
    assert comparison(settings)[1] == (obstacle,)


def test_fewer_pairs_or_batches_are_named():
    settings = config(test=CAMVID_TEST)
    settings["data"]["test_pairs"] = "stream"
    settings["trainer"]["limit_test_batches"] = 5
    assert comparison(settings)[1] == (
        "test_pairs stream (paper: every_distance)",
        "only a part of the test data",
    )


def test_rows_that_the_paper_does_not_have_are_not_claimed():
    assert comparison(config(network="EfficientNetLite0")) is None
    assert comparison(config(fusion={"class_path": "CReFF", "init_args": {"window": 5}})) is None
    assert comparison(config(), data="driving9") is None
    assert comparison({}) is None


def test_a_change_is_that_of_the_network_or_of_the_papers_ablations():
    psp, bise = Recipe("PSPNet18"), Recipe("BiSeNet18")
    points, network = paper_change(Recipe("PSPNet18", motion=False), psp)
    assert (round(points, 2), network) == (-2.55, "PSPNet18")
    assert paper_change(Recipe("BiSeNet18", motion=False), bise) == (points, network)
    points, network = paper_change(Recipe("BiSeNet18", resolution_ratio=0.7), bise)
    assert (round(points, 2), network) == (1.41, "BiSeNet18")


def test_the_same_recipe_changes_nothing():
    assert paper_change(Recipe("PSPNet18"), Recipe("PSPNet18")) is None
    assert paper_change(None, Recipe("PSPNet18")) is None
    assert paper_change(Recipe("PSPNet18", window=5), Recipe("PSPNet18")) is None


def measured_in(folder):
    return measurements(collect([folder]).runs)


def test_a_group_has_a_recipe_if_its_runs_agree(tmp_path):
    runs = own_rows(measured_in(study(tmp_path))).set_index("row").runs
    assert common_recipe(runs["ar"]).network == "BiSeNet18"
    assert common_recipe(runs["ar"] + runs["conv"]) is None


def test_the_papers_figure_stands_beside_ours(tmp_path):
    paper = {"classes": 12, "size": (720, 960), "data": "camvid12", "interval": 12}
    own = [method("AR 0.5x", 0.71, 101.9, 12)]
    result(own, config(network="PSPNet18"), **paper).write(tmp_path / "a.json")
    result(
        own, config(network="PSPNet18", share_classifier=False), **paper | {"classes": 11}
    ).write(tmp_path / "b.json")
    result(own, config(network="PSPNet18"), **paper | {"interval": 15}).write(tmp_path / "c.json")
    table, notes = results_beside_paper(rows_with_baselines(measured_in(tmp_path)))
    assert table.to_numpy()[:, -3:].tolist() == [
        ["main: AR 0.5x", "70.48", "+0.52"],
        ["ablation of FST: MSE only", "70.17", "[1]"],
        ["keyframe intervals: L = 15", "70.40 (?)", "+0.60"],
    ]
    assert notes.splitlines() == [
        "[1] not comparable: 11 classes (paper: 12)",
        "The paper's figures are quoted (Hu et al., CVPR 2023), not measured here; (?): it could "
        "not be read with certainty.",
    ]


def test_a_study_stands_beside_the_papers_changes(tmp_path, capsys):
    table = study_beside_paper(study_rows(measured_in(study(tmp_path)), "ar"))
    assert dict(zip(table["row"], table["paper's change"], strict=True)) == {
        "ar": "",
        "conv": "+0.0 (PSPNet18)",
        "half": "-3.8",
        "high": "+1.2",
        "window_3": "-0.2 (PSPNet18)",
    }
    main([str(tmp_path), "--reference", "conv"])
    printed = capsys.readouterr().out
    assert "main: AR 0.5x" in printed
    assert "| conv     | 53.0 ± 0.0 |     53.0 |  reference |" in printed
