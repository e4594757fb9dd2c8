"""Result files: what is written is what is read, and what is shown is what was written."""

import json
import math
from dataclasses import replace

import pytest

from arseg_lightning.metrics import Accuracy
from arseg_lightning.provenance import Provenance
from arseg_lightning.report import MethodResult, RoleResult, RunResult
from arseg_lightning.report.plots import plot_result
from arseg_lightning.report.result_tables import distance_table, roles_table


def method(name, values, gmacs, kind="baseline", frames=0):
    accuracy = Accuracy(tuple(values), 0.5, (0.25, math.nan), (3, 0))
    roles = {"keyframe": RoleResult(gmacs, 2, 2.0), "nonkeyframe": RoleResult(gmacs, 10, 2.5)}
    reasons = {"start": 1, "interval": 1}
    return MethodResult(name, "Made", kind, accuracy, roles, gmacs, reasons, frames)


@pytest.fixture
def result():
    return RunResult(
        data="two",
        class_names=("a", "b"),
        keyframe_interval=2,
        size=(48, 64),
        methods=(
            method("1x", (0.8, math.nan), 3.0),
            method("0.5x", (0.6, math.nan), 0.75),
            method("AR 0.5x", (0.75, math.nan), 1.0, "own", 24),
        ),
        num_samples=3,
        provenance=Provenance("abc", 7, {"torch": "2"}, "CPU", {"run_dir": "runs/x"}),
    )


def test_a_result_survives_its_file(result, tmp_path):
    result.write(tmp_path / "deep" / "result.json")
    again = RunResult.read(tmp_path / "deep" / "result.json")
    assert distance_table(again) == distance_table(result)
    assert again.provenance == result.provenance
    assert math.isnan(again.methods[0].accuracy.iou_per_class[1])
    for read, written in zip(again.methods, result.methods, strict=True):
        assert read.roles == written.roles
        assert read.reasons == written.reasons
        assert read.num_frames == written.num_frames


def test_older_files_tell_the_number_of_frames(result, tmp_path):
    result.write(tmp_path / "result.json")
    content = json.loads((tmp_path / "result.json").read_text())
    del content["methods"][0]["num_frames"]
    plan = [["keyframe", "start", 1.0, 1], ["nonkeyframe", None, 1.0, 11]]
    content["methods"][0]["trace"] = [{"first": "a/000.png", "same": 2, "plan": plan}]
    (tmp_path / "result.json").write_text(json.dumps(content))
    assert RunResult.read(tmp_path / "result.json").methods[0].num_frames == 24


def test_unknown_values_are_null_and_the_mean_is_there(result, tmp_path):
    result.write(tmp_path / "result.json")
    entry = json.loads((tmp_path / "result.json").read_text())["methods"][0]["accuracy"]
    assert entry["miou_at_distance"] == [0.8, None]
    assert entry["miou_mean"] == 0.8


def cells(line):
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_the_table_shows_accuracy_and_cost(result):
    lines = distance_table(result).splitlines()
    assert cells(lines[-1]) == [
        "AR 0.5x", "75.0", "-", "75.0", "75.0", "50.0", "1.00", "33%",
    ]  # fmt: skip
    assert len({len(line) for line in lines}) == 1


def test_a_cost_that_is_not_known_is_a_dash(result, tmp_path):
    own = replace(result.methods[-1], mean_gmacs=math.nan, roles={"deep": RoleResult(math.nan)})
    replace(result, methods=(own,)).write(tmp_path / "result.json")
    again = RunResult.read(tmp_path / "result.json")
    assert math.isnan(again.methods[0].roles["deep"].gmacs)
    assert again.methods[0].roles["deep"].frames is None
    assert cells(distance_table(again).splitlines()[-1])[-2:] == ["-", "-"]


def pooled(name, miou, gmacs, kind):
    accuracy = Accuracy((miou,), miou, (miou, miou), (3,))
    roles = {"shallow": RoleResult(gmacs, 3, 3.0), "deep": RoleResult(gmacs, 1, 1.0)}
    return MethodResult(name, "Clockwork", kind, accuracy, roles, gmacs)


def test_methods_without_distances_have_one_value(result, tmp_path):
    own = pooled("Clockwork", 0.7, 1.5, "own")
    alone = replace(result, methods=(pooled("deeplab", 0.8, 3.0, "baseline"), own))
    assert [cells(line) for line in distance_table(alone).splitlines()[::2]] == [
        ["mIoU %", "pooled", "GMACs", "cost"],
        ["deeplab", "80.0", "3.00", "100%"],
    ]
    beside = replace(result, methods=(result.methods[0], own))
    assert cells(distance_table(beside).splitlines()[-1]) == [
        *("Clockwork", "-", "-", "-", "-", "70.0", "1.50", "50%"),
    ]
    for number, each in enumerate((alone, beside)):
        plot_result(each, tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").is_file()


def test_roles_say_how_many_frames_ran_them(result):
    shallow = replace(pooled("Clockwork", 0.7, 1.5, "own"), num_frames=3)
    lines = roles_table(replace(result, methods=(result.methods[0], shallow))).splitlines()
    assert cells(lines[2])[1] == "keyframe - x 3.00, nonkeyframe - x 3.00"  # not counted
    assert cells(lines[3]) == [
        "Clockwork",
        "shallow 100% x 1.50, deep 33% x 1.50",
        "70.0",
        "1.50",
        "50%",
    ]


def test_another_file_is_no_result(tmp_path):
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match=r"other\.json is no result file of a test run"):
        RunResult.read(tmp_path / "other.json")


def test_a_plot_is_written(result, tmp_path):
    plot_result(result, tmp_path / "plots" / "miou.png")
    assert (tmp_path / "plots" / "miou.png").read_bytes()[:4] == b"\x89PNG"


def test_provenance_names_versions_and_seed():
    found = Provenance.collect(seed=3, config={"a": 1})
    assert found.seed == 3
    assert {"torch", "lightning", "av", "python", "arseg_lightning"} <= set(found.versions)
