"""Sweep files for tests, and what stands in for their runs."""

import time
from dataclasses import dataclass
from pathlib import Path

import yaml

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


@dataclass
class Ended:
    """Stands in for a process that ended at once."""

    error: str | None = None
    has_ended: bool = True

    def end(self, by_force=False):
        pass


class Runs:
    """Stands in for the processes: notes what it was to run, and fails or waits where told."""

    def __init__(self, fails=(), waits=None):
        self.fails, self.waits = fails, waits
        self.commands = []

    def __call__(self, arguments, log, environment):
        self.commands.append(list(arguments))
        name = log.parent.name.removeprefix("point-keyframe_interval=")
        log.write_text("…")
        (log.parent / "result.json").write_text(log.parent.name)
        if name == self.waits:
            time.sleep(60)
        return Ended("ValueError: no" if name in self.fails else None)

    @property
    def names(self):
        return [Path(words[-1]).name.split("=", 1)[1] for words in self.commands]
