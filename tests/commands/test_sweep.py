import pytest
import yaml

from arseg_lightning.cli import main
from arseg_lightning.report import RunResult
from arseg_lightning.sweep import runner
from tests.sweep.files import SMALL, Runs, sweep_file
from tests.test_cli import JOINT, configuration


@pytest.fixture
def runs(monkeypatch):
    """Starts no processes; returns what was to run."""
    launch = Runs()
    monkeypatch.setattr(runner, "run_program", launch)
    return launch


def test_a_file_is_swept_into_a_folder_of_its_name(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    points = main(["sweep", str(sweep_file(tmp_path, **SMALL))])
    assert {str(point.folder.parent) for point in points} == {"runs/sweeps/sweep"}
    assert runs.names == ["6", "12", "24"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "  done, after 0 s (3 of 3 done)"


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
    assert lines[-1] == f"failed: point-keyframe_interval=12: ValueError: no (log: {log})"
    assert runs.names == ["6", "12", "24"]


def test_ctrl_c_is_no_error_of_the_sweep(runs, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Runs, "__call__", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(SystemExit) as stop:
        main(["sweep", str(sweep_file(tmp_path, **SMALL)), "--run_dir", str(tmp_path / "out")])
    assert stop.value.code == 130
    assert "the same command resumes what was running" in capsys.readouterr().err


@pytest.mark.parametrize(("goal", "best"), [("maximize", "12"), ("minimize", "24")])
def test_the_best_point_is_named(goal, best, runs, tmp_path, capsys, monkeypatch):
    values = {"6": 0.5, "12": 0.75, "24": 0.25}

    def launch(self, arguments, log):
        value = values[log.parent.name.split("=")[1]]
        (log.parent / "metrics.csv").write_text(f"val/miou\n{value}\n")

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
    """Two points train and test, on one store; a third interval exceeds the video."""
    experiment = configuration(tmp_path, JOINT)
    words = ["${env}", "${interpreter}", "-m", "arseg_lightning", "fit", "--config", experiment]
    words += ["--config", "${args_json_file}", "--after_fit=test"]
    file = sweep_file(
        tmp_path, command=words, parameters={"data.keyframe_interval": {"values": [2, 4, 90]}}
    )
    arguments = ["sweep", str(file), "--run_dir", str(tmp_path / "out")]
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
