"""What a fit may do with its folder."""

import os
import subprocess
import sys

import pytest

from arseg_lightning.callbacks import RunFolder

CONFIG = "run_dir: {}\ntrainer: {{max_epochs: {}}}\ndata: {{num_workers: {}}}\n"

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path / ".fit.lock")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(
            FileExistsError, match=r"another process is training in .*; wait for it"
        ):
            RunFolder(tmp_path).lock()
        other.kill()
    os.close(RunFolder(tmp_path).lock())  # a lock ends with its process


def test_what_changes_no_weight_may_change(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.checkpoint_to_resume(CONFIG.format("a", 3, 0), "auto") is None
    folder.begin(CONFIG.format("a", 3, 0), resumes=False)
    assert folder.checkpoint_to_resume(CONFIG.format("b", 3, 2), "auto") is None  # none written yet
    (tmp_path / "last.ckpt").touch()
    assert folder.checkpoint_to_resume(CONFIG.format("b", 3, 2), "auto") == tmp_path / "last.ckpt"
    with pytest.raises(FileExistsError, match=r"another configuration \(trainer\.max_epochs\)"):
        folder.checkpoint_to_resume(CONFIG.format("a", 4, 0), "auto")
    assert folder.checkpoint_to_resume(CONFIG.format("a", 4, 0), "or_restart") is None
    again = folder.checkpoint_to_resume(CONFIG.format("b", 3, 2), "or_restart")
    assert again == tmp_path / "last.ckpt"
    folder.finish()
    assert folder.checkpoint_to_resume(CONFIG.format("a", 3, 0), "or_restart") is None
    with pytest.raises(FileExistsError, match=r"continue it with --ckpt_path .*last\.ckpt"):
        folder.checkpoint_to_resume(CONFIG.format("a", 3, 0), "auto")
