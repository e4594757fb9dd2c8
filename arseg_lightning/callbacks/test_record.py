"""The results of a test: a result file, a plot and a table."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from omegaconf import OmegaConf

from arseg_lightning.cost import method_cost
from arseg_lightning.datasets.datamodule import ClipDataModule
from arseg_lightning.methods import VideoMethod
from arseg_lightning.metrics import Accuracy
from arseg_lightning.provenance import Provenance
from arseg_lightning.report import MethodResult, RoleResult, RunResult
from arseg_lightning.tasks import VideoTask
from arseg_lightning.tasks.evaluation import Tally

__all__ = ["TestRecord"]


class TestRecord(Callback):
    """Writes ``result.json`` and ``miou_over_distance.png``, and shows the table.

    Args:
        run_dir: Folder of the run.
    """

    __test__ = False  # not a test class, whatever its name

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = Path(run_dir)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data = getattr(trainer, "datamodule", None)
        if not isinstance(pl_module, VideoTask) or not isinstance(data, ClipDataModule):
            return
        layout = data.layouts["test"]
        assert layout is not None  # or there had been no test
        evaluations = pl_module.evaluations
        # All processes gather; the first one writes.
        accuracies = {name: each.accuracy() for name, each in evaluations.items()}
        tallies = {name: each.tally.gathered() for name, each in evaluations.items()}
        if not trainer.is_global_zero:
            return
        size = data.example_size("test")
        own_name = [*evaluations][-1]  # after those that it is compared with
        methods = tuple(
            _method_result(
                name, each.method, accuracies[name], tallies[name], size, name == own_name
            )
            for name, each in evaluations.items()
        )
        result = RunResult(
            data=layout.protocol,
            class_names=data.classes.names,
            keyframe_interval=pl_module.keyframe_interval,
            size=size,
            methods=methods,
            num_samples=sum(methods[0].accuracy.frames_at_distance),
            provenance=self._provenance(),
        )
        # pandas and matplotlib are slow to import: only a test waits for them
        from arseg_lightning.report.plots import plot_result
        from arseg_lightning.report.result_tables import distance_table, roles_table

        json_path = self.run_dir / "result.json"
        plot_path = self.run_dir / "miou_over_distance.png"
        result.write(json_path)
        plot_result(result, plot_path)
        for logger in trainer.loggers:
            logger.log_metrics({"cost/gmacs_per_frame": result.methods[-1].mean_gmacs})
            if isinstance(logger, WandbLogger):
                logger.log_table("test/iou_per_class", *_iou_table(result))
                logger.log_image("test/miou_over_distance", [str(plot_path)])
        lines = ["", f"tested on {result.tested_on}", "", distance_table(result)]
        if any(len(method.roles) > 1 for method in methods):
            lines += ["", roles_table(result)]
        lines += [f"result: {json_path}", f"plot:   {plot_path}"]
        print("\n".join(lines), flush=True)

    def _provenance(self) -> Provenance:
        """Where the result is from; seed and configuration are those of the run's record."""
        records = [self.run_dir / name for name in ("test.yaml", "fit.yaml")]
        path = next((path for path in records if path.is_file()), None)
        if path is None:
            return Provenance.collect()
        config: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
        seed = config.get("seed_everything")
        return Provenance.collect(seed if type(seed) is int else None, config)


def _iou_table(result: RunResult) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows: the IoU of each class by each method; None where a class has no pixels."""
    scores = zip(*(method.accuracy.iou_per_class for method in result.methods), strict=True)
    rows = [
        [name, *(None if math.isnan(value) else value for value in of_class)]
        for name, of_class in zip(result.class_names, scores, strict=True)
    ]
    return ["class", *(method.name for method in result.methods)], rows


def _method_result(
    name: str,
    method: VideoMethod,
    accuracy: Accuracy,
    tally: Tally,
    size: tuple[int, int],
    is_own: bool,
) -> MethodResult:
    cost = method_cost(method, size)
    mean = cost.mean_gmacs
    if not cost.repeats:  # then the frames that were run decide
        mean = cost.mean_over(tally.executed, tally.num_frames) / 1e9
    return MethodResult(
        name=name,
        method=type(method).__name__,
        kind="own" if is_own else "baseline",
        accuracy=accuracy,
        roles={
            role: RoleResult(gmacs, tally.frames[role], tally.executed.get(role, 0.0))
            for role, gmacs in cost.role_gmacs.items()
        },
        mean_gmacs=mean,
        reasons=dict(tally.reasons),
        num_frames=tally.num_frames,
    )
