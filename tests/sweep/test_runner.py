import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from statistics import median

import optuna
import pytest

from arseg_lightning.sweep import runner
from arseg_lightning.sweep.runner import _logged
from tests.sweep.files import PARAMETERS, SMALL, Runs, run


def test_each_point_has_its_values_and_its_folder(tmp_path):
    launch = Runs()
    points = run(tmp_path, launch)
    assert [point.error for point in points] == [None] * 6
    for point, words in zip(points, launch.commands, strict=True):
        assert words[-2:] == ["--run_dir", str(point.folder)]
        values = Path(words[words.index("experiment.yaml") + 2])
        assert values.parent == point.folder
        assert json.loads(values.read_text()) == point.values
        assert json.loads((point.folder / "point.json").read_text())["values"] == point.values
        assert point.values.keys() == PARAMETERS.keys()


def test_progress_is_said(tmp_path):
    said = []
    run(tmp_path, Runs(), said, **SMALL)
    assert said[:3] == [
        f"3 points in {tmp_path}/sweep, 0 of them done already",
        "point-keyframe_interval=6",
        "  done, after 0 s (1 of 3 done)",
    ]


def test_more_options_win_over_those_of_the_command(tmp_path):
    launch = Runs()
    run(tmp_path, launch, extra=["--trainer.max_epochs", "1"], **SMALL)
    assert launch.commands[0][-4:-2] == ["--trainer.max_epochs", "1"]


def test_a_failed_point_is_named_and_the_rest_goes_on(tmp_path):
    said = []
    points = run(tmp_path, Runs(fails=["12"]), said, **SMALL)
    assert [point.error for point in points] == [None, "ValueError: no", None]
    log = tmp_path / "sweep" / "point-keyframe_interval=12" / "log.txt"
    assert f"  failed: ValueError: no; log: {log}, after 0 s (1 of 3 done)" in said
    assert log.is_file()


def test_started_again_only_what_failed_or_is_gone_runs(tmp_path):
    run(tmp_path, Runs(fails=["12"]), **SMALL)
    (tmp_path / "sweep" / "point-keyframe_interval=24" / "point.json").unlink()
    said, launch = [], Runs()
    points = run(tmp_path, launch, said, **SMALL)
    assert launch.names == ["12", "24"]
    assert [point.error for point in points] == [None] * 3
    assert said[0].endswith("sweep, 1 of them done already")


def test_an_earlier_attempt_leaves_no_result_and_is_overwritten(tmp_path):
    run(tmp_path, Runs(fails=["12"]), **SMALL)
    folder = tmp_path / "sweep" / "point-keyframe_interval=12"
    (folder / "fit.yaml").touch()
    seen = []

    def launch(arguments, log):
        seen.append(((folder / "result.json").exists(), "--overwrite=true" in arguments))

    run(tmp_path, launch, **SMALL)
    assert seen == [(False, True)]


def test_a_run_that_no_sweep_began_is_kept_however_often_it_is_started_again(tmp_path):
    folder = tmp_path / "sweep" / "point-keyframe_interval=12"
    folder.mkdir(parents=True)
    for name in ("fit.yaml", "result.json", "last.ckpt"):
        (folder / name).write_text("mine")
    commands = []

    def refuse(arguments, log):
        log.touch()
        if log.parent != folder:
            return None
        commands.append(arguments)
        return "it holds a run already"

    for _ in range(3):
        assert run(tmp_path, refuse, **SMALL)[1].error == "it holds a run already"
    assert len(commands) == 3
    assert not any("--overwrite=true" in words for words in commands)
    assert {(folder / name).read_text() for name in ("fit.yaml", "result.json", "last.ckpt")} == {
        "mine"
    }


def test_an_interrupted_point_goes_on_from_its_last_epoch_also_when_interrupted_twice(tmp_path):
    def stop(arguments, log):
        log.touch()
        (log.parent / "fit.yaml").touch()
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, stop, **SMALL)
    launch = Runs()
    run(tmp_path, launch, **SMALL)
    assert launch.names == ["6", "12", "24"]
    assert not any("--overwrite=true" in words for words in launch.commands)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the child only waits
def test_killed_half_way_it_goes_on_with_the_point_that_was_running(tmp_path):
    fork = multiprocessing.get_context("fork")
    killed = fork.Process(target=run, args=(tmp_path, Runs(waits="12")), kwargs=SMALL)
    killed.start()
    while not (tmp_path / "sweep" / "point-keyframe_interval=12" / "log.txt").exists():
        time.sleep(0.01)
    other = Runs()
    run(tmp_path, other, **SMALL)
    assert other.names == ["24"]  # works on what nobody else does
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    launch = Runs()
    assert len(run(tmp_path, launch, **SMALL)) == 3
    assert launch.names == ["12"]


