"""Damaged at random, no stream crashes or hangs, and nothing that is said contradicts FFmpeg."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_three_hundred_damaged_streams_contradict_nothing():
    """In a process of its own, which may crash or hang; it says its seeds and figures."""
    command = [sys.executable, "-m", "tests.video.fuzz", "0", "300"]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *wrong, figures = [json.loads(line) for line in done.stdout.splitlines() if line[:1] == "{"]
    assert wrong == []
    assert figures["variants"] == 300
    assert figures["said"] > 100
