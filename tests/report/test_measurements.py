"""Measurements and rows: seeds become a mean and a deviation, anything else another row."""

import math

import pytest

from arseg_lightning.report.collect import Run
from arseg_lightning.report.rows import look_up, measurements, own_rows
from tests.report.made import config, method, result


def run(name="ar", seed=0, miou=0.5, settings=None, **changes):
    settings = settings or config(seed=seed, run_dir=f"runs/{name}-seed{seed}", **changes)
    made = result([method("AR 0.5x", miou, 3.0)], settings)
    return Run(name, f"{name}{seed}.json", made)


def rows_of(runs):
    return own_rows(measurements(runs))


def test_a_spread_is_mean_and_sample_deviation():
    (two,) = rows_of([run(seed=seed, miou=miou) for seed, miou in ((0, 0.5), (1, 0.7))]).iloc
    assert (two.miou, two.miou_std) == pytest.approx((0.6, 0.1 * 2**0.5))
    (one,) = rows_of([run(seed=seed, miou=miou) for seed, miou in ((0, 0.5), (1, math.nan))]).iloc
    assert one.miou == pytest.approx(0.5)
    assert math.isnan(one.miou_std)


def test_runs_that_differ_in_the_seed_alone_are_one_row():
    (group,) = rows_of([run(seed=0, miou=0.5), run(seed=1, miou=0.6)]).iloc
    assert (group.row, group.seeds) == ("ar", 2)
    assert group.miou == pytest.approx(0.55)


@pytest.mark.parametrize(
    "changes",
    [
        {"ratio": 0.7},
        {"interval": 6},
        {"fusion": {"class_path": "ConvFusion"}},
        {"weights": {"low_res": "runs/other/last.ckpt"}},
    ],
)
def test_runs_that_differ_in_more_are_not(changes):
    assert len(rows_of([run(seed=0), run(seed=1, **changes)])) == 2


def test_weights_of_another_seed_and_another_machine_make_no_difference():
    runs = [
        run(seed=seed, weights={"high_res": f"runs/high-seed{seed}/last.ckpt"}) for seed in (0, 1)
    ]
    runs[1].result.provenance.config["data"] |= {"num_workers": 7, "store": "elsewhere"}
    assert len(rows_of(runs)) == 1


def test_runs_of_other_names_with_the_same_settings_say_so():
    (group,) = rows_of([run("first", 0), run("second", 1)]).iloc
    assert group.row == "first and 1 more"


def test_the_same_seed_twice_is_one_seed():
    (group,) = rows_of([run(seed=0, miou=0.5), run(seed=0, miou=0.6)]).iloc
    assert (group.seeds, len(group.runs)) == (1, 2)


def test_runs_of_unknown_settings_are_told_apart_by_their_names():
    runs = [run(name, settings={"seed_everything": None}) for name in ("a", "b")]
    for each in runs:
        each.result.provenance.config.clear()
    assert list(rows_of(runs).row) == ["a", "b"]


def test_init_args_may_be_left_out_of_a_key():
    settings = config(ratio=0.7)
    assert look_up(settings, "model.resolution_ratio") == 0.7
    assert look_up(settings, "model.init_args.resolution_ratio") == 0.7
    assert look_up(settings, "model.class_path") == "arseg_lightning.tasks.LowResTask"
    assert look_up(settings, "model.resolution_ratio.deeper") is None
