"""Builds an experiment's systems from its configuration, without weights and without training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentError, ArgumentParser, Namespace
from omegaconf.errors import OmegaConfBaseException

from arseg_lightning.datasets import ClipDataModule
from arseg_lightning.systems import EveryFrame, VideoSystem
from arseg_lightning.tasks import SegmentationTask

__all__ = ["Experiment"]

_WITHOUT_MEANING = (
    *("after_fit", "best", "ckpt_path", "last", "overwrite", "return_predictions", "run_dir"),
    *("seed_everything", "trainer", "verbose", "weights_only"),
)
"""Keys of an experiment that do not decide what its systems are."""

_WEIGHTS = ("checkpoint", "high_res_checkpoint", "low_res_checkpoint", "baseline_checkpoint")


class Experiment:
    """The systems of an experiment; their weights have shapes but no numbers.

    Args:
        configs: The experiment's files, in the order in which they are stacked.

    Raises:
        ValueError: If they are no valid experiment.
    """

    def __init__(self, configs: Sequence[Path]) -> None:
        parser = _parser()
        words = [word for path in configs for word in ("--config", str(path))]
        names = ", ".join(map(str, configs))
        try:
            content = parser.parse_args(words)
            _leave_out_weights(content)
            with torch.device("meta"):
                built = parser.instantiate_classes(content)
        except (ArgumentError, OmegaConfBaseException) as error:
            raise ValueError(f"{names}: {error}") from error
        self.names = names
        self.data: ClipDataModule = built["data"]
        self.task: SegmentationTask = built["model"]

    def systems(self) -> dict[str, VideoSystem]:
        """What a test compares, with every frame at 1x in front."""
        systems = self.task.systems()
        first = next(iter(systems.values()))
        if isinstance(first, EveryFrame) and first.resolution_ratio != 1.0:
            systems = {"1x": EveryFrame(first.network)} | systems
        return systems

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


def _parser() -> ArgumentParser:
    """Understand what fit understands; parts that decide no system are taken as they are."""
    parser = ArgumentParser(parser_mode="omegaconf+", exit_on_error=False)
    parser.add_argument("--config", action="config")
    parser.add_subclass_arguments(SegmentationTask, "model", fail_untyped=False)
    parser.add_class_arguments(ClipDataModule, "data", fail_untyped=False)
    for key in _WITHOUT_MEANING:
        parser.add_argument(f"--{key}", type=Any)
    for fact, moment in (("num_classes", "instantiate"), ("keyframe_interval", "parse")):
        parser.link_arguments(f"data.{fact}", f"model.init_args.{fact}", apply_on=moment)
    return parser


def _leave_out_weights(content: Namespace) -> None:
    """Costs do not depend on weights, which may not be there."""
    arguments = content["model"]["init_args"]
    for key in _WEIGHTS:
        if key in arguments:
            arguments[key] = None
    network = arguments["network"]["init_args"]
    if "pretrained" in network:
        network["pretrained"] = None
