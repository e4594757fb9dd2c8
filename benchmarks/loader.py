"""Does the loader keep up with training? What a phase-2 sample costs, and how long steps wait.

    python benchmarks/loader.py --output benchmarks/results/loader.json

Synthetic driving scenes (720x960, in one long GOP each, a PNG label of every fourth frame) are
prepared once. Then:

- parts: CPU time of each part of a sample on one thread; frames and motion from the cache beside
  the same frames decoded and the same motion extracted from the video;
- loader: samples a second with nobody training: the first epoch, in which frames are decoded and
  kept, and later ones; and the memory that each worker has to itself behind them;
- training: phase 2 of each network by Lightning's Trainer; samples a second, and the share of its
  time in which a step waits for data, beside the same steps on a batch that is in memory;
- sweep: files that a sweep over the keyframe interval makes anew.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from lightning import Callback, LightningModule, Trainer
from loader_parts import (
    HEIGHT,
    WIDTH,
    make_videos,
    measure_parts,
    parts_rows,
    rounded,
    training_set,
)

from arseg_lightning.callbacks import Throughput
from arseg_lightning.datasets import ClipAugment, ClipDataModule
from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.folder import VideoFolder
from arseg_lightning.losses import FST, CrossEntropy
from arseg_lightning.models import BiSeNet18, PSPNet18
from arseg_lightning.provenance import machine
from arseg_lightning.report.table_files import markdown
from arseg_lightning.tasks import LowResTask, PerFrameTask
from arseg_lightning.types import ClipBatch

NETWORKS = {"BiSeNet18": BiSeNet18, "PSPNet18": PSPNet18}


def main() -> None:
    """Make the data, measure, print a table, write the figures."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        _say("making the videos")
        make_videos(Path(folder), arguments.videos, arguments.frames)
        data = _data(Path(folder), arguments, arguments.keyframe_interval)
        data.prepare_data()
        record: dict[str, Any] = machine() | {"frame": [HEIGHT, WIDTH], **_plain(vars(arguments))}
        record["parts"] = measure_parts(data, arguments.samples)
        record["loader"] = {f"{n} workers": measure_loader(data, n) for n in (0, arguments.workers)}
        record["sweep"] = files_of_a_sweep(Path(folder), arguments)
        record["training"] = {
            name: measure_training(name, data, arguments) for name in arguments.networks
        }
    tables = {"parts": parts_rows(record["parts"]), "training": _training_rows(record)}
    for rows in tables.values():
        print(markdown(pd.DataFrame(rows)))
    print(json.dumps({name: record[name] for name in ("loader", "sweep")}, indent=1))
    if arguments.output:
        arguments.output.write_text(json.dumps(record, indent=1) + "\n")
        for name, rows in tables.items():
            path = arguments.output.with_name(f"{arguments.output.stem}_{name}.csv")
            pd.DataFrame(rows).to_csv(path, index=False)


def measure_loader(data: ClipDataModule, num_workers: int) -> dict[str, Any]:
    """Samples a second of the loader alone; the first epoch finds no decoded frame."""
    for path in (data.store.root / "frames").rglob("*.rgb"):
        path.unlink()
    data.num_workers = num_workers
    loader = data.train_dataloader()
    rates, epoch = [], iter(loader)
    for number in range(3):
        start, count = time.perf_counter(), 0
        for batch in _epoch(loader, number, epoch):
            count += len(batch.names)
        rates.append(count / (time.perf_counter() - start))
    workers = getattr(epoch, "_workers", [])
    found: dict[str, Any] = {
        "first_epoch_samples_per_second": rates[0],
        "later_samples_per_second": statistics.median(rates[1:]),
    }
    found |= {"worker_private_mib": [_private_mib(worker.pid) for worker in workers]}
    return rounded(found)


