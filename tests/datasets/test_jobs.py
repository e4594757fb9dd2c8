"""Jobs go to processes; one that fails or dies takes nothing else with it."""

import os
import signal
import time
from functools import partial

import pytest

from arseg_lightning.datasets import jobs
from arseg_lightning.datasets.jobs import Job, LocalEngine, attempt, available_cores
from arseg_lightning.video.cache import CannotWriteCache
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


def disk_full():
    try:
        raise OSError(28, "No space left on device")
    except OSError as error:
        raise CannotWriteCache("cannot write; free some space") from error


def test_each_job_is_done_and_a_second_run_finds_it(tmp_path):
    todo = [Job(name, partial(make, tmp_path, name)) for name in "abcde"]
    first = {each.name: each.made for each in LocalEngine(2).run(todo)}
    second = {each.name: each.made for each in LocalEngine(2).run(todo)}
    assert first == dict.fromkeys("abcde", True)
    assert second == dict.fromkeys("abcde", False)


def test_a_job_that_kills_its_process_fails_alone(tmp_path):
    good = [Job(name, partial(make, tmp_path, name)) for name in "abc"]
    ended = {each.name: each.error for each in LocalEngine(1).run([Job("bad", die), *good])}
    assert ended.pop("bad") == "its process was ended by SIGKILL; is memory short?"
    assert ended == dict.fromkeys("abc")


def test_ending_early_lets_the_jobs_remove_what_is_half_done(tmp_path):
    part = tmp_path / "part"
    ended = LocalEngine(2).run(
        [Job("long", partial(work_until_ended, part)), Job("short", partial(see, part))]
    )
    assert next(ended).name == "short"
    ended.close()
    assert not part.exists()


@pytest.mark.parametrize(
    ("error", "words"),
    [(NotAVideo("x.mp4 is no video"), "x.mp4 is no video"), (KeyError("w"), "KeyError: 'w'")],
)
def test_an_error_is_told_in_its_words(error, words):
    outcome = attempt(Job("x", partial(refuse, error)))
    assert (outcome.error, outcome.no_place) == (words, False)


def test_a_full_disk_is_not_the_fault_of_the_job():
    assert attempt(Job("x", disk_full)).no_place


def test_nobody_to_do_it_is_refused():
    with pytest.raises(ValueError, match="workers is 0; preparing needs at least one process"):
        LocalEngine(0)


def test_no_jobs_are_done_at_once():
    assert list(LocalEngine(3).run([])) == []


def test_without_a_server_processes_are_spawned(monkeypatch):
    """As on Windows."""
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    assert jobs._context().get_start_method() == "spawn"


def test_cores_are_counted_where_no_scheduler_limits_them(monkeypatch):
    monkeypatch.delattr("os.sched_getaffinity")
    assert available_cores() == os.cpu_count()
