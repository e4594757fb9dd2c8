"""Data and task of an experiment, built from its configuration without training."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentParser

from arseg_lightning.datasets import ClipDataModule
from arseg_lightning.messages import PROGRAM, CommandError, PlainMessages
from arseg_lightning.methods import VideoMethod
from arseg_lightning.models.weight_file import read_checkpoint
from arseg_lightning.tasks.trusted import refuse_untrusted, refuse_untrusted_file
from arseg_lightning.tasks.video_task import VideoTask
from arseg_lightning.tasks.weights import (
    check_run_checkpoint,
    leave_out_files,
    leave_out_pretrained,
)

__all__ = ["Experiment", "link_data_to_model"]

_WITHOUT_MEANING = (
    *("after_fit", "best", "ckpt_path", "compile", "last", "overwrite", "resume", "run_dir"),
    *("return_predictions", "seed_everything", "trainer", "verbose", "wandb", "weights_only"),
)
"""Keys that do not decide what its methods are; older runs have ``compile`` and ``wandb``."""


class Experiment:
    """The data and the task of an experiment.

    Args:
        configs: The experiment's files, in the order in which they are stacked.
        overrides: Options of the command line, which win over the files:
            ``--model.resolution_ratio 0.7``.
        weights: Whether the networks get numbers: from ``checkpoint``, or from the files that the
            configuration names. Without, their weights have shapes only, and no file is read.
        checkpoint: The checkpoint of a run; weights that the configuration names are left out.
        compared: Whether compared methods with files of their own are built beside a checkpoint,
            which does not hold them.

    Raises:
        FileNotFoundError: If there is no such checkpoint.
        ValueError: If the files name what is not trusted (nothing of theirs is run then), are no
            valid experiment, or the checkpoint is none of its networks.
    """

    def __init__(
        self,
        configs: Sequence[Path],
        overrides: Sequence[str] = (),
        *,
        weights: bool = False,
        checkpoint: Path | None = None,
        compared: bool = False,
    ) -> None:
        self.names = ", ".join(map(str, configs))
        for path in configs:
            refuse_untrusted_file(path)  # before its modules are imported
        parser = PlainMessages(prog=f"{PROGRAM} fit", parser_mode="omegaconf+")
        parser.add_argument("--config", action="config")
        parser.add_subclass_arguments(VideoTask, "model", fail_untyped=False)
        parser.add_class_arguments(ClipDataModule, "data", fail_untyped=False)
        for key in _WITHOUT_MEANING:
            parser.add_argument(f"--{key}", type=Any)
        link_data_to_model(parser)
        words = [word for path in configs for word in ("--config", str(path))]
        try:
            content = parser.parse_args([*words, *overrides])
            for part in ("model", "data"):
                refuse_untrusted(content[part], self.names)
            model = content["model"].get("init_args") or {}
            if checkpoint is not None:
                leave_out_files(model, compared="load" if compared else "drop")
            elif not weights:  # to count, shapes are enough
                leave_out_files(model, compared="empty")
            leave_out_pretrained(model)
            # On the device "meta", networks of any size are built at once and take no memory.
            with nullcontext() if weights else torch.device("meta"):
                built = parser.instantiate_classes(content)
        except CommandError as error:
            raise CommandError(f"{self.names}: {error}") from error
        self.data: ClipDataModule = built["data"]
        self.task: VideoTask = built["model"]
        if checkpoint is None:
            return
        check_run_checkpoint(checkpoint, "--checkpoint")
        try:
            self.task.load_state_dict(read_checkpoint(checkpoint))
        except RuntimeError as error:  # PyTorch's word for names and shapes that do not fit
            raise ValueError(
                f"{checkpoint} does not fit the networks of {self.names}: {error}; give the "
                f"configuration that the run was trained with (fit.yaml in its folder)"
            ) from error

    def methods(self) -> dict[str, VideoMethod]:
        """The methods that a test compares; the last one is the experiment's own."""
        return self.task.methods()

    def size(self) -> tuple[int, int]:
        """Height and width of the test data.

        Raises:
            ValueError: If the data cannot be read.
        """
        try:
            return self.data.example_size("test")
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{self.names}: the size of the test data is not known ({error}); "
                f"give it, for example --size 720x960"
            ) from error


def link_data_to_model(parser: ArgumentParser) -> None:
    """Take the number of classes and the keyframe interval of the task from its data."""
    for fact, moment in (("num_classes", "instantiate"), ("keyframe_interval", "parse")):
        parser.link_arguments(f"data.{fact}", f"model.init_args.{fact}", apply_on=moment)
