import pytest
import yaml

from arseg_lightning.cli import main
from arseg_lightning.report import RunResult
from arseg_lightning.report.sweep_index import SweepIndex
from arseg_lightning.sweep import runner
from tests.sweep.files import SMALL, Ended, Runs, sweep_file
from tests.test_cli import JOINT, configuration

METRIC = {"name": "val/miou", "goal": "maximize"}
RANDOM = {"data.keyframe_interval": {"min": 2, "max": 90}}


@pytest.fixture
def runs(monkeypatch):
    """Starts no processes; returns what was to run."""
    launch = Runs()
    monkeypatch.setattr(runner, "Process", launch)
    return launch


def test_a_file_is_swept_into_a_folder_of_its_name(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    index = main(["sweep", str(sweep_file(tmp_path, **SMALL))])
    assert index == SweepIndex.read(tmp_path / "runs" / "sweeps" / "sweep" / "sweep.json")
    assert runs.names == ["6", "12", "24"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["3 of 3 points done", "index: runs/sweeps/sweep/sweep.json"]


def test_what_stands_behind_two_dashes_is_for_each_run(runs, tmp_path):
    file = str(sweep_file(tmp_path, **SMALL))
    main(["sweep", file, "--run_dir", str(tmp_path / "out"), "--", "--trainer.max_epochs", "1"])
    assert all(words[5:7] == ["--trainer.max_epochs", "1"] for words in runs.commands)


def test_failed_points_are_named_at_the_end_with_status_1(runs, tmp_path, capsys):
    runs.fails = ["12"]
    with pytest.raises(SystemExit) as stop:
        main(["sweep", str(sweep_file(tmp_path, **SMALL)), "--run_dir", str(tmp_path / "out")])
    assert stop.value.code == 1
    log = tmp_path / "out" / "point-keyframe_interval=12" / "log.txt"
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3] == "2 of 3 points done"
    assert lines[-2] == f"failed: point-keyframe_interval=12: ValueError: no (log: {log})"
    assert runs.names == ["6", "12", "24"]


def test_ctrl_c_is_no_error_of_the_sweep(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Runs, "__call__", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(SystemExit) as stop:
        main(["sweep", str(sweep_file(tmp_path, **SMALL)), "--run_dir", str(tmp_path / "out")])
    assert stop.value.code == 130
    assert "the same command resumes what was running" in capsys.readouterr().err


def test_points_may_run_side_by_side(runs, tmp_path, capsys):
    file = str(sweep_file(tmp_path, **SMALL))
    main(["sweep", file, "--run_dir", str(tmp_path / "out"), "--parallel", "2"])
    kinds = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert kinds[1:3] == ["point", "point"]
    assert runs.names == ["6", "12", "24"]


def test_a_device_that_is_not_there_is_refused_before_anything_runs(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    file = str(sweep_file(tmp_path, **SMALL))
    with pytest.raises(ValueError, match=r"has '0', but the GPUs here in CUDA_VISIBLE_DEVICES are"):
        main(["sweep", file, "--devices", "0,1", "--run_dir", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_what_needs_the_server_is_said(runs, tmp_path, capsys):
    changes = {"method": "random", "parameters": RANDOM, "early_terminate": {"type": "hyperband"}}
    file = str(sweep_file(tmp_path, **changes))
    main(["sweep", file, "--run_dir", str(tmp_path / "out"), "--count", "3", "--seed", "2"])
    said = capsys.readouterr().out
    assert "early_terminate needs W&B's server; here every run is completed" in said
    assert len(runs.names) == 3


@pytest.mark.parametrize(("goal", "best"), [("maximize", "12"), ("minimize", "24")])
def test_the_best_point_is_named(goal, best, runs, tmp_path, capsys, monkeypatch):
    values = {"6": 0.5, "12": 0.75, "24": 0.25}

    def launch(self, arguments, log, environment):
        value = values[log.parent.name.split("=")[1]]
        (log.parent / "metrics.csv").write_text(f"val/miou\n{value}\n")
        return Ended()

    monkeypatch.setattr(Runs, "__call__", launch)
    file = sweep_file(tmp_path, metric={"name": "val/miou", "goal": goal}, **SMALL)
    main(["sweep", str(file), "--run_dir", str(tmp_path / "out")])
    expected = f"best val/miou: {values[best]}, point-keyframe_interval={best}"
    assert expected in capsys.readouterr().out.splitlines()


def test_a_points_folder_is_not_chosen_by_hand(runs, tmp_path):
    file = str(sweep_file(tmp_path, **SMALL))
    with pytest.raises(ValueError, match=r"a run folder of its own; give the sweep's --run_dir"):
        main(["sweep", file, "--", "--run_dir=a"])


def test_a_missing_file_is_refused(runs, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no sweep file .*experiments/sweeps"):
        main(["sweep", str(tmp_path / "none.yaml")])


@pytest.mark.slow
def test_points_run_in_processes_of_their_own(tmp_path, capsys):
    """Two points train and test, both on an empty store; a third interval exceeds the video."""
    experiment = configuration(tmp_path, JOINT)
    words = ["${env}", "${interpreter}", "-m", "arseg_lightning", "fit", "--config", experiment]
    words += ["--config", "${args_json_file}", "--after_fit=test"]
    file = sweep_file(
        tmp_path, command=words, parameters={"data.keyframe_interval": {"values": [2, 4, 90]}}
    )
    arguments = ["sweep", str(file), "--run_dir", str(tmp_path / "out"), "--parallel", "2"]
    for _ in range(2):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 1
    said = capsys.readouterr().out
    assert "failed: point-keyframe_interval=90: error: keyframe_interval=90 is longer than" in said
    assert "3 points in" in said
    assert "2 of them done already" in said
    for interval in (2, 4):
        folder = tmp_path / "out" / f"point-keyframe_interval={interval}"
        assert RunResult.read(folder / "result.json").keyframe_interval == interval
        assert yaml.safe_load((folder / "fit.yaml").read_text())["run_dir"] == str(folder)
