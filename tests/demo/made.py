"""A run with a network that needs no training, and what the demo makes of a short drive."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT

import yaml

from arseg_lightning.cli import main
from arseg_lightning.demo import server
from arseg_lightning.demo.comparison import Request, compare_two
from arseg_lightning.demo.networks import NetworkChoice, load_choice
from arseg_lightning.demo.sample import write_sample
from tests.streaming.made import write_run

ROOT = Path(__file__).resolve().parents[2]
FRAMES, SIZE, INTERVAL = 7, (48, 64), 3
OWN = "AR 0.5x"


def runs_folder(parent):
    """A folder of runs with one run in it, beside folders that are none."""
    runs = parent / "runs"
    runs.mkdir()
    run = write_run(runs)
    (runs / "unfinished").mkdir()
    (runs / "unfinished" / "fit.yaml").write_text(yaml.safe_dump({}))
    (runs / "notes").mkdir()
    return runs, run


def sample(folder):
    return write_sample(folder / "driving.mp4", FRAMES, SIZE)


def comparison(run, video, left="1x", right=OWN, **settings):
    offered = load_choice(NetworkChoice(str(run), True))
    return compare_two(Request(video, left, right, INTERVAL), offered, **settings)


@contextmanager
def served(run, port, *options):
    """The command ``demo`` until the block ends; Gradio's threads and warnings stay in there."""
    words = [sys.executable, "-m", "tests.demo.made", str(run), "--port", str(port), *options]
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        line = process.stdout.readline()
        assert line.startswith("open http://127.0.0.1:"), process.stderr.read()
        try:
            yield line.split()[1]
        finally:
            process.send_signal(SIGINT)
            assert process.wait(30) == 0


if __name__ == "__main__":  # the command with a shorter drive, as a process of its own
    server.write_sample = lambda path: write_sample(path, FRAMES, SIZE)
    main(["demo", *sys.argv[1:]])
