"""Sweep files for tests, and what stands in for their runs."""

import time
from pathlib import Path
from unittest.mock import patch

import yaml
from sqlalchemy import Engine, event

from arseg_lightning.sweep import read_sweep, run_sweep, runner

# Waiting for the disk at each step of a study is most of the time of these tests.
event.listen(Engine, "connect", lambda made, _: made.execute("PRAGMA synchronous = OFF"))

COMMAND = [
    *("${env}", "${interpreter}", "-m", "arseg_lightning", "test", "--config", "experiment.yaml"),
    *("--config", "${args_json_file}"),
]
PARAMETERS = {
    "data.keyframe_interval": {"values": [6, 12]},
    "model.init_args.resolution_ratio": {"values": [0.3, 0.5, 0.7]},
}
SMALL = {"parameters": {"data.keyframe_interval": {"values": [6, 12, 24]}}}


def sweep_file(folder, **changes):
    """Write a sweep file; a change to None takes a key away."""
    content = {"method": "grid", "parameters": PARAMETERS, "command": COMMAND} | changes
    content = {key: value for key, value in content.items() if value is not None}
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def run(folder, launch, said=None, extra=(), **changes):
    """Run a sweep file in a folder, with what stands in for the processes."""
    sweep = read_sweep(sweep_file(folder, **changes))
    count = 20 if sweep.method == "random" else None
    say = (said if said is not None else []).append
    with patch.object(runner, "run_program", launch):
        return run_sweep(sweep, folder / "sweep", count, 0, tuple(extra), say)


class Runs:
    """Stands in for the processes: notes what it was to run, and fails or waits where told."""

    def __init__(self, fails=(), waits=None):
        self.fails, self.waits = fails, waits
        self.commands = []

    def __call__(self, arguments, log):
        self.commands.append(list(arguments[3:]))  # after: python -m arseg_lightning
        name = log.parent.name.removeprefix("point-keyframe_interval=")
        log.write_text("…")
        (log.parent / "result.json").write_text(log.parent.name)
        if name == self.waits:
            time.sleep(60)
        return "ValueError: no" if name in self.fails else None

    @property
    def names(self):
        return [Path(words[-1]).name.split("=", 1)[1] for words in self.commands]
