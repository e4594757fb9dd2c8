"""Jobs go to processes; one that fails or dies takes nothing else with it."""

import os
import signal
import threading
import time
from functools import partial

import pytest

from arseg_lightning.parallel_jobs import Job, attempt, run_jobs
from arseg_lightning.video.errors import NotAVideo


def make(folder, name):
    path = folder / name
    missing = not path.exists()
    path.touch()
    return missing


def refuse(error):
    raise error


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def work_until_ended(part):
    part.touch()
    try:
        time.sleep(60)
    finally:
        time.sleep(0.1)
        part.unlink()
    return True


def see(part):
    while not part.exists():
        time.sleep(0.01)
    return True


def process(expected, sleeps=0.0):
    time.sleep(sleeps)
    return os.getpid() == expected


def where(workers, patience, *sleeps):
    """Which jobs this process has done."""
    jobs = [Job(str(n), partial(process, os.getpid(), t)) for n, t in enumerate(sleeps)]
    return {each.name: each.made for each in run_jobs(jobs, workers, patience_seconds=patience)}


def test_each_job_is_done_and_a_second_run_finds_it(tmp_path):
    todo = [Job(name, partial(make, tmp_path, name)) for name in "abcde"]
    first = {each.name: each.made for each in run_jobs(todo, 2)}
    second = {each.name: each.made for each in run_jobs(todo, 1)}
    assert first == dict.fromkeys("abcde", True)
    assert second == dict.fromkeys("abcde", False)


def test_a_job_that_kills_its_process_fails_alone(tmp_path):
    good = [Job(name, partial(make, tmp_path, name)) for name in "abc"]
    ended = {each.name: each.error for each in run_jobs([Job("bad", die), *good], 2)}
    said = ended.pop("bad")
    assert said.startswith("its process was ended; is memory short?")
    assert "SIGKILL" in said
    assert ended == dict.fromkeys("abc")


def test_ctrl_c_lets_the_jobs_remove_what_is_half_done(tmp_path):
    part = tmp_path / "part"
    jobs = [Job("long", partial(work_until_ended, part)), Job("short", partial(see, part))]
    ended = run_jobs([*jobs, Job("not begun", partial(make, tmp_path, "c"))], 2)
    assert next(ended).name == "short"
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        list(ended)
    assert not part.exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_quick_starts_no_process():
    assert where(2, 5, 0, 0) == {"0": True, "1": True}


def test_what_takes_long_is_continued_by_several_processes():
    assert where(2, 0.02, 0.02, 0, 0) == {"0": True, "1": False, "2": False}


@pytest.mark.parametrize(("workers", "sleeps"), [(1, (0.02, 0, 0)), (2, (0.02, 0))])
def test_one_process_is_all_that_one_worker_or_one_clip_needs(workers, sleeps):
    assert all(where(workers, 0.02, *sleeps).values())


@pytest.mark.parametrize(
    ("error", "words"),
    [(NotAVideo("x.mp4 is no video"), "x.mp4 is no video"), (KeyError("w"), "KeyError: 'w'")],
)
def test_an_error_is_told_in_its_words(error, words):
    assert attempt(Job("x", partial(refuse, error))).error == words


def test_no_jobs_are_done_at_once():
    assert list(run_jobs([], 3)) == []
