"""A sweep that is killed while a point trains loses less than an epoch of it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.callbacks.interrupted import CROSS_ENTROPY, assert_equal, experiment, state
from tests.sweep.files import sweep_file

EPOCHS = 60  # enough for it not to end before it is killed


def sweep(file, run_dir):
    root = str(Path(__file__).resolve().parents[2])
    words = ["sweep", str(file), "--run_dir", str(run_dir)]
    return subprocess.Popen(
        [sys.executable, "-m", "arseg_lightning", *words],
        env=os.environ | {"PYTHONPATH": root},
        stdout=subprocess.DEVNULL,
    )


@pytest.mark.slow
def test_a_point_that_was_killed_ends_as_if_it_had_not_been(tmp_path):
    config = experiment(tmp_path, tmp_path / "store", "PerFrameTask", loss=CROSS_ENTROPY)
    command = ["${env}", "${interpreter}", "-m", "arseg_lightning", "fit", "--config", config]
    command += ["--trainer.max_epochs", str(EPOCHS), "--config", "${args_json_file}"]
    file = sweep_file(tmp_path, command=command, parameters={"data.seed": {"values": [3]}})
    assert sweep(file, tmp_path / "whole").wait() == 0
    runner = sweep(file, tmp_path / "broken")
    point = tmp_path / "broken" / next((tmp_path / "whole").glob("*/fit.yaml")).parent.name
    while not (point / "last.ckpt").exists():
        time.sleep(0.01)
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait()
    interrupted_at = state(point)["epoch"]
    assert interrupted_at < EPOCHS - 1
    assert sweep(file, tmp_path / "broken").wait() == 0
    first = re.search(r"epoch (\d+)/", (point / "log.txt").read_text())
    assert int(first[1]) >= interrupted_at + 2  # the one is counted from 1, the other from 0
    whole = tmp_path / "whole" / point.name
    assert_equal(state(point)["state_dict"], state(whole)["state_dict"])
