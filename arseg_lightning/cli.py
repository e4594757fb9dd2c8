"""The command line: Lightning's fit, validate and test, and the other commands."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from jsonargparse import set_parsing_settings
from lightning import Trainer
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities.exceptions import SIGTERMException

from arseg_lightning.callbacks import (
    CompiledNetworks,
    Resume,
    RunCheckpoint,
    RunFolder,
    RunRecord,
    WandbPanels,
    WholeCheckpoints,
)
from arseg_lightning.callbacks.run_callbacks import as_list, check_trainer, has_bar, run_callbacks
from arseg_lightning.callbacks.run_record import (
    read_back_devices_and_enumerations,
    refuse_what_is_not_recorded,
)
from arseg_lightning.callbacks.stop_signal import status_of_stopped
from arseg_lightning.callbacks.wandb_runs import keep_wandb_run, name_wandb_runs, own_wandb_run
from arseg_lightning.commands import COMMANDS
from arseg_lightning.commands.arguments import check_command, read_counts_first, run_command
from arseg_lightning.commands.predict import segment_and_show
from arseg_lightning.datasets import ClipDataModule
from arseg_lightning.messages import PROGRAM, PlainMessages
from arseg_lightning.models import read_checkpoint
from arseg_lightning.streaming import segmenter_of
from arseg_lightning.streaming.folder import FolderSettings
from arseg_lightning.tasks import VideoTask
from arseg_lightning.tasks.hyperparameters import leave_out_own_weights, leave_out_pretrained
from arseg_lightning.tasks.trusted import refuse_dangerous
from arseg_lightning.tasks.weights import check_run_checkpoint

__all__ = ["SegmentationCLI", "main"]

_DESCRIPTION = """Efficient video semantic segmentation in the compressed domain.

Experiments: fit, validate, test (below).
Other commands: {commands} (each with its own --help).
"""

_STAGES = ("fit", "validate", "test")

_NOISE = (
    r"`isinstance\(treespec, LeafSpec\)",  # Lightning 2.6 on torch 2.13
    r"Your `SequenceDataset` has `__len__` defined",  # it is right: one process reads the stream
    r"The '\w+_dataloader' does not have many workers",  # a matter of data.num_workers
    r"Found \d+ module\(s\) in eval mode at the start of training",  # the frozen branch
    r"It is recommended to use `self.log\(.*sync_dist=True",  # all processes log the same
    # Of depthwise and 1x1 kernels: how far the next one lies along an axis of one means nothing.
    r"Grad strides do not match bucket view strides(.|\n)*"
    r"grad.sizes\(\) = \[(\d+, 1, |\d+, \d+, 1, 1\])",
    r"Checkpoint directory .* exists and is not empty",  # RunRecord guards the folder
)
"""Warnings that tell a user of the command line nothing."""

_CHECKPOINTS_OF_LIGHTNING = ("best", "last", "hpc", "registry")
"""Words that Lightning takes for a checkpoint's path."""

_ADVERTISEMENT = "Tip: For seamless cloud"
"""How Lightning begins to speak of its products."""


class _Parser(PlainMessages, LightningArgumentParser):
    """Lightning's parser with short messages."""


