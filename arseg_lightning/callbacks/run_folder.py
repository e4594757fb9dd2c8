"""The folder of a run: what a ``fit`` may do with it, and the records of its configurations."""

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

from arseg_lightning.datasets.trainer_state import resumes
from arseg_lightning.files import FileLock, LockedElsewhere, lock_file, write_atomic
from arseg_lightning.tasks.hyperparameters import differences

__all__ = ["RunFolder", "RunRecord", "read_back_devices_and_enumerations"]

# What may differ between a run and its continuation: it changes no weight.
_NOT_COMPARED = (
    *("run_dir", "overwrite", "after_fit", "data.num_workers"),
    *("trainer.default_root_dir", "trainer.enable_progress_bar", "best.dirpath", "last.dirpath"),
)


class RunFolder:
    """The folder of a run.

    A run is finished when the file ``finished`` is there; ``fit.yaml`` without it is a run that
    was interrupted.

    Args:
        path: The folder; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = path / "fit.yaml"
        self.last = path / "last.ckpt"
        self._finished = path / "finished"

    def checkpoint_to_resume(self, config: str) -> Path | None:
        """The checkpoint from which a run resumes; None if it starts with its first epoch.

        Args:
            config: The resolved configuration of the command, as YAML.

        Raises:
            FileExistsError: If the folder holds a run that this is not the continuation of.
        """
        if not self.record.is_file():
            return None
        # As plain YAML: ${...} counts as it is written, not as its value.
        before = yaml.safe_load(self.record.read_text("utf-8"))
        changed = [
            name
            for name, *_ in differences(before, yaml.safe_load(config))
            if name not in _NOT_COMPARED and not name.startswith("trainer.logger")
        ]
        finished = self._finished.is_file()
        last = self.last if self.last.is_file() else None
        if not (finished or changed):
            return last
        what = "a run"
        if changed and not finished:
            shown = ", ".join(changed[:4]) + (", …" if len(changed) > 4 else "")
            what = f"an interrupted run with another configuration ({shown})"
        continued = f", continue it with --ckpt_path {last}" if last else ""
        raise FileExistsError(
            f"{self.path} holds {what} already; give another --run_dir{continued}, or replace it "
            f"with --overwrite=true"
        )

    def holds(self, checkpoint: str) -> bool:
        """Whether a checkpoint is one of this folder's."""
        return Path(checkpoint).absolute().parent == self.path.absolute()

    def previous_loggers(self) -> Any:
        """The loggers of the run that is recorded here."""
        return yaml.safe_load(self.record.read_text("utf-8"))["trainer"]["logger"]

    def begin(self, config: str, resumes: bool) -> None:
        """Record that a run starts or resumes; a new one replaces an older one."""
        self._finished.unlink(missing_ok=True)
        if not resumes:  # checkpoints of the older run may not be taken for this one's
            for name in ("last.ckpt", "best.ckpt"):
                (self.path / name).unlink(missing_ok=True)
        write_atomic(self.record, config)

    def finish(self) -> None:
        """Record that nothing is left to do."""
        write_atomic(self._finished, "fit and all that was to follow it are done\n")

    def lock(self) -> FileLock:
        """Keep a second ``fit`` out until the lock is released or this process ends.

        Raises:
            FileExistsError: If another process trains here.
        """
        try:
            return lock_file(self.path / ".fit.lock")
        except LockedElsewhere as error:
            raise FileExistsError(
                f"another process is training in {self.path}; wait for it, or give another "
                f"--run_dir"
            ) from error


class RunRecord(SaveConfigCallback):
    """Writes ``fit.yaml``, ``test.yaml``, … and hands the configuration to the loggers.

    A second ``fit`` does not use a run's folder by accident (:class:`RunFolder`): weights of
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
        command = trainer.state.fn.value if trainer.state.fn is not None else stage
        if command == "fit":  # its record waits until the folder is known to be free
            self._lock = self._folder.lock()
        else:
            write_atomic(self._folder.path / f"{command}.yaml", self._text)
        content: Any = OmegaConf.to_container(OmegaConf.create(self._text), resolve=False)
        for logger in trainer.loggers:
            logger.log_hyperparams(content)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not in setup: by now, the checkpoint from which the run resumes is read.
        if trainer.is_global_zero:
            self._folder.begin(self._text, resumes=resumes(trainer))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if resumes(trainer) and trainer.is_global_zero:
            of = f" of {trainer.max_epochs}" if (trainer.max_epochs or 0) > 0 else ""
            print(f"resuming after epoch {trainer.current_epoch}{of}, from {trainer.ckpt_path}")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None  # it cannot be copied, and StochasticWeightAveraging copies all

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self.teardown(trainer, pl_module, "fit")  # Lightning calls none after an error

    @property
    def _folder(self) -> RunFolder:
        return RunFolder(Path(self.config.run_dir))

    @cached_property
    def _text(self) -> str:
        text: str = self.parser.dump(
            self.config, skip_none=False, skip_link_targets=False, skip_validation=True
        )
        return text


def read_back_devices_and_enumerations() -> None:
    """Let records hold devices by their names, and members of enumerations by their values."""
    register_type(torch.device, str, torch.device, (RuntimeError, TypeError))
    yaml.SafeDumper.add_multi_representer(Enum, lambda dumper, e: dumper.represent_data(e.value))
