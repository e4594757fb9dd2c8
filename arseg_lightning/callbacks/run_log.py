"""A run's folder tells what was run, on what, and what was said."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException

from arseg_lightning.files import write_atomic
from arseg_lightning.provenance import Provenance, commit_of

__all__ = ["RunLog", "tell"]

_log = logging.getLogger(__name__)
_LOGGERS = ("arseg_lightning", "lightning.pytorch")


def tell(text: str) -> None:
    """Print a text, and keep it in the log of the run."""
    print(text, flush=True)
    _log.info(text)


class RunLog(Callback):
    """Writes ``run.log``, and ``fit_environment.json`` (``test_environment.json``, …).

    The log gets what the package and Lightning say, and the error that ended a run. The
    environment is the command line, the commits of the code and of the working directory,
    versions, device and number of processes. Both come from the first process.

    Args:
        run_dir: Folder of the run.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = Path(run_dir)
        self._handlers: list[logging.Handler] = []
        self._level = logging.NOTSET

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the log; by now, the folder is known to be this run's."""
        self._open(trainer, "fit")

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the log unless training has."""
        if not self._handlers:
            self._open(trainer, "validate")

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the log."""
        self._open(trainer, "test")

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Keep the error and where it arose; of a run that was told to stop, how far it is."""
        if not trainer.is_global_zero:
            return
        if isinstance(exception, KeyboardInterrupt | SIGTERMException):
            tell(self._how_far(trainer, exception))
        elif self._handlers:
            raised = (type(exception), exception, exception.__traceback__)
            ends = _log.makeRecord(_log.name, logging.ERROR, "", 0, "the run ends", (), raised)
            self._handlers[0].handle(ends)  # the file's: a reader is told by `report`
        self._close()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Close the log."""
        self._close()

    def _how_far(self, trainer: Trainer, exception: BaseException) -> str:
        by = "Ctrl-C" if isinstance(exception, KeyboardInterrupt) else "SIGTERM"
        if trainer.state.fn != TrainerFn.FITTING:
            return f"stopped by {by}"
        last = self.run_dir / "last.ckpt"
        kept = f"finished epochs are in {last}" if last.is_file() else "no epoch was finished"
        return f"stopped by {by} in epoch {trainer.current_epoch + 1}; {kept}"

    def _open(self, trainer: Trainer, command: str) -> None:
        if not trainer.is_global_zero or getattr(trainer, "fast_dev_run", False):
            return
        self._close()
        environment = json.dumps(_environment(trainer), indent=1)
        write_atomic(self.run_dir / f"{command}_environment.json", environment + "\n")
        file = logging.FileHandler(self.run_dir / "run.log", encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._handlers = [file]
        for name in _LOGGERS:
            logging.getLogger(name).addHandler(file)
        ours = logging.getLogger(_LOGGERS[0])
        self._level = ours.level
        ours.setLevel(logging.INFO)
        if not logging.getLogger().handlers:  # with ours, Python no longer shows warnings itself
            shown = logging.StreamHandler()
            shown.setLevel(logging.WARNING)
            ours.addHandler(shown)
            self._handlers.append(shown)
        _log.info("%s starts: %s", command, " ".join(sys.argv))

    def _close(self) -> None:
        if self._handlers:
            logging.getLogger(_LOGGERS[0]).setLevel(self._level)
        for handler in self._handlers:
            for name in _LOGGERS:
                logging.getLogger(name).removeHandler(handler)
            with suppress(OSError):  # a full disk: what ends the run is another's to say
                handler.close()
        self._handlers = []


def _environment(trainer: Trainer) -> dict[str, Any]:
    """What a run depends on besides its configuration."""
    provenance = asdict(Provenance.collect())
    here = Path.cwd()
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "working_directory": {"path": str(here), "commit": commit_of(here)},
        **{name: provenance[name] for name in ("commit", "versions", "device")},
        "processes": trainer.world_size,
        "nodes": trainer.num_nodes,
        "precision": str(trainer.precision),
    }