class SegmentationCLI(LightningCLI):
    """LightningCLI with one folder a run, and a configuration that always decides.

    Differs: Lightning lets the hyperparameters in a checkpoint override the command line; here a
    checkpoint only brings weights. ``last.ckpt`` is the last epoch, ``best.ckpt`` the best one.
    """

    _checkpoint: Path | None = None
    """Where an interrupted run goes on."""

    def __init__(self, stages: Sequence[str], **settings: Any) -> None:
        self._stages = stages
        super().__init__(**settings)

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Of Lightning's, those that were asked for: each parser takes a third of a second."""
        return {stage: LightningCLI.subcommands()[stage] for stage in self._stages}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the run's folder, the two checkpoints, and the links from data to model."""
        parser.add_argument("--run_dir", type=str, default="runs/run", help="Folder of the run.")
        parser.add_argument(
            "--overwrite", type=bool, default=False, help="Replace a run in the same folder."
        )
        parser.add_argument(
            "--resume",
            type=Resume,
            default="auto",
            help="fit in the folder of an interrupted run: auto goes on if nothing was changed; "
            "or_restart does so too, and else replaces the run.",
        )
        parser.add_argument(
            "--after_fit",
            type=Literal["nothing", "test", "report"],
            default="nothing",
            help="After fit: test; report also segments the first test video.",
        )
        parser.link_arguments("run_dir", "trainer.default_root_dir")
        parser.add_lightning_class_args(CompiledNetworks, "compile")
        parser.add_lightning_class_args(WandbPanels, "wandb")
        for name in ("best", "last"):
            parser.add_lightning_class_args(RunCheckpoint, name)
            parser.link_arguments("run_dir", f"{name}.dirpath")
            parser.set_defaults({f"{name}.filename": name, f"{name}.enable_version_counter": False})
        parser.set_defaults({"best.monitor": "val/miou", "best.mode": "max"})
        parser.set_defaults({"last.save_on_train_epoch_end": True})  # where a run goes on
        for fact, moment in (("num_classes", "instantiate"), ("keyframe_interval", "parse")):
            parser.link_arguments(f"data.{fact}", f"model.init_args.{fact}", apply_on=moment)

    def before_instantiate_classes(self) -> None:
        """Leave the start of the training to ``fit``: others get their weights from checkpoints."""
        loggers = self._get(self.config, "trainer").logger
        name_wandb_runs(loggers, self._folder.path, str(self.subcommand))
        path = str(self._get(self.config, "ckpt_path") or "")
        if path and "://" not in path and path not in _CHECKPOINTS_OF_LIGHTNING:
            check_run_checkpoint(Path(path))
        model = self._get(self.config, "model")
        if path:
            leave_out_own_weights(model.get("init_args") or {})
        elif self.subcommand != "fit":
            leave_out_pretrained(model)
        for part in ("model", "data"):
            refuse_dangerous(self._get(self.config, part), f"the configuration's {part}")
        config = self.config["fit"] if self.subcommand == "fit" else None
        options = self.config[self.subcommand]
        text = self._parser(self.subcommand).dump(
            options, skip_none=False, skip_link_targets=False, skip_validation=True
        )
        refuse_what_is_not_recorded(text)
        is_told = path in _CHECKPOINTS_OF_LIGHTNING or (path != "" and self._folder.holds(path))
        if config and not (is_told or config.overwrite or config.trainer.fast_dev_run):
            self._checkpoint = self._folder.checkpoint_to_resume(text, config.resume)
            if self._checkpoint:
                read_checkpoint(self._checkpoint)  # a damaged one is refused now, in plain words
        if config:
            before = self._folder.previous("trainer.logger") if self._checkpoint else None
            keep_wandb_run(config.trainer.logger, before)

    def _instantiate_trainer(self, config: dict[str, Any], callbacks: list[Callback]) -> Any:
        """Add the callbacks that keep a run's results in its folder, and whole checkpoints."""
        check_trainer(config)
        run_dir = Path(self._get(self.config, "run_dir"))
        own = run_callbacks(config, callbacks, run_dir)
        config["enable_progress_bar"] = has_bar(config)
        config["callbacks"] = own
        config["plugins"] = as_list(config["plugins"])
        if not any(isinstance(plugin, CheckpointIO) for plugin in config["plugins"]):
            config["plugins"].append(WholeCheckpoints())
        return super()._instantiate_trainer(config, [])

    @property
    def _folder(self) -> RunFolder:
        return RunFolder(Path(self._get(self.config, "run_dir")))

    def before_fit(self) -> None:
        """Go on from where an interrupted run was; without validation data, keep no best epoch.

        Raises:
            ValueError: If batch norms are to be synchronised without GPUs.
        """
        trainer = self.trainer
        several = trainer.num_devices * trainer.num_nodes > 1
        wants_sync = self._get(self.config, "trainer").sync_batchnorm
        if wants_sync and several and trainer.strategy.root_device.type == "cpu":
            raise ValueError(
                "trainer.sync_batchnorm needs GPUs: PyTorch synchronises no batch norms on CPUs; "
                "leave it out, and each process normalises by its own share of the batch"
            )
        if self._checkpoint is not None:
            self.config_init["fit"]["ckpt_path"] = str(self._checkpoint)
        if self.datamodule.layouts["val"] is None:
            self.trainer.limit_val_batches = 0
            callbacks: list[Callback] = self.trainer.callbacks  # type: ignore[attr-defined]
            best = self._get(self.config_init, "best")
            callbacks[:] = [each for each in callbacks if each is not best]

    def before_validate(self) -> None:
        """Refuse to validate nothing.

        Raises:
            ValueError: If there are no validation data.
        """
        if self.datamodule.layouts["val"] is None:
            raise ValueError("no val data: set data.val in the configuration, or use test")

    def after_fit(self) -> None:
        """Test the run, and segment a video, if asked to; then it is finished."""
        self._do_what_follows()
        if self.trainer.is_global_zero and not self._get(self.config, "trainer").fast_dev_run:
            self._folder.finish()

    def _do_what_follows(self) -> None:
        wanted = self._get(self.config, "after_fit")
        if wanted == "nothing":
            return
        data = self.datamodule
        best = self._get(self.config_init, "best").best_model_path  # none without validation
        if best:
            state = torch.load(best, map_location="cpu", weights_only=True)
            self.model.load_state_dict(state["state_dict"])
        self.trainer.test(self.model, datamodule=data, verbose=False)
        if wanted == "test":
            return
        if self.trainer.is_global_zero:
            device = self.trainer.strategy.root_device
            segmenter = segmenter_of(
                self.model, data, device=str(device) if device.type in ("cuda", "mps") else "cpu"
            )
            folder = Path(self._get(self.config, "run_dir")) / "predict"
            video = data.store.video(data.videos("test")[0])
            segment_and_show(segmenter, video, folder, FolderSettings(overwrite=True))

    def _parse_ckpt_path(self) -> None:
        """Leave the configuration alone: a checkpoint only brings weights."""


