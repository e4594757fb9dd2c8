"""Recipes: what a configuration says a method is, and nothing more."""

import pytest

from experiments.reproduction.arseg.paper import Recipe
from experiments.reproduction.arseg.recipe import recipe_of
from tests.report.made import config, method, result


def recipe(name, settings, interval=12):
    return recipe_of(result([method(name, 0.5, 1.0)], settings, interval=interval), name)


def overlay(**data):
    settings = config()
    settings["data"] |= data
    return settings


FUSIONS = [
    ({"class_path": "CReFF", "init_args": {"window": 3}}, {"window": 3}),
    ({"class_path": "CReFF", "init_args": {"projection": "full"}}, {"projection": "full"}),
    (
        {"class_path": "CReFF", "init_args": {"direct_connection": False}},
        {"direct_connection": False},
    ),
    (
        {"class_path": "x.CReFF", "init_args": {"prior_sigma": 0.5, "low_res_gain": 0.1}},
        {"prior_sigma": 0.5, "low_res_gain": 0.1},
    ),
    ({"class_path": "ConvFusion", "init_args": None}, {"fusion": "ConvFusion"}),
    ({"class_path": "NoFusion"}, {"fusion": "NoFusion"}),
    (
        {"class_path": "GlobalAttention", "init_args": {"reduction": 4}},
        {"fusion": "GlobalAttention", "reduction": 4},
    ),
]


@pytest.mark.parametrize(("fusion", "changes"), FUSIONS)
def test_a_fusion_is_its_class_and_what_the_paper_varies(fusion, changes):
    assert recipe("AR 0.5x", config(fusion=fusion)) == Recipe("BiSeNet18", **changes)


def test_an_objective_is_its_two_constraints():
    def fst(**arguments):
        return {"class_path": "FST", "init_args": arguments}

    none = config(objective=fst(similarity_weight=0.0), share_classifier=False)
    assert recipe("AR 0.5x", none) == Recipe("BiSeNet18", similarity="none", share_classifier=False)
    assert recipe("AR 0.5x", config(objective=fst(similarity="kl"))).similarity == "kl"
    assert recipe("AR 0.5x", config(objective=fst(similarity_weight=30.0))).similarity == "mse"


def test_motion_is_whether_anything_is_warped():
    assert recipe("AR 0.5x", overlay(chaining="none")).motion is False
    assert recipe("AR 0.5x", overlay(chaining="integer")).motion is True


def test_the_early_cut_is_the_same_network_cut_elsewhere():
    settings = config(network="PSPNet18EarlyCut")
    settings["model"]["init_args"]["network"]["init_args"] = {"cut": "features"}
    assert recipe("AR 0.5x", settings) == Recipe("PSPNet18", cut="features")


def test_baselines_have_the_parts_that_they_use():
    conv = config(fusion={"class_path": "ConvFusion"}, share_classifier=False)
    assert recipe("1x", conv) == Recipe("BiSeNet18", "per_frame", 1.0)
    assert recipe("0.5x", conv) == Recipe("BiSeNet18", "per_frame", 0.5)
    high = config("PerFrameTask", ratio=1.0)
    assert recipe("1x", high) == Recipe("BiSeNet18", "per_frame", 1.0)
    assert recipe("motion only", high) == Recipe("BiSeNet18", "motion_only")


def video_task(settings, **compare):
    """The same configuration, of the task that takes any method."""
    arguments = settings["model"]["init_args"]
    method = {"class_path": "arseg_lightning.methods.Method", "init_args": arguments}
    model = {"method": method, "compare": compare, "weights": {"high_res": "last.ckpt"}}
    return settings | {"model": {"class_path": "VideoTask", "init_args": model}}


def test_the_task_of_any_method_says_the_same():
    settings = config(fusion={"class_path": "CReFF", "init_args": {"window": 3}}, ratio=0.7)
    assert recipe("AR 0.7x", video_task(settings)) == recipe("AR 0.7x", settings)
    assert recipe("1x", video_task(settings)) == Recipe("BiSeNet18", "per_frame", 1.0)
    high = config("PerFrameTask", ratio=1.0)
    assert recipe("motion only", video_task(high)) == Recipe("BiSeNet18", "motion_only")
    assert recipe("AR 0.5x", video_task(high)) is None


def test_what_is_compared_has_a_configuration_of_its_own():
    half = {"init_args": {"network": {"class_path": "PSPNet18"}, "resolution_ratio": 0.5}}
    settings = video_task(config(), **{"0.5x": half, "half": half})
    assert recipe("0.5x", settings) == Recipe("PSPNet18", "per_frame", 0.5)
    assert recipe("half", settings) is None


def test_the_interval_is_the_tests():
    assert recipe("AR 0.5x", config(interval=12), interval=30).keyframe_interval == 30


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("AR 0.5x", {}),
        ("AR 0.5x", config(ratio=0.7)),
        ("AR 0.5x", config("PerFrameTask")),
        ("AR 0.5x", config("TaskOfOnesOwn")),
        ("my method", config()),
    ],
)
def test_what_the_configuration_does_not_say_is_not_claimed(name, settings):
    assert recipe(name, settings) is None
