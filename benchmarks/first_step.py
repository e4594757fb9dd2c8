"""How long does phase 1 take to its first step on many stills?

    python benchmarks/first_step.py --output benchmarks/results/first_step.json

Stills of 160x120 are made (a few pictures under many names) with labels of two classes; every tenth
one validates. `python -m arseg_lightning fit` trains BiSeNet18 on them with the default options,
and with crops of the stills' own size; both are timed from the command to the first step, with all
imports and the sanity check on validation data, and to the end of that step, which is the
network's own time: the default crops are of 720x960.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from lightning import Callback
from PIL import Image

from arseg_lightning.provenance import machine
from arseg_lightning.report.table_files import markdown

HEIGHT, WIDTH, PICTURES = 120, 160, 8
CROPS = {"default": None, "the stills' size": [HEIGHT, WIDTH]}


class FirstStep(Callback):
    """Writes down when the first step starts and ends.

    Args:
        file: Where.
    """

    def __init__(self, file: str) -> None:
        self.file = Path(file)

    def on_train_batch_start(self, *_: Any) -> None:
        """The batch is there."""
        self._started = time.time()

    def on_train_batch_end(self, *_: Any) -> None:
        """The network has learned from it."""
        self.file.write_text(json.dumps([self._started, time.time()]))


def main() -> None:
    """Make the stills, time the command, print a table, write the figures."""
    arguments = _arguments()
    record: dict[str, Any] = machine() | {"stills": arguments.stills, "size": [HEIGHT, WIDTH]}
    with tempfile.TemporaryDirectory() as folder:
        make_stills(Path(folder) / "stills", arguments.stills)
        record["runs"] = [measure(Path(folder), name, crop) for name, crop in CROPS.items()]
    print(markdown(pd.DataFrame(record["runs"])))
    if arguments.output:
        arguments.output.write_text(json.dumps(record, indent=1) + "\n")


def make_stills(root: Path, count: int) -> None:
    """A few pictures and labels under many names: hard links, so that thousands are quick."""
    generator = np.random.default_rng(0)
    for name, channels, values, suffix in (("images", (3,), 256, "jpg"), ("labels", (), 2, "png")):
        (root / name).mkdir(parents=True)
        for number in range(min(PICTURES, count)):
            pixels = generator.integers(0, values, (HEIGHT // 8, WIDTH // 8, *channels), np.uint8)
            large = Image.fromarray(pixels).resize((WIDTH, HEIGHT), Image.Resampling.NEAREST)
            large.save(root / name / f"still_{number:06d}.{suffix}")
        for number in range(PICTURES, count):
            first = root / name / f"still_{number % PICTURES:06d}.{suffix}"
            os.link(first, first.with_stem(f"still_{number:06d}"))
    (root / "classes.yaml").write_text("names: [left, right]\n")


def measure(folder: Path, name: str, crop: list[int] | None) -> dict[str, Any]:
    """Time the command with crops of a size."""
    run = folder / name.replace(" ", "_")
    run.mkdir()
    experiment = run / "experiment.yaml"
    experiment.write_text(yaml.safe_dump(_experiment(run, folder / "stills", crop)))
    start = time.time()
    subprocess.run(
        [sys.executable, "-m", "arseg_lightning", "fit", "--config", str(experiment)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        check=True,
        capture_output=True,
    )
    begin, end = json.loads((run / "times.json").read_text())
    return {
        "crops": name,
        "seconds to the first step": round(begin - start, 1),
        "seconds to its end": round(end - start, 1),
        "clips encoded": len(list((run / "store").rglob("*.mp4"))),
    }


def _experiment(run: Path, stills: Path, crop: list[int] | None) -> dict[str, Any]:
    def part(name: str) -> dict[str, Any]:
        arguments = {"root": str(stills), "classes": str(stills / "classes.yaml"), "part": name}
        return {"class_path": "StillFolder", "init_args": arguments}

    first_step = {"class_path": "first_step.FirstStep", "init_args": {"file": f"{run}/times.json"}}
    return {
        "run_dir": str(run / "run"),
        "trainer": {
            "max_steps": 1,
            "limit_val_batches": 2,  # as the sanity check: what follows the step is not timed
            "accelerator": "cpu",
            "logger": False,
            "callbacks": [first_step],
        },
        "data": {"train": part("train"), "val": part("val"), "store": str(run / "store")}
        | ({"augment": {"crop_size": crop}} if crop else {}),
        "model": {
            "class_path": "PerFrameTask",
            "init_args": {
                "network": {"class_path": "BiSeNet18"},
                "loss": {"class_path": "CrossEntropy"},
            },
        },
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stills", type=int, default=20_000)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
