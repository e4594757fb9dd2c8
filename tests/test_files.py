"""Files are whole or not there, locks end with their process, and errors name a remedy."""

import errno
import fcntl
import multiprocessing
import os
import signal

import pytest

from arseg_lightning.files import (
    LockedElsewhere,
    building,
    lock_file,
    remedy_for,
    replacing,
    write_atomic,
)

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def target(tmp_path):
    return tmp_path / "store" / "clip.mp4"


def hold_forever(target, holds):
    with building(target):
        holds.set()
        signal.pause()


def build(target, made):
    with building(target) as missing:
        if missing:
            target.write_bytes(b"whole")
        made.put(missing)


def test_the_file_is_to_be_made_until_it_is_there(target):
    with building(target) as missing:
        assert missing
        target.write_bytes(b"whole")
    with building(target) as missing:
        assert not missing
    assert list(target.parent.iterdir()) == [target]


def test_a_build_that_failed_lets_the_next_one_go(target):
    with pytest.raises(RuntimeError), building(target):
        raise RuntimeError
    with building(target) as missing:
        assert missing


def test_who_waits_takes_over_from_a_killed_builder(target):
    holds, made = SPAWN.Event(), SPAWN.SimpleQueue()
    builder = SPAWN.Process(target=hold_forever, args=(target, holds))
    builder.start()
    holds.wait()
    waiting = [SPAWN.Process(target=build, args=(target, made)) for _ in range(2)]
    for process in waiting:
        process.start()
    waiting[0].join(0.2)
    assert made.empty()
    builder.kill()
    assert sorted(made.get() for _ in waiting) == [False, True]
    for process in (builder, *waiting):
        process.join()


def test_a_folder_without_locks_is_left_to_the_builder(tmp_path):
    (tmp_path / "file").write_text("")
    with building(tmp_path / "file" / "clip.mp4") as missing:
        assert missing


def test_a_lock_is_refused_until_it_is_released(tmp_path):
    lock = lock_file(tmp_path / "folder" / "lock")
    with pytest.raises(LockedElsewhere, match="lock is locked by another process"):
        lock_file(tmp_path / "folder" / "lock")
    lock.release()
    lock_file(tmp_path / "folder" / "lock").release()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_disk_without_locks_has_none(tmp_path, monkeypatch, number):
    def refuse(file, how):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert not lock_file(tmp_path / "lock").is_locked
    with building(tmp_path / "clip.mp4") as missing:
        assert missing


def write_half(path):
    with replacing(path) as partial:
        partial.write_text("sec")
        raise RuntimeError


def test_a_file_is_replaced_whole_or_stays(tmp_path):
    path = tmp_path / "folder" / "result.json"
    write_atomic(path, "first")
    with pytest.raises(RuntimeError):
        write_half(path)
    assert path.read_text() == "first"
    write_atomic(path, b"second")
    assert path.read_text() == "second"
    assert list(path.parent.iterdir()) == [path]


def test_what_stops_all_writing_has_a_remedy():
    assert "make room" in remedy_for(OSError(errno.ENOSPC, "reason"), "look at the disk")
    assert remedy_for(OSError(errno.EIO, "reason"), "look at the disk") == "look at the disk"
