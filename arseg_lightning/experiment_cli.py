"""LightningCLI for experiments: one folder a run, and a configuration that always decides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
import yaml  # type: ignore[import-untyped]
from lightning import Trainer
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from arseg_lightning.callbacks import RunCheckpoint, RunFolder, WholeCheckpoints
from arseg_lightning.callbacks.run_callbacks import as_list, has_bar, run_callbacks
from arseg_lightning.callbacks.wandb_runs import set_wandb_runs
from arseg_lightning.commands.predict import segment_and_show
from arseg_lightning.models import read_checkpoint
from arseg_lightning.streaming import segmenter_of
from arseg_lightning.tasks.experiment import link_data_to_model
from arseg_lightning.tasks.weights import (
    check_run_checkpoint,
    leave_out_files,
    leave_out_pretrained,
)

__all__ = ["STAGES", "ExperimentCLI"]

STAGES = ("fit", "validate", "test")

_CHECKPOINTS_OF_LIGHTNING = ("best", "last", "hpc", "registry")
"""Lightning's keywords in place of a checkpoint's path."""


class ExperimentCLI(LightningCLI):
    """LightningCLI with one folder a run, and a configuration that always decides.

    Differs: Lightning lets the hyperparameters in a checkpoint override the command line; here a
    checkpoint only brings weights. ``last.ckpt`` is the last epoch, ``best.ckpt`` the best one.

    Args:
        model: The base class of tasks.
        data: The class of their data.
        stages: The commands to build parsers for, which is slow.
        options: Other options of LightningCLI.
    """

    def __init__(
        self, model: type, data: type, stages: Sequence[str] = STAGES, **options: Any
    ) -> None:
        self._stages = stages
        self._resumed: Path | None = None  # the checkpoint of an interrupted run
        super().__init__(model, data, **options)

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Lightning's without ``predict``, which is another command here."""
        return {stage: LightningCLI.subcommands()[stage] for stage in self._stages}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the run's folder, the two checkpoints, and the links from data to model."""
        parser.add_argument("--run_dir", type=str, default="runs/run", help="Folder of the run.")
        parser.add_argument(
            "--overwrite", type=bool, default=False, help="Replace a run in the same folder."
        )
        parser.add_argument(
            "--after_fit",
            type=Literal["nothing", "test", "report"],
            default="nothing",
            help="After fit: test; report also segments the first test video.",
        )
        parser.link_arguments("run_dir", "trainer.default_root_dir")
        for name in ("best", "last"):
            parser.add_lightning_class_args(RunCheckpoint, name)
            parser.link_arguments("run_dir", f"{name}.dirpath")
            parser.set_defaults({f"{name}.filename": name, f"{name}.enable_version_counter": False})
        parser.set_defaults({"best.monitor": "val/miou", "best.mode": "max"})
        parser.set_defaults({"last.save_on_train_epoch_end": True})  # where a run resumes
        link_data_to_model(parser)

    def _parse_ckpt_path(self) -> None:
        """Leave the configuration unchanged: a checkpoint only brings weights."""

    def before_instantiate_classes(self) -> None:
        """Check the whole configuration before anything of it is built."""
        options = self.config[self.subcommand]
        self._folder = RunFolder(Path(options.run_dir))
        checkpoint = str(options.ckpt_path or "")
        is_told = checkpoint in _CHECKPOINTS_OF_LIGHTNING
        if checkpoint and "://" not in checkpoint and not is_told:
            check_run_checkpoint(Path(checkpoint))
        if checkpoint:
            leave_out_files(options.model.get("init_args") or {}, compared="load")
        elif self.subcommand != "fit":  # other stages get their weights from checkpoints
            leave_out_pretrained(options.model)
        record = self._parser(self.subcommand).dump(
            options, skip_none=False, skip_link_targets=False, skip_validation=True
        )
        self.config_dump = yaml.safe_load(record)  # Lightning's, which takes as long again
        before = None
        if self.subcommand == "fit":
            is_told = is_told or (checkpoint != "" and self._folder.holds(checkpoint))
            if not (is_told or options.overwrite or options.trainer.fast_dev_run):
                self._resumed = self._folder.checkpoint_to_resume(record)
            if self._resumed is not None:
                read_checkpoint(self._resumed)  # a damaged one is refused now, in plain words
                before = self._folder.previous_loggers()
        set_wandb_runs(options.trainer.logger, self._folder.path, str(self.subcommand), before)

    def _instantiate_trainer(self, config: dict[str, Any], callbacks: list[Callback]) -> Trainer:
        """Add the callbacks that keep a run's results in its folder, and whole checkpoints."""
        own = run_callbacks(config, callbacks, self._folder.path)
        config["enable_progress_bar"] = has_bar(config)
        config["callbacks"] = own
        config["plugins"] = as_list(config["plugins"])
        if not any(isinstance(plugin, CheckpointIO) for plugin in config["plugins"]):
            config["plugins"].append(WholeCheckpoints())
        return super()._instantiate_trainer(config, [])

    def before_fit(self) -> None:
        """Resume an interrupted run; without validation data, keep no best epoch."""
        if self._resumed is not None:
            self.config_init.fit.ckpt_path = str(self._resumed)
        if self.datamodule.layouts["val"] is None:
            self.trainer.limit_val_batches = 0
            callbacks: list[Callback] = self.trainer.callbacks  # type: ignore[attr-defined]
            callbacks[:] = [each for each in callbacks if each is not self.config_init.fit.best]

    def before_validate(self) -> None:
        """Refuse to validate nothing.

        Raises:
            ValueError: If there are no validation data.
        """
        if self.datamodule.layouts["val"] is None:
            raise ValueError("no val data: set data.val in the configuration, or use test")

    def after_fit(self) -> None:
        """Test the run, and segment a video, if asked to; then it is finished."""
        options = self.config.fit
        is_first = self.trainer.is_global_zero
        if options.after_fit != "nothing":
            best = self.config_init.fit.best.best_model_path  # none without validation
            if best:
                state = torch.load(best, map_location="cpu", weights_only=True)
                self.model.load_state_dict(state["state_dict"])
            self.trainer.test(self.model, datamodule=self.datamodule, verbose=False)
        if options.after_fit == "report" and is_first:
            device = self.trainer.strategy.root_device
            where = str(device) if device.type in ("cuda", "mps") else "cpu"
            segmenter = segmenter_of(self.model, self.datamodule, device=where)
            video = self.datamodule.store.video(self.datamodule.videos("test")[0])
            folder = self._folder.path / "predict"
            segment_and_show(segmenter, video, folder, overwrite=True)
        if is_first and not options.trainer.fast_dev_run:
            self._folder.finish()