def main(arguments: list[str] | None = None) -> Any:
    """Run a command.

    Args:
        arguments: The command line without the program's name; None takes the process's.

    Raises:
        CommandError: If the command line or a configuration is wrong.
    """
    given = arguments is not None  # Lightning warns if it is handed the process's own
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in COMMANDS:
        return run_command(arguments[0], COMMANDS[arguments[0]], arguments[1:])
    check_command(arguments, [*_STAGES, *COMMANDS])
    with own_wandb_run(), warnings.catch_warnings():
        for message in _NOISE:
            warnings.filterwarnings("ignore", message)
        logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(_is_no_advertisement)
        try:
            stages = arguments[:1] if arguments and arguments[0] in _STAGES else _STAGES
            return _run_experiment(stages, arguments if given else None)
        except SIGTERMException:  # Lightning's status would be 0: done
            raise SystemExit(status_of_stopped()) from None


def _is_no_advertisement(record: logging.LogRecord) -> bool:
    return _ADVERTISEMENT not in record.getMessage()


def _run_experiment(stages: Sequence[str], arguments: list[str] | None) -> SegmentationCLI:
    """Hand the command line to LightningCLI."""
    set_parsing_settings(omegaconf_absolute_to_relative_paths=True)
    read_back_devices_and_enumerations()
    read_counts_first(Trainer.__init__)
    settings = {
        "prog": PROGRAM,
        "parser_mode": "omegaconf+",
        "description": _DESCRIPTION.format(commands=", ".join(COMMANDS)),
    }
    return SegmentationCLI(
        stages,
        model_class=VideoTask,
        datamodule_class=ClipDataModule,
        subclass_mode_model=True,
        save_config_callback=RunRecord,
        auto_configure_optimizers=False,
        seed_everything_default=0,
        trainer_defaults={
            "use_distributed_sampler": False,  # ours repeat no sample in evaluation
            "enable_model_summary": False,  # its costs leave out what is not one tensor in, one out
        },
        parser_kwargs=settings | {stage: {"parser_mode": "omegaconf+"} for stage in stages},
        parser_class=_Parser,
        args=arguments,
    )
