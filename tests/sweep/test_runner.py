import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import optuna
import pytest

from arseg_lightning.report.sweep_index import SweepIndex
from arseg_lightning.sweep import study
from arseg_lightning.sweep.runner import _logged
from tests.sweep.files import PARAMETERS, SMALL, Ended, Runs, run


def statuses(folder):
    return [point.status for point in SweepIndex.read(folder / "sweep" / "sweep.json").points]


def test_each_point_has_its_values_and_its_folder(tmp_path):
    launch = Runs()
    index = run(tmp_path, launch)
    assert SweepIndex.read(tmp_path / "sweep" / "sweep.json") == index
    assert [point.status for point in index.points] == ["done"] * 6
    for point, words in zip(index.points, launch.commands, strict=True):
        folder = tmp_path / "sweep" / point.run_dir
        assert words[-2:] == ["--run_dir", str(folder)]
        values = Path(words[words.index("experiment.yaml") + 2])
        assert values.parent == folder
        assert json.loads(values.read_text()) == point.values
        assert point.values.keys() == PARAMETERS.keys()


def test_progress_is_said(tmp_path):
    said = []
    run(tmp_path, Runs(), said, **SMALL)
    assert said[0] == f"3 points in {tmp_path}/sweep"
    assert said[1] == "point 1 of 3: point-keyframe_interval=6"
    assert said[2] == "  point-keyframe_interval=6: done in 0 s"
    assert said[3] == "point 2 of 3: point-keyframe_interval=12 (about 0 s left)"


def test_more_options_win_over_those_of_the_command(tmp_path):
    launch = Runs()
    run(tmp_path, launch, extra=["--trainer.max_epochs", "1"], **SMALL)
    assert launch.commands[0][-4:-2] == ["--trainer.max_epochs", "1"]


def test_a_failed_point_is_named_and_the_rest_goes_on(tmp_path):
    said = []
    index = run(tmp_path, Runs(fails=["12"]), said, **SMALL)
    assert [point.status for point in index.points] == ["done", "failed", "done"]
    assert index.points[1].error == "ValueError: no"
    log = tmp_path / "sweep" / "point-keyframe_interval=12" / "log.txt"
    assert any(line.endswith(f"failed after 0 s: ValueError: no; log: {log}") for line in said)
    assert log.is_file()


def test_started_again_only_what_failed_or_is_gone_runs(tmp_path):
    run(tmp_path, Runs(fails=["12"]), **SMALL)
    (tmp_path / "sweep" / "point-keyframe_interval=24" / "sweep_values.json").unlink()
    said, launch = [], Runs()
    index = run(tmp_path, launch, said, **SMALL)
    assert launch.names == ["12", "24"]
    assert [(point.status, point.error) for point in index.points] == [("done", None)] * 3
    assert said[0].endswith("sweep, 1 of them done already")


def test_an_earlier_attempt_leaves_no_result_and_is_overwritten(tmp_path):
    run(tmp_path, Runs(fails=["12"]), **SMALL)
    folder = tmp_path / "sweep" / "point-keyframe_interval=12"
    (folder / "fit.yaml").touch()
    seen = []

    def launch(arguments, log, environment):
        seen.append(((folder / "result.json").exists(), "--overwrite=true" in arguments))
        return Ended()

    run(tmp_path, launch, **SMALL)
    assert seen == [(False, True)]


def test_an_interrupted_point_goes_on_from_its_last_epoch_also_when_interrupted_twice(tmp_path):
    def stop(arguments, log, environment):
        (log.parent / "fit.yaml").touch()
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, stop, **SMALL)
    launch = Runs()
    run(tmp_path, launch, **SMALL)
    assert ["--resume=or_restart" in words for words in launch.commands] == [True, False, False]
    assert not any("--overwrite=true" in words for words in launch.commands)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the child only waits
def test_killed_half_way_it_goes_on_with_the_point_that_was_running(tmp_path):
    fork = multiprocessing.get_context("fork")
    runner = fork.Process(target=run, args=(tmp_path, Runs(waits="12")), kwargs=SMALL)
    runner.start()
    while not (tmp_path / "sweep" / "point-keyframe_interval=12" / "log.txt").exists():
        time.sleep(0.01)
    other = Runs()
    run(tmp_path, other, **SMALL)
    assert other.names == ["24"]  # works on what nobody else does
    assert statuses(tmp_path) == ["done", "running", "done"]
    assert runner.pid
    os.kill(runner.pid, signal.SIGKILL)
    runner.join()
    launch = Runs()
    run(tmp_path, launch, **SMALL)
    assert launch.names == ["12"]
    assert statuses(tmp_path) == ["done"] * 3


