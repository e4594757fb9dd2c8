"""Keeps the resolved configuration of every command in the run's folder."""

from __future__ import annotations

from pathlib import Path

from lightning import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from omegaconf import OmegaConf

__all__ = ["RunRecord"]


class RunRecord(SaveConfigCallback):
    """Writes ``fit.yaml``, ``test.yaml``, … and hands the configuration to the loggers.

    A run's folder is not used for a second ``fit`` by accident: weights of one configuration
    beside the record of another would be a lie.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the record once, when the command starts.

        Raises:
            FileExistsError: If the folder holds a run already and is to be neither continued
                nor overwritten.
        """
        if self.already_saved or not trainer.is_global_zero:
            return
        self.already_saved = True
        run_dir, overwrite = Path(self.config.run_dir), self.config.overwrite
        command = trainer.state.fn.value if trainer.state.fn is not None else stage
        path = run_dir / f"{command}.yaml"
        resumes = trainer.ckpt_path is not None
        if command == "fit" and path.exists() and not (overwrite or resumes):
            raise FileExistsError(
                f"{run_dir} holds a run already; give another --run_dir, continue it with "
                f"--ckpt_path {run_dir}/last.ckpt, or replace it with --overwrite=true"
            )
        run_dir.mkdir(parents=True, exist_ok=True)
        text = self.parser.dump(self.config, skip_none=False, skip_link_targets=False)
        path.write_text(text)
        for logger in trainer.loggers:
            content = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
            if isinstance(content, dict):
                logger.log_hyperparams({str(key): value for key, value in content.items()})
