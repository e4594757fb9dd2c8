"""Keeps what a test found: a result file, a picture and a table."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from omegaconf import OmegaConf

from arseg_lightning.callbacks.run_log import tell
from arseg_lightning.cost import system_cost
from arseg_lightning.datasets.datamodule import ClipDataModule
from arseg_lightning.report import (
    Provenance,
    RunResult,
    SystemResult,
    distance_table,
    plot_distances,
    recovered_share,
)
from arseg_lightning.tasks import SegmentationTask

__all__ = ["TestRecord"]

_log = logging.getLogger(__name__)


class TestRecord(Callback):
    """Writes ``result.json`` and ``miou_over_distance.png``, and shows the table.

    Args:
        run_dir: Folder of the run.
    """

    __test__ = False  # not a test class, whatever its name

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = Path(run_dir)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Collect the figures of all systems on the first process."""
        data = getattr(trainer, "datamodule", None)
        if not isinstance(pl_module, SegmentationTask) or not isinstance(data, ClipDataModule):
            return
        systems = {name: pl_module.counts(name).accuracy() for name in pl_module.systems()}
        if not trainer.is_global_zero:
            return
        size = data.example_size("test")
        result = RunResult(
            data=data.classes.name,
            class_names=data.classes.names,
            keyframe_interval=pl_module.keyframe_interval,
            size=size,
            systems=tuple(
                _system_result(name, accuracy, pl_module, size)
                for name, accuracy in systems.items()
            ),
            num_samples=sum(next(iter(systems.values())).frames_at_distance),
            provenance=Provenance.collect(*self._config()),
        )
        self._keep(result)

    def _keep(self, result: RunResult) -> None:
        """Write file and picture, and show the table."""
        json_path = self.run_dir / "result.json"
        plot_path = self.run_dir / "miou_over_distance.png"
        result.write(json_path)
        plot_distances(result, plot_path)
        lines = ["", distance_table(result)]
        share = recovered_share(result)
        if share == share:  # known
            low, own = result.systems[1].name, result.systems[2].name
            lines.append(f"{own} recovers {share:.0%} of what {low} alone loses against 1x")
        lines += [f"result:  {json_path}", f"picture: {plot_path}"]
        tell("\n".join(lines))

    def _config(self) -> tuple[int | None, dict[str, Any]]:
        """Seed and configuration of the run, as written to its folder."""
        for name in ("test.yaml", "fit.yaml"):
            path = self.run_dir / name
            if path.is_file():
                config = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
                if isinstance(config, dict):
                    seed = config.get("seed_everything")
                    return (seed if type(seed) is int else None), {
                        str(key): value for key, value in config.items()
                    }
        return None, {}


def _system_result(
    name: str, accuracy: Any, task: SegmentationTask, size: tuple[int, int]
) -> SystemResult:
    cost = system_cost(task.systems()[name], size, task.keyframe_interval)
    return SystemResult(name, accuracy, cost.key_gmacs, cost.nonkey_gmacs, cost.mean_gmacs)
