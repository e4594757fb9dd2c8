"""The program as on Windows: what that lacks is hidden; it was not run on one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_cli import JOINT, configuration, driving
from tests.video.small_videos import write_video

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("workers", ["0", pytest.param("1", marks=pytest.mark.slow)])
def test_the_command_line_works_without_what_windows_lacks(tmp_path, workers):
    experiment = configuration(tmp_path, JOINT, val=driving(50))
    video = write_video(tmp_path / "clip.mp4", 10)
    plain = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252", "WANDB_MODE": "disabled"}
    plain["ARSEG_LIGHTNING_TRUST"] = "tests"
    words = [sys.executable, "-X", "warn_default_encoding", "-m", "tests.as_on_windows"]
    done = subprocess.run(
        [*words, experiment, str(video), workers],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | plain,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "finished").is_file()
    assert (tmp_path / "out" / "overlay.mp4").is_file()