def test_ctrl_c_stops_the_sweep(tmp_path):
    def launch(arguments, log, environment):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, launch, **SMALL)
    assert statuses(tmp_path) == ["running", "waiting", "waiting"]


def test_points_that_a_changed_file_still_has_are_kept(tmp_path):
    run(tmp_path, Runs(), **SMALL)
    said, launch = [], Runs()
    run(tmp_path, launch, said, parameters={"data.keyframe_interval": {"values": [12, 30, 6]}})
    assert launch.names == ["30"]
    gone = tmp_path / "sweep" / "point-keyframe_interval=24"
    assert f"no longer in {tmp_path}/sweep.yaml, left as it is: {gone}" in said
    assert gone.is_dir()


def test_a_new_point_never_takes_the_folder_of_another(tmp_path):
    run(tmp_path, Runs(), **SMALL)
    constant = {"model.depth": {"value": 1}}
    index = run(tmp_path, Runs(), parameters=SMALL["parameters"] | constant)
    assert index.points[0].run_dir == "point-keyframe_interval=6+"


def test_another_command_in_the_same_folder_is_refused(tmp_path):
    run(tmp_path, Runs(), **SMALL)
    with pytest.raises(ValueError, match=r"holds a sweep whose command was .*; give another --run"):
        run(tmp_path, Runs(), extra=["--a", "1"], **SMALL)


def test_bayesian_search_draws_ever_better_points_and_resumes(tmp_path):
    def launch(arguments, log, environment):
        (rate,) = json.loads((log.parent / "sweep_values.json").read_text()).values()
        (log.parent / "metrics.csv").write_text(f"val/loss\n{(rate - 0.8) ** 2}\n")
        return Ended()

    sweep = {"method": "bayes", "metric": {"name": "val/loss"}}
    sweep |= {"parameters": {"rate": {"min": 0.0, "max": 1.0}}}
    few = run(tmp_path, launch, run_cap=10, **sweep)
    many = run(tmp_path, launch, run_cap=30, **sweep)
    assert many.points[:10] == few.points
    assert len({point.values["rate"] for point in many.points}) == 30
    distances = [abs(point.values["rate"] - 0.8) for point in many.points]
    assert sum(distances[20:]) < sum(distances[:10]) / 2
    in_file = optuna.load_study(
        study_name=None, storage=f"sqlite:///{tmp_path / 'sweep' / 'study.db'}"
    )
    assert in_file.best_value == min(point.metric for point in many.points)


def test_bayesian_search_without_its_metric_fails(tmp_path):
    sweep = {"method": "bayes", "metric": {"name": "val/loss"}, "run_cap": 1}
    (point,) = run(tmp_path, Runs(), **sweep).points
    assert (point.status, point.error) == (
        "failed",
        "its logs hold no val/loss, which bayes needs; add a CSVLogger",
    )


def test_bayesian_search_ends_where_all_points_are_known(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "MAX_REPEATS", 25)

    def launch(arguments, log, environment):
        (log.parent / "metrics.csv").write_text("val/loss\n1\n")
        return Ended()

    sweep = {"method": "bayes", "metric": {"name": "val/loss"}, "run_cap": 20}
    index = run(tmp_path, launch, parameters={"a": {"values": [1, 2, 3]}}, **sweep)
    assert sorted(point.values["a"] for point in index.points) == [1, 2, 3]


def test_the_metric_is_read_from_the_runs_own_logs(tmp_path):
    def launch(arguments, log, environment):
        (log.parent / "metrics.csv").write_text("val/miou\n0.25\n")
        return Ended()

    index = run(tmp_path, launch, metric={"name": "val/miou"}, **SMALL)
    assert [point.metric for point in index.points] == [0.25] * 3


def write(path, text, seconds):
    path.parent.mkdir(parents=True)
    path.write_text(text)
    os.utime(path, (seconds, seconds))


def test_the_last_value_of_the_newest_log_counts(tmp_path):
    write(tmp_path / "logs/version_10/metrics.csv", "step,val/miou\n1,0.1\n2,\n3,0.4\n4,\n", 20)
    write(tmp_path / "logs/version_9/metrics.csv", "step,val/miou\n1,0.9\n", 10)
    assert _logged(tmp_path, "val/miou") == 0.4


def test_a_metric_that_nobody_logged_is_not_known(tmp_path):
    assert _logged(tmp_path, "val/miou") is None
    write(tmp_path / "logs/metrics.csv", "step,train/loss\n1,0.1\n", 10)
    assert _logged(tmp_path, "val/miou") is None