def files_of_a_sweep(folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Motion and video files that preparing and reading with other intervals makes or changes."""
    before, intervals = _files(folder), (4, 8, 12, 24)
    for interval in intervals:
        data = _data(folder, arguments, interval)
        data.prepare_data()
        dataset = training_set(data)
        for index in range(0, len(dataset), 5):
            dataset[0, index]
    after = _files(folder)
    changed = [path for path, time in after.items() if before.get(path) != time]
    return {"keyframe_intervals": intervals, "motion_and_video_files_made": len(changed)}


class Rates(Callback):
    """Keeps what ``Throughput`` has logged of each epoch."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep an epoch's values."""
        names = ("samples_per_second", "data_wait_share")
        self.epochs.append(
            {name: float(trainer.callback_metrics[f"train/{name}"]) for name in names}
        )


def measure_training(
    name: str, data: ClipDataModule, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Train with the loader, and on one batch that is in memory."""
    _say(f"training {name}")
    data.num_workers = arguments.workers
    batch = next(iter(data.train_dataloader()))
    loaded = _train(name, data.train_dataloader(), arguments)
    alone = _train(name, Repeated(batch, arguments.steps), arguments)
    return {
        "first_epoch": rounded(loaded[0]),
        "later": rounded(loaded[-1]),
        "batch_in_memory": rounded(alone[-1]),
    }


@dataclass(frozen=True)
class Repeated:
    """A loader that has nothing to load."""

    batch: ClipBatch
    count: int

    def __iter__(self) -> Iterator[ClipBatch]:
        return repeat(self.batch, self.count)

    def __len__(self) -> int:
        return self.count


def _train(name: str, batches: Any, arguments: argparse.Namespace) -> list[dict[str, float]]:
    """The rates of each epoch of phase 2."""
    loss, rates = CrossEntropy(), Rates()
    num_classes, interval = DRIVING9.num_classes, arguments.keyframe_interval
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder) / "high_res.ckpt"
        high_res = PerFrameTask(NETWORKS[name], loss, num_classes=num_classes)
        torch.save({"state_dict": high_res.state_dict(), "pytorch-lightning_version": "2"}, start)
        weights = {"high_res": str(start)}
        sizes = {"num_classes": num_classes, "keyframe_interval": interval}
        task = LowResTask(NETWORKS[name], FST(loss), weights=weights, **sizes)
    trainer = Trainer(
        accelerator="gpu" if arguments.device == "cuda" else "cpu",
        devices=1,
        precision=arguments.precision,
        max_epochs=arguments.epochs,
        limit_train_batches=arguments.steps,
        callbacks=[Throughput(), rates],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(task, train_dataloaders=batches)
    return rates.epochs


def _data(folder: Path, arguments: argparse.Namespace, interval: int) -> ClipDataModule:
    return ClipDataModule(
        train=VideoFolder(folder, DRIVING9.name),
        store=folder / "store",
        keyframe_interval=interval,
        augment=ClipAugment(tuple(arguments.crop)),
        batch_size=arguments.batch_size,
        num_workers=arguments.workers,
    )


def _epoch(loader: Any, number: int, first: Iterator[ClipBatch]) -> Iterator[ClipBatch]:
    """The batches of an epoch; the first has begun to load already."""
    if number == 0:
        return first
    loader.sampler.set_epoch(number)
    return iter(loader)


def _files(folder: Path) -> dict[Path, int]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".rgb")
    return {path: path.stat().st_mtime_ns for path in found}


def _private_mib(process: int) -> float | None:
    """Memory that a process shares with none, where the system tells."""
    rollup = Path(f"/proc/{process}/smaps_rollup")
    if not rollup.is_file():
        return None
    return sum(map(int, re.findall(r"Private_\w+:\s+(\d+) kB", rollup.read_text()))) / 1024


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "output"}


def _training_rows(record: dict[str, Any]) -> list[dict[str, str]]:
    """Training with the loader beside training on a batch that is in memory."""
    names = {"first_epoch": "first epoch", "later": "later", "batch_in_memory": "no loader"}
    return [
        {
            "phase 2 of": network,
            "epoch": names[run],
            "samples/s": f"{values['samples_per_second']:.2f}",
            "waiting for data": f"{values['data_wait_share']:.1%}",
        }
        for network, runs in record["training"].items()
        for run, values in runs.items()
    ]


def _say(what: str) -> None:
    print(f"{what} ...", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="*", default=["BiSeNet18"], choices=list(NETWORKS))
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--keyframe-interval", type=int, default=12)
    parser.add_argument("--crop", type=int, nargs=2, default=[360, 480])
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--videos", type=int, default=8)
    parser.add_argument("--frames", type=int, default=36, help="of each video")
    parser.add_argument("--samples", type=int, default=40, help="of which the parts are timed")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6, help="of an epoch at most")
    parser.add_argument("--output", type=Path, help="where to write the figures, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
