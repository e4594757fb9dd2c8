"""Keeps what a test found: a result file, a picture and a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from omegaconf import OmegaConf

from arseg_lightning.callbacks.run_log import tell
from arseg_lightning.cost import method_cost
from arseg_lightning.datasets.datamodule import ClipDataModule
from arseg_lightning.methods import VideoMethod
from arseg_lightning.metrics import Accuracy
from arseg_lightning.provenance import Provenance
from arseg_lightning.report import MethodResult, RoleResult, RunResult
from arseg_lightning.tasks import VideoTask
from arseg_lightning.tasks.evaluation import Tally

__all__ = ["TestRecord"]

_RECORDS = ("test.yaml", "fit.yaml")


class TestRecord(Callback):
    """Writes ``result.json`` and ``miou_over_distance.png``, and shows the table.

    Args:
        run_dir: Folder of the run.
    """

    __test__ = False  # not a test class, whatever its name

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = Path(run_dir)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Collect the figures of all methods on the first process."""
        data = getattr(trainer, "datamodule", None)
        if not isinstance(pl_module, VideoTask) or not isinstance(data, ClipDataModule):
            return
        evaluations = pl_module.evaluations
        # All processes gather; the first one writes.
        accuracies = {name: each.accuracy() for name, each in evaluations.items()}
        tallies = {name: each.tally.gathered() for name, each in evaluations.items()}
        if not trainer.is_global_zero:
            return
        size = data.example_size("test")
        methods = tuple(
            _method_result(
                *(name, each.method, accuracies[name], tallies[name], size),
                is_own=name == [*evaluations][-1],
            )
            for name, each in evaluations.items()
        )
        result = RunResult(
            data=data.classes.name,
            class_names=data.classes.names,
            keyframe_interval=pl_module.keyframe_interval,
            size=size,
            methods=methods,
            num_samples=sum(methods[0].accuracy.frames_at_distance),
            provenance=self._provenance(),
        )
        # pandas and matplotlib: only a test waits for them
        from arseg_lightning.report.plots import plot_result
        from arseg_lightning.report.result_tables import (
            distance_table,
            recovered_share,
            roles_table,
        )

        json_path = self.run_dir / "result.json"
        plot_path = self.run_dir / "miou_over_distance.png"
        result.write(json_path)
        plot_result(result, plot_path)
        lines = ["", distance_table(result)]
        if any(len(method.roles) > 1 for method in result.methods):
            lines += ["", roles_table(result)]
        share = recovered_share(result)
        if share == share:  # known
            low, own = result.methods[1].name, result.methods[2].name
            lines.append(f"{own} recovers {share:.0%} of what {low} alone loses against 1x")
        lines += [f"result:  {json_path}", f"picture: {plot_path}"]
        tell("\n".join(lines))

    def _provenance(self) -> Provenance:
        """Where the result is from; seed and configuration as written to the run's folder."""
        path = next((p for p in map(self.run_dir.joinpath, _RECORDS) if p.is_file()), None)
        if path is None:
            return Provenance.collect()
        config: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
        seed = config.get("seed_everything")
        return Provenance.collect(seed if type(seed) is int else None, config)


def _method_result(
    name: str,
    method: VideoMethod,
    accuracy: Accuracy,
    tally: Tally,
    size: tuple[int, int],
    is_own: bool,
) -> MethodResult:
    """Figures of one method; its mean cost is that of what repeats, or of what was run."""
    cost, totals = method_cost(method, size), tally.totals()
    mean = cost.mean_gmacs
    if not cost.repeats:
        mean = cost.mean_over(totals.executed, totals.num_frames) / 1e9
    return MethodResult(
        name=name,
        method=type(method).__name__,
        kind="own" if is_own else "baseline",
        accuracy=accuracy,
        roles={
            role: RoleResult(gmacs, totals.frames[role], totals.executed.get(role, 0.0))
            for role, gmacs in cost.role_gmacs.items()
        },
        mean_gmacs=mean,
        reasons=dict(totals.reasons),
        trace=tally.traces(),
    )
