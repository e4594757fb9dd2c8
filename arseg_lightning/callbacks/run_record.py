"""Keeps the resolved configuration of every command in the run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from omegaconf import OmegaConf

from arseg_lightning.callbacks.run_folder import RunFolder
from arseg_lightning.datasets.trainer_state import resumes
from arseg_lightning.files import FileLock, write_atomic

__all__ = ["RunRecord"]


class RunRecord(SaveConfigCallback):
    """Writes ``fit.yaml``, ``test.yaml``, … and hands the configuration to the loggers.

    A run's folder is not used for a second ``fit`` by accident (:class:`RunFolder`): weights of
    one configuration beside the record of another would be a lie.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lock: FileLock | None = None

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
        text = self._text()
        if command == "fit":
            self._lock = RunFolder(run_dir).lock()
        else:
            run_dir.mkdir(parents=True, exist_ok=True)
            write_atomic(run_dir / f"{command}.yaml", text)
        for logger in trainer.loggers:
            content = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
            if isinstance(content, dict):
                logger.log_hyperparams({str(key): value for key, value in content.items()})

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the folder, now that a checkpoint to go on from is read."""
        if trainer.is_global_zero:
            folder = RunFolder(Path(self.config.run_dir))
            folder.begin(self._text(), resumes=resumes(trainer))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say from where a run goes on."""
        if resumes(trainer) and trainer.is_global_zero:
            of = f" of {trainer.max_epochs}" if (trainer.max_epochs or 0) > 0 else ""
            print(f"going on after epoch {trainer.current_epoch}{of}, from {trainer.ckpt_path}")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let others train in the folder."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Let others train in the folder; there is no teardown after an error."""
        self.teardown(trainer, pl_module, "fit")

    def _text(self) -> str:
        """The resolved configuration."""
        text: str = self.parser.dump(self.config, skip_none=False, skip_link_targets=False)
        return text
