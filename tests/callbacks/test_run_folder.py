"""What a fit may do with its folder."""

import os
import signal
import subprocess
import sys

import pytest

from arseg_lightning.callbacks import RunFolder

CONFIG = "run_dir: {}\ntrainer: {{max_epochs: {}}}\ndata: {{num_workers: {}}}\n"

HOLD = """
import os, pathlib, sys, time
from arseg_lightning.files import lock_file
lock = lock_file(pathlib.Path(sys.argv[1]))
if os.fork() == 0:  # a loader's worker
    print("worker", flush=True)
    time.sleep(60)
sys.stdin.readline()
print(os.getpid(), flush=True)
sys.stdin.read()
"""


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    """A lock ends with its process, also where a worker of it lives on."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / ".fit.lock")]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, start_new_session=True
    ) as other:
        assert other.stdout.readline() == "worker\n"
        print(file=other.stdin, flush=True)
        assert int(other.stdout.readline()) == other.pid
        with pytest.raises(
            FileExistsError, match=r"another process is training in .*; wait for it"
        ):
            RunFolder(tmp_path).lock()
        other.kill()
        other.wait()
        RunFolder(tmp_path).lock().release()
        os.killpg(other.pid, signal.SIGKILL)


def test_what_changes_no_weight_may_change(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.checkpoint_to_resume(CONFIG.format("a", 3, 0)) is None
    folder.begin(CONFIG.format("a", 3, 0), resumes=False)
    assert folder.checkpoint_to_resume(CONFIG.format("b", 3, 2)) is None  # none written yet
    (tmp_path / "last.ckpt").touch()
    assert folder.checkpoint_to_resume(CONFIG.format("b", 3, 2)) == tmp_path / "last.ckpt"
    with pytest.raises(FileExistsError, match=r"another configuration \(trainer\.max_epochs\)"):
        folder.checkpoint_to_resume(CONFIG.format("a", 4, 0))
    folder.finish()
    with pytest.raises(FileExistsError, match=r"continue it with --ckpt_path .*last\.ckpt"):
        folder.checkpoint_to_resume(CONFIG.format("a", 3, 0))
