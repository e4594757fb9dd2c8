"""Points of a sweep side by side, as processes: small programs that stand in for the runs."""

import fcntl
import multiprocessing
import os
import signal
import sys
import time
from contextlib import suppress

import pytest

from arseg_lightning.report.sweep_index import SweepIndex
from arseg_lightning.sweep import Slot, process
from arseg_lightning.sweep.process import Process
from arseg_lightning.sweep.runner import _time_left
from tests.sweep.files import Ended
from tests.sweep.files import run as run_file

GPUS = tuple(Slot(name, {"CUDA_VISIBLE_DEVICES": name}) for name in ("0", "MIG-1"))

# Each holds its file's lock while it lives, and waits until the other runs, too.
MEET = """
import fcntl, os, pathlib, sys, time
here = pathlib.Path(sys.argv[1])
held = (here / "alive").open("w")
fcntl.flock(held, fcntl.LOCK_EX)
(here / "device").write_text(os.environ["CUDA_VISIBLE_DEVICES"])
while len(list(here.parent.glob("*/device"))) < 2:
    time.sleep(0.01)
"""
WAIT = MEET + "(here / 'waits').touch(); time.sleep(60)"
IGNORE = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + WAIT


def program(text):
    """A process of a program in place of ours; it is told its point's folder."""

    def launch(arguments, log, environment):
        return Process([sys.executable, "-SE", "-c", text, str(log.parent)], log, environment)

    return launch


def run(folder, launch, said=None, slots=GPUS, intervals=(6, 12, 24)):
    values = {"data.keyframe_interval": {"values": list(intervals)}}
    return run_file(folder, launch, said, slots=slots, parameters=values)


def point(folder, interval):
    return folder / "sweep" / f"point-keyframe_interval={interval}"


def statuses(folder):
    return [each.status for each in SweepIndex.read(folder / "sweep" / "sweep.json").points]


def await_that(fact):
    deadline = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def has_died(folder, interval):
    with (point(folder, interval) / "alive").open() as file, suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


@pytest.fixture
def waiting(tmp_path, request, monkeypatch):
    """A runner of its own whose first two points run; the third waits."""
    monkeypatch.setattr(process, "_SECONDS_TO_STOP", 0.3)
    fork = multiprocessing.get_context("fork")
    runner = fork.Process(target=run, args=(tmp_path, program(request.param)))
    runner.start()
    await_that(lambda: all((point(tmp_path, n) / "waits").exists() for n in (6, 12)))
    yield runner
    runner.kill()
    runner.join()


def test_two_points_run_at_once_each_on_its_own_device(tmp_path):
    said = []
    index = run(tmp_path, program(MEET), said, intervals=(6, 12))
    assert [each.status for each in index.points] == ["done", "done"]
    assert [(point(tmp_path, n) / "device").read_text() for n in (6, 12)] == ["0", "MIG-1"]
    assert said[1:3] == [
        "point 1 of 2 on device 0: point-keyframe_interval=6",
        "point 2 of 2 on device MIG-1: point-keyframe_interval=12",
    ]
    assert {line.rsplit(" ", 2)[0] for line in said[3:]} == {
        "  point-keyframe_interval=6: done in",
        "  point-keyframe_interval=12: done in",
    }


def test_one_failure_neither_stops_nor_waits_for_the_others(tmp_path):
    fail = "if '=12' in sys.argv[1]: raise ValueError('no')\n"
    last = (
        "while '=6' in sys.argv[1] and not list(here.parent.glob('*24/device')):\n time.sleep(.01)"
    )
    index = run(tmp_path, program(MEET + fail + last))
    assert [each.status for each in index.points] == ["done", "failed", "done"]
    assert [each.error for each in index.points] == [None, "ValueError: no", None]
    assert (point(tmp_path, 24) / "device").read_text() == "MIG-1"  # the slot that was free


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the child only waits
@pytest.mark.parametrize("waiting", [WAIT, IGNORE], indirect=True, ids=["polite", "stubborn"])
def test_ctrl_c_stops_all_that_runs(waiting, tmp_path):
    os.kill(waiting.pid, signal.SIGINT)
    waiting.join(20)
    assert waiting.exitcode == 1  # a KeyboardInterrupt
    assert has_died(tmp_path, 6)
    assert has_died(tmp_path, 12)
    assert statuses(tmp_path) == ["running", "running", "waiting"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the child only waits
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties processes to their parent")
@pytest.mark.parametrize("waiting", [IGNORE], indirect=True, ids=[""])
def test_all_that_a_killed_runner_left_running_goes_on(waiting, tmp_path):
    assert statuses(tmp_path) == ["running", "running", "waiting"]
    waiting.kill()
    waiting.join(20)  # its points may be told of its death before its lock is
    await_that(lambda: has_died(tmp_path, 6) and has_died(tmp_path, 12))
    seen = []

    def launch(arguments, log, environment):
        (log.parent / "fit.yaml").touch()
        seen.append(("--resume=or_restart" in arguments, statuses(tmp_path)))
        return Ended()

    for interval in (6, 12):
        (point(tmp_path, interval) / "fit.yaml").touch()
    run(tmp_path, launch, slots=(Slot(),))
    assert seen == [
        (True, ["running", "interrupted", "waiting"]),
        (True, ["done", "running", "waiting"]),
        (False, ["done", "done", "running"]),
    ]


def test_points_of_equal_length_take_as_many_rounds_as_their_slots_need():
    left = [_time_left(to_start, 2, [10.0, 20.0]) for to_start in (1, 2, 3, 4)]
    assert left == [f" (about {seconds} s left)" for seconds in (15, 15, 30, 30)]
    assert _time_left(3, 2, []) == ""
