"""Kills a training at random moments and checks that nothing is lost: not a bit of the weights.

    python benchmarks/resume_stress.py --kills 5 --output benchmarks/results/resume_stress.json

A small training on the CPU runs to its end once. Then the same command runs in another folder and
is killed (SIGKILL, which no process can catch) at a random moment of its training, is started
again, killed again, …, and at last left alone. Both must end with the same checkpoints: weights,
optimiser, schedule, random generators, best epoch. After each kill the last checkpoint must load.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from arseg_lightning.models import Segmentor
from arseg_lightning.models.segmentor import SideOutputs

EPOCHS = 20
STARTED = "GMACs"
"""What a run prints right before it trains."""


class DroppingNet(Segmentor):
    """A small network that drops features at random, so that the generators' states count."""

    feature_channels = 64
    feature_stride = 4

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 4, stride=4), nn.BatchNorm2d(64), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Dropout2d(0.3))
        self.classifier = nn.Conv2d(64, num_classes, 1)

    def features_and_side(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Compute the feature."""
        return self.body(self.stem(image)), SideOutputs()


def main() -> None:
    """Train once without and once with kills; compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="decides the moments")
    parser.add_argument("--output", type=Path, help="where to write what happened, as JSON")
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment(folder / "store")))
        seconds = live(folder, "whole")
        print(f"uninterrupted: {seconds:.1f} s of training, {EPOCHS} epochs", flush=True)
        kills = []
        for number in range(arguments.kills):
            # Short lives, so that there is something left to train for the next one.
            moment = moments.uniform(0, 2 * seconds / (arguments.kills + 1))
            live(folder, "killed", moment)
            epochs = trained_epochs(folder / "killed" / "last.ckpt")
            kills.append({"seconds": round(moment, 3), "epochs_kept": epochs})
            print(f"kill {number + 1}: after {moment:.2f} s, {epochs} epochs kept", flush=True)
        live(folder, "killed")
        found = differences(folder / "whole", folder / "killed")
    print("different: " + ", ".join(found) if found else "the same, bit for bit")
    if arguments.output:
        record = {"torch": torch.__version__, "epochs": EPOCHS, "kills": kills, "different": found}
        arguments.output.write_text(json.dumps(record, indent=2) + "\n")
    sys.exit(bool(found))


def experiment(store: Path) -> dict[str, Any]:
    """A joint training on a synthetic driving scene: crops of 32x48, two loader workers."""
    fst = {"class_path": "FST", "init_args": {"segmentation": {"class_path": "CrossEntropy"}}}
    return {
        "trainer": {"max_epochs": EPOCHS, "accelerator": "cpu", "logger": False, "devices": 1},
        "data": {
            "train": driving(0),
            "val": driving(50),
            "store": str(store),
            "keyframe_interval": 4,
            "augment": {"crop_size": [32, 48], "scales": [0.75, 1.0, 1.5]},
            "batch_size": 2,
            "num_workers": min(2, len(os.sched_getaffinity(0))),
        },
        "model": {
            "class_path": "JointTask",
            "init_args": {
                "network": {"class_path": "benchmarks.resume_stress.DroppingNet"},
                "loss": {"class_path": "CrossEntropy"},
                "objective": fst,
                "fusion": {"class_path": "CReFF", "init_args": {"window": 3}},
            },
        },
    }


def driving(first_seed: int) -> dict[str, Any]:
    """One clip of eight frames."""
    size = {"num_videos": 1, "num_frames": 8, "height": 48, "width": 64}
    return {"class_path": "SyntheticDriving", "init_args": size | {"first_seed": first_seed}}


def live(folder: Path, run: str, moment: float | None = None) -> float:
    """Train; None to the end, else until so many seconds into the training. Returns those."""
    command = [sys.executable, "-u", "-m", "arseg_lightning", "fit"]
    command += ["--config", str(folder / "experiment.yaml"), "--run_dir", str(folder / run)]
    root = Path(__file__).resolve().parents[1]  # where the network's class is found
    errors = (folder / "errors.txt").open("w")
    with (
        errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=root
        ) as process,
    ):
        if process.stdout is None:
            raise RuntimeError("no output to read")
        for line in process.stdout:
            if line.startswith(STARTED):
                break
        start = time.monotonic()
        if moment is not None:
            time.sleep(moment)
            process.kill()
        process.stdout.read()
    if moment is None and process.returncode:
        raise RuntimeError(f"{run} failed: {(folder / 'errors.txt').read_text()[-2000:]}")
    return time.monotonic() - start


def trained_epochs(checkpoint: Path) -> int:
    """How far a run is; a damaged checkpoint raises."""
    if not checkpoint.is_file():
        return 0
    return int(torch.load(checkpoint, weights_only=True)["epoch"]) + 1


def differences(first: Path, second: Path) -> list[str]:
    """The parts of two runs' checkpoints that are not the same, bit for bit."""
    found = []
    for name in ("best.ckpt", "last.ckpt"):
        one, other = (torch.load(run / name, weights_only=True) for run in (first, second))
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step"):
            found += [f"{name} {part}"] if not same(one[part], other[part]) else []
        generators = (each["callbacks"]["GeneratorStates"] for each in (one, other))
        found += [f"{name} generators"] if not same(*generators) else []
    return found


def same(first: Any, second: Any) -> bool:
    """Whether two nested values are equal, bit for bit."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


if __name__ == "__main__":
    main()
