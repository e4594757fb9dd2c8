"""The command line: Lightning's fit, validate and test, and the other commands."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from jsonargparse import set_parsing_settings
from lightning import Trainer
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.utilities.exceptions import SIGTERMException

from arseg_lightning.callbacks import RunRecord
from arseg_lightning.callbacks.run_folder import read_back_devices_and_enumerations
from arseg_lightning.callbacks.stop_signal import status_of_stopped
from arseg_lightning.callbacks.wandb_runs import own_wandb_run
from arseg_lightning.commands import COMMANDS
from arseg_lightning.commands.arguments import check_command, read_counts_first, run_command
from arseg_lightning.datasets import ClipDataModule
from arseg_lightning.experiment_cli import STAGES, ExperimentCLI
from arseg_lightning.messages import PROGRAM, PlainMessages
from arseg_lightning.tasks import VideoTask

__all__ = ["main"]

_DESCRIPTION = """Efficient video semantic segmentation in the compressed domain.

Experiments: fit, validate, test (below).
Other commands: {commands} (each with its own --help).
"""

_NOISE = (
    r"`isinstance\(treespec, LeafSpec\)",  # Lightning 2.6 on torch 2.13
    r"Your `IterableDataset` has `__len__` defined",  # it is right: one process reads the stream
    r"The '\w+_dataloader' does not have many workers",  # a matter of data.num_workers
    r"Found \d+ module\(s\) in eval mode at the start of training",  # the frozen branch
    r"It is recommended to use `self.log\(.*sync_dist=True",  # all processes log the same
    # Depthwise and 1x1 kernels: the stride of an axis of length 1 has no meaning.
    r"Grad strides do not match bucket view strides(.|\n)*"
    r"grad.sizes\(\) = \[(\d+, 1, |\d+, \d+, 1, 1\])",
    r"Checkpoint directory .* exists and is not empty",  # RunRecord guards the folder
)
"""Warnings that do not help a user of the command line."""


def main(arguments: list[str] | None = None) -> Any:
    """Run a command.

    Args:
        arguments: The command line without the program's name; None takes the process's.

    Raises:
        CommandError: If the command line or a configuration is wrong.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in COMMANDS:
        return run_command(words[0], COMMANDS[words[0]], words[1:])
    check_command(words, [*STAGES, *COMMANDS])
    stages = words[:1] if words[0] in STAGES else STAGES
    with own_wandb_run(), _without_noise():
        try:
            return _run_experiment(arguments, stages)  # None, or Lightning warns of a list
        except SIGTERMException:  # Lightning's status would be 0: success
            raise SystemExit(status_of_stopped()) from None


class _Parser(PlainMessages, LightningArgumentParser):
    """Lightning's parser with short messages."""


def _run_experiment(arguments: list[str] | None, stages: Sequence[str]) -> ExperimentCLI:
    set_parsing_settings(omegaconf_absolute_to_relative_paths=True)
    read_back_devices_and_enumerations()
    read_counts_first(Trainer.__init__)
    settings = {
        "prog": PROGRAM,
        "parser_mode": "omegaconf+",
        "description": _DESCRIPTION.format(commands=", ".join(COMMANDS)),
    }
    return ExperimentCLI(
        VideoTask,
        ClipDataModule,
        stages,
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


@contextmanager
def _without_noise() -> Iterator[None]:
    """Suppress warnings that do not help."""
    with warnings.catch_warnings():
        for message in _NOISE:
            warnings.filterwarnings("ignore", message)
        yield
