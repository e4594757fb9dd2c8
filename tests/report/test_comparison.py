"""Comparisons with the paper: only what the configuration allows."""

import pytest

from arseg_lightning.report.comparison import compare, paper_change
from arseg_lightning.report.recipe import Recipe
from tests.report.made import CAMVID_TEST, config, method, result

AS_THE_PAPER = {"classes": 12, "size": (720, 960), "data": "camvid12", "interval": 12}


def comparison(settings, name="AR 0.5x", **changes):
    made = result([method(name, 0.70, 100.0)], settings, **AS_THE_PAPER | changes)
    return compare(made, name)


def test_a_test_like_the_papers_is_compared():
    found = comparison(config(network="PSPNet18"))
    assert (found.row.name, found.obstacles) == ("AR 0.5x", ())
    assert found.points(0.70) == pytest.approx(70.0 - 70.484)


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({"classes": 11, "data": "camvid11"}, "11 classes (paper: 12)"),
        ({"size": (360, 480)}, "360x480 (paper: 720x960)"),
    ],
)
def test_another_protocol_is_named_and_not_compared(changes, obstacle):
    found = comparison(config(), **changes)
    assert found.obstacles == (obstacle,)
    assert found.points(0.7) is None


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
    assert comparison(settings).obstacles == (obstacle,)


def test_fewer_pairs_or_batches_are_named():
    settings = config(test=CAMVID_TEST)
    settings["data"]["test_pairs"] = "stream"
    settings["trainer"]["limit_test_batches"] = 5
    assert comparison(settings).obstacles == (
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
    change = paper_change(Recipe("PSPNet18", motion=False), psp)
    assert (round(change.points, 2), change.network) == (-2.55, "PSPNet18")
    assert paper_change(Recipe("BiSeNet18", motion=False), bise) == change
    own = paper_change(Recipe("BiSeNet18", resolution_ratio=0.7), bise)
    assert (round(own.points, 2), own.network) == (1.41, "BiSeNet18")


def test_the_same_recipe_changes_nothing():
    assert paper_change(Recipe("PSPNet18"), Recipe("PSPNet18")) is None
    assert paper_change(None, Recipe("PSPNet18")) is None
    assert paper_change(Recipe("PSPNet18", window=5), Recipe("PSPNet18")) is None
