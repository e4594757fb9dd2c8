"""Result files: what is written is what is read, and what is shown is what was written."""

import json
import math

import pytest

from arseg_lightning.metrics import Accuracy
from arseg_lightning.report import (
    Provenance,
    RunResult,
    SystemResult,
    distance_table,
    plot_distances,
    recovered_share,
)


def system(name, values, gmacs):
    accuracy = Accuracy(tuple(values), 0.5, (0.25, math.nan), (3, 0))
    return SystemResult(name, accuracy, gmacs, gmacs, gmacs)


@pytest.fixture
def result():
    return RunResult(
        data="two",
        class_names=("a", "b"),
        keyframe_interval=2,
        size=(48, 64),
        systems=(
            system("1x", (0.8, math.nan), 3.0),
            system("0.5x", (0.6, math.nan), 0.75),
            system("AR 0.5x", (0.75, math.nan), 1.0),
        ),
        num_samples=3,
        provenance=Provenance("abc", 7, {"torch": "2"}, "CPU", {"run_dir": "runs/x"}),
    )


def test_a_result_survives_its_file(result, tmp_path):
    result.write(tmp_path / "deep" / "result.json")
    again = RunResult.read(tmp_path / "deep" / "result.json")
    assert distance_table(again) == distance_table(result)
    assert again.provenance == result.provenance
    assert math.isnan(again.systems[0].accuracy.iou_per_class[1])


def test_unknown_values_are_null_and_the_mean_is_there(result, tmp_path):
    result.write(tmp_path / "result.json")
    entry = json.loads((tmp_path / "result.json").read_text())["systems"][0]["accuracy"]
    assert entry["miou_at_distance"] == [0.8, None]
    assert entry["miou_mean"] == 0.8


def test_the_table_shows_accuracy_and_cost(result):
    lines = distance_table(result).splitlines()
    assert [cell.strip() for cell in lines[-1].split("|")[1:-1]] == [
        "AR 0.5x", "75.0", "-", "75.0", "75.0", "50.0", "1.00", "33%",
    ]  # fmt: skip
    assert len({len(line) for line in lines}) == 1


def test_what_is_recovered_is_a_share_of_what_was_lost(result):
    assert recovered_share(result) == pytest.approx(0.75)


def test_another_file_is_no_result(tmp_path):
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match=r"other\.json is no result file of a test run"):
        RunResult.read(tmp_path / "other.json")


def test_a_picture_is_written(result, tmp_path):
    plot_distances(result, tmp_path / "plots" / "miou.png")
    assert (tmp_path / "plots" / "miou.png").read_bytes()[:4] == b"\x89PNG"


def test_provenance_names_versions_and_seed():
    found = Provenance.collect(seed=3, config={"a": 1})
    assert found.seed == 3
    assert {"torch", "lightning", "av", "python", "arseg_lightning"} <= set(found.versions)
