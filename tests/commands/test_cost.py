"""The command cost: what an experiment's methods multiply."""

from pathlib import Path

import pytest

from arseg_lightning.cli import main
from arseg_lightning.commands import COMMANDS
from arseg_lightning.commands.cost import cost

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
BISE = EXPERIMENTS / "camvid" / "bise18_ar.yaml"
PAPER = EXPERIMENTS / "camvid" / "paper_settings.yaml"


def test_the_command_is_on_the_command_line():
    assert COMMANDS["cost"] is cost


def records(table):
    return table.to_dict("records")


def test_ones_own_experiment_is_counted_without_data_or_weights():
    first, moved, own = records(cost(configs=[BISE, PAPER], size="720x960"))
    assert (first["method"], first["roles (GMACs)"]) == ("1x", "frame=39.12")
    assert (moved["method"], moved["of 1x"]) == ("motion only", "8.4%")
    assert own == {
        "method": "AR 0.5x",
        "roles (GMACs)": "keyframe=39.12, nonkeyframe=10.3",
        "mean over": "12 frames",
        "mean": "12.7",
        "of 1x": "32.5%",
        "saved": "67.5%",
    }


def test_optimisations_are_counted_one_after_the_other():
    config = EXPERIMENTS / "camvid" / "psp18_ar.yaml"
    table = cost(configs=[config, PAPER], size="720x960", optimised=True)
    means = {row["method"]: float(row["mean"]) for row in records(table)}
    names = ["AR 0.5x", "AR 0.5x, algebra", "AR 0.5x, + kernels"]
    assert means[names[0]] > means[names[1]] >= means[names[2]]
    assert means[names[1]] < 95


def test_overlays_are_stacked():
    overlay = EXPERIMENTS / "ablations" / "interval_30.yaml"
    files = ["--config", str(BISE), "--config", str(PAPER), f"--config={overlay}"]
    own = records(main(["cost", *files, "--size", "720x960"]))[-1]
    assert float(own["mean"]) == pytest.approx((39.12 + 29 * 10.30) / 30, rel=1e-3)
    assert own["mean over"] == "30 frames"


def test_without_1x_there_is_nothing_to_compare_with():
    config = EXPERIMENTS / "camvid" / "bise18_half.yaml"
    (own,) = records(cost(configs=[config], size="720x960"))
    assert (own["method"], own["of 1x"]) == ("0.5x", "-")


def test_any_task_and_any_method_is_counted(tmp_path, monkeypatch):
    monkeypatch.setenv("ARSEG_LIGHTNING_TRUST", "tests")
    config = tmp_path / "rotating.yaml"
    config.write_text(
        """
        model:
          class_path: VideoTask
          init_args:
            method: {class_path: tests.cost.test_method_cost.Rotating}
            compare:
              motion:
                class_path: FeaturePropagation
                init_args:
                  network: {class_path: tests.tiny.TinyNet}
                  clock: {class_path: Adaptive}
        data: {keyframe_interval: 6, test: {class_path: SyntheticDriving}}
        """
    )
    motion, own = records(cost(configs=[config], size="24x32"))
    assert motion["mean over"] == "30 frames (nominal: it depends on what frames show)"
    assert (own["method"], own["mean over"]) == ("Rotating", "4 frames")
    assert own["roles (GMACs)"].startswith("path1=4.608e-06, path2=9.216e-06")


@pytest.mark.parametrize("size", ["720", "0x960", "720*960"])
def test_a_size_is_height_times_width(size):
    with pytest.raises(ValueError, match=r"--size is height x width in pixels, such as 720x960"):
        cost(configs=[BISE], size=size)


def test_without_data_the_size_is_asked_for(monkeypatch):
    monkeypatch.setenv("CAMVID_ROOT", "nowhere")
    with pytest.raises(ValueError, match=r"bise18_ar\.yaml: the size .*for example --size 720x960"):
        cost(configs=[BISE])


def test_a_broken_experiment_is_named(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("model: {class_path: LowResTask, init_args: {ratio: 0.5}}\n")
    with pytest.raises(ValueError, match=r"broken\.yaml: model\.ratio: there is no such option"):
        cost(configs=[broken], size="64x96")
