"""Keeps the resolved configuration of every command in the run's folder."""

from __future__ import annotations

from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import yaml  # type: ignore[import-untyped]
from jsonargparse.typing import register_type
from lightning import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from omegaconf import OmegaConf

from arseg_lightning.callbacks.run_folder import RunFolder, flattened
from arseg_lightning.datasets.trainer_state import resumes
from arseg_lightning.files import FileLock, write_atomic

__all__ = ["RunRecord", "read_back_devices_and_enumerations", "refuse_what_is_not_recorded"]

_LOST = "Unable to serialize instance "


class RunRecord(SaveConfigCallback):
    """Writes ``fit.yaml``, ``test.yaml``, … and hands the configuration to the loggers.

    A run's folder is not used for a second ``fit`` by accident (:class:`RunFolder`): weights of
    one configuration beside the record of another would be a lie.
    """

    _lock: FileLock | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the record once, when the command starts.

        Raises:
            FileExistsError: If another process trains in the folder.
        """
        if self.already_saved or not trainer.is_global_zero:
            return
        self.already_saved = True
        run_dir = Path(self.config.run_dir)
        command = trainer.state.fn.value if trainer.state.fn is not None else stage
        text = self._text
        if command == "fit":  # its record waits until the folder is known to be free
            self._lock = RunFolder(run_dir).lock()
        else:
            write_atomic(run_dir / f"{command}.yaml", text)
        content: Any = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
        for logger in trainer.loggers:
            logger.log_hyperparams(content)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the folder, now that a checkpoint to resume from is read."""
        if trainer.is_global_zero:
            folder = RunFolder(Path(self.config.run_dir))
            folder.begin(self._text, resumes=resumes(trainer))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say from where a run resumes."""
        if resumes(trainer) and trainer.is_global_zero:
            of = f" of {trainer.max_epochs}" if (trainer.max_epochs or 0) > 0 else ""
            print(f"going on after epoch {trainer.current_epoch}{of}, from {trainer.ckpt_path}")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let others train in the folder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None  # it cannot be copied, and StochasticWeightAveraging copies all

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Let others train in the folder; there is no teardown after an error."""
        self.teardown(trainer, pl_module, "fit")

    @cached_property
    def _text(self) -> str:
        text: str = self.parser.dump(
            self.config, skip_none=False, skip_link_targets=False, skip_validation=True
        )
        return text


def read_back_devices_and_enumerations() -> None:
    """Let the parser write devices by their names, and members of enumerations by their values."""
    # Else the parser writes both as texts that stand for nothing.
    register_type(torch.device, str, torch.device, (RuntimeError, TypeError))
    yaml.SafeDumper.add_multi_representer(Enum, lambda dumper, e: dumper.represent_data(e.value))


def refuse_what_is_not_recorded(record: str) -> None:
    """Refuse a configuration that could not be read back from its record.

    Args:
        record: The resolved configuration, as YAML.

    Raises:
        ValueError: If a value has no text that stands for it.
    """
    for name, value in flattened(yaml.safe_load(record)).items():
        if isinstance(value, str) and value.startswith(_LOST):
            name = name.replace("[", ".").replace("]", "").replace(".init_args", "")  # as a flag
            raise ValueError(
                f"{name} is {value.removeprefix(_LOST)}, which the run's record (fit.yaml) cannot "
                f"hold: give a plain value, an import path (package.module.name), or a "
                f"class_path with init_args"
            )