def test_points_that_a_changed_file_still_has_are_kept(tmp_path):
    run(tmp_path, Runs(), **SMALL)
    launch = Runs()
    run(tmp_path, launch, parameters={"data.keyframe_interval": {"values": [12, 30, 6]}})
    assert launch.names == ["30"]
    assert (tmp_path / "sweep" / "point-keyframe_interval=24").is_dir()


@pytest.mark.parametrize(
    ("changes", "was"),
    [
        ({"extra": ["--a", "1"]}, "command was"),
        ({"parameters": SMALL["parameters"] | {"model.depth": {"value": 1}}}, "values was"),
    ],
)
def test_another_sweep_in_the_same_folder_is_refused(changes, was, tmp_path):
    run(tmp_path, Runs(), **SMALL)
    with pytest.raises(ValueError, match=rf"is a point whose {was} .*; give another --run_dir"):
        run(tmp_path, Runs(), **SMALL | changes)


def test_bayesian_search_draws_ever_better_points_and_resumes(tmp_path):
    def launch(arguments, log):
        (rate,) = json.loads((log.parent / "sweep_values.json").read_text()).values()
        (log.parent / "metrics.csv").write_text(f"val/loss\n{(rate - 0.8) ** 2}\n")

    sweep = {"method": "bayes", "metric": {"name": "val/loss"}}
    sweep |= {"parameters": {"rate": {"min": 0.0, "max": 1.0}}}
    few = run(tmp_path, launch, run_cap=10, **sweep)
    many = run(tmp_path, launch, run_cap=20, **sweep)
    assert many[:10] == few
    assert len({point.values["rate"] for point in many}) == 20
    distances = [abs(point.values["rate"] - 0.8) for point in many]
    assert median(distances[10:]) < median(distances[:10]) / 2
    in_file = optuna.load_study(
        study_name=None, storage=f"sqlite:///{tmp_path / 'sweep' / 'study.db'}"
    )
    assert in_file.best_value == min(point.metric for point in many)


def test_bayesian_search_goes_on_with_a_point_that_was_interrupted(tmp_path):
    rates = []

    def stop(arguments, log):
        rates.append(json.loads((log.parent / "sweep_values.json").read_text())["rate"])
        if len(rates) == 2:
            raise KeyboardInterrupt
        (log.parent / "metrics.csv").write_text("val/loss\n1\n")

    sweep = {"method": "bayes", "metric": {"name": "val/loss"}, "run_cap": 3}
    sweep |= {"parameters": {"rate": {"min": 0.0, "max": 1.0}}}
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop, **sweep)
    points = run(tmp_path, stop, **sweep)
    assert rates[1] == rates[2]
    assert [point.values["rate"] for point in points] == [rates[0], *rates[2:]]


def test_bayesian_search_without_its_metric_fails(tmp_path):
    sweep = {"method": "bayes", "metric": {"name": "val/loss"}, "run_cap": 1}
    (point,) = run(tmp_path, Runs(), **sweep)
    assert point.error == "its logs hold no val/loss, which bayes needs; add a CSVLogger"


def test_bayesian_search_ends_where_all_points_are_known(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "MAX_REPEATS", 10)

    def launch(arguments, log):
        (log.parent / "metrics.csv").write_text("val/loss\n1\n")

    sweep = {"method": "bayes", "metric": {"name": "val/loss"}, "run_cap": 20}
    points = run(tmp_path, launch, parameters={"a": {"values": [1, 2, 3]}}, **sweep)
    assert sorted(point.values["a"] for point in points) == [1, 2, 3]


def write(path, text, seconds):
    path.parent.mkdir(parents=True)
    path.write_text(text)
    os.utime(path, (seconds, seconds))


def test_the_last_value_of_the_newest_log_counts(tmp_path):
    assert _logged(tmp_path, "val/miou") is None
    write(tmp_path / "logs/version_10/metrics.csv", "step,val/miou\n1,0.1\n2,\n3,0.4\n4,\n", 20)
    write(tmp_path / "logs/version_9/metrics.csv", "step,val/miou\n1,0.9\n", 10)
    assert _logged(tmp_path, "val/miou") == 0.4
    assert _logged(tmp_path, "train/loss") is None
