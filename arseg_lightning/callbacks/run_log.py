"""The log of a run, in the run's folder."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException

from arseg_lightning.provenance import Provenance, commit_of

__all__ = ["RunLog", "tell"]

_log = logging.getLogger(__name__)
_package_log = logging.getLogger("arseg_lightning")
_lightning_log = logging.getLogger("lightning.pytorch")


def tell(text: str) -> None:
    """Print a text, and keep it in the log of the run."""
    print(text, flush=True)
    _log.info(text)


class RunLog(Callback):
    """Writes ``run.log``: what the package and Lightning say, and the error that ended a run.

    Its first line is the environment: the command line, the commits of the code and of the working
    directory, versions, device and number of processes. It comes from the first process.

    Args:
        run_dir: Folder of the run.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = Path(run_dir)
        self._file: logging.FileHandler | None = None
        self._level = logging.NOTSET

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._open(trainer, "fit")  # not in setup: by now, the folder is known to be this run's

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._file is None:  # else it belongs to a fit
            self._open(trainer, "validate")

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._open(trainer, "test")

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Log the error and its traceback; of a run that was told to stop, its last epoch."""
        if not trainer.is_global_zero:
            return
        if isinstance(exception, KeyboardInterrupt | SIGTERMException):
            by = "Ctrl-C" if isinstance(exception, KeyboardInterrupt) else "SIGTERM"
            last = self.run_dir / "last.ckpt"
            kept = f"finished epochs are in {last}" if last.is_file() else "no epoch was finished"
            where = f" in epoch {trainer.current_epoch + 1}; {kept}"
            tell(f"stopped by {by}{where if trainer.state.fn == TrainerFn.FITTING else ''}")
        elif self._file is not None:
            raised = (type(exception), exception, exception.__traceback__)
            ends = _log.makeRecord(_log.name, logging.ERROR, "", 0, "the run ends", (), raised)
            self._file.handle(ends)  # to the file alone: the command line prints its own message
        self._close()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._close()

    def _open(self, trainer: Trainer, command: str) -> None:
        if not trainer.is_global_zero or getattr(trainer, "fast_dev_run", False):
            return
        self._close()
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self._file = logging.FileHandler(self.run_dir / "run.log", encoding="utf-8")
        self._file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        _package_log.addHandler(self._file)
        _lightning_log.addHandler(self._file)
        self._level = _package_log.level
        _package_log.setLevel(logging.INFO)
        # Now that the logger has a handler, Python would no longer show warnings by itself.
        if not logging.getLogger().handlers and logging.lastResort is not None:
            _package_log.addHandler(logging.lastResort)
        environment = asdict(Provenance.collect()) | {
            "command": sys.argv,
            "working_directory": [str(Path.cwd()), commit_of(Path.cwd())],
            "processes": trainer.world_size,
            "precision": str(trainer.precision),
        }
        _log.info("%s starts: %s", command, json.dumps(environment))

    def _close(self) -> None:
        if self._file is None:
            return
        _package_log.setLevel(self._level)
        if logging.lastResort is not None:
            _package_log.removeHandler(logging.lastResort)
        _package_log.removeHandler(self._file)
        _lightning_log.removeHandler(self._file)
        with suppress(OSError):  # a full disk: another error ends the run and says so
            self._file.close()
        self._file = None
