"""Decides what a ``fit`` may do with its folder: start, resume, or neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml  # type: ignore[import-untyped]

from arseg_lightning.files import FileLock, LockedElsewhere, lock_file, write_atomic

__all__ = ["Resume", "RunFolder", "flattened"]

Resume = Literal["auto", "or_restart", "never"]
"""Whether a run that was interrupted goes on when its command is given again.

``auto`` refuses what is not that run's continuation; ``or_restart`` replaces it.
"""

_NOT_COMPARED = (
    *("run_dir", "overwrite", "resume", "after_fit", "data.num_workers"),
    *("trainer.default_root_dir", "trainer.enable_progress_bar", "best.dirpath", "last.dirpath"),
)
"""What may differ between a run and its continuation: it changes no weight."""


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

    def checkpoint_to_resume(self, config: str, resume: Resume) -> Path | None:
        """Find where a run resumes.

        Args:
            config: The resolved configuration of the command, as YAML.
            resume: ``auto`` continues an interrupted run of the same configuration; ``or_restart``
                does so too, and lets any other run be replaced.

        Returns:
            Its checkpoint; None if the run starts with its first epoch.

        Raises:
            FileExistsError: If the folder holds a run that this is not the continuation of.
        """
        if not self.record.is_file():
            return None
        finished = self._finished.is_file()
        changed = _differences(self.record.read_text("utf-8"), config)
        if resume == "or_restart" and (finished or changed):
            return None
        last = self.last if self.last.is_file() else None
        if not (finished or changed or resume == "never"):
            return last
        what = "a run"
        if changed and not finished and resume != "never":
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
        if not resumes:  # nor may anything else of the older run be taken for this one's
            for name in ("last.ckpt", "best.ckpt"):
                (self.path / name).unlink(missing_ok=True)
        write_atomic(self.record, config)

    def finish(self) -> None:
        """Record that nothing is left to do."""
        write_atomic(self._finished, "fit and all that was to follow it are done\n")

    def lock(self) -> FileLock:
        """Keep a second ``fit`` out until the lock is released or this process ends.

        Raises:
            FileExistsError: If another process is at it.
        """
        try:
            return lock_file(self.path / ".fit.lock")
        except LockedElsewhere as error:
            raise FileExistsError(
                f"another process is training in {self.path}; wait for it, or give another "
                f"--run_dir"
            ) from error


def _differences(before: str, now: str) -> list[str]:
    """The keys that two configurations do not agree on, of those that change a weight."""
    # As plain YAML: what stands for a value, ${...} for instance, counts as it is written.
    first, second = flattened(yaml.safe_load(before)), flattened(yaml.safe_load(now))
    missing = object()
    return [
        key
        for key in first | second
        if first.get(key, missing) != second.get(key, missing)
        and key not in _NOT_COMPARED
        and not key.startswith(("trainer.logger", "wandb"))
    ]


def flattened(value: Any, name: str = "") -> dict[str, Any]:
    """A configuration's values by their full names: ``trainer.callbacks[0].class_path``."""
    if isinstance(value, dict) and value:
        parts = {f"{name}.{key}" if name else str(key): part for key, part in value.items()}
    elif isinstance(value, list) and value:
        parts = {f"{name}[{index}]": part for index, part in enumerate(value)}
    else:
        return {name: value}
    leaves: dict[str, Any] = {}
    for inner, part in parts.items():
        leaves |= flattened(part, inner)
    return leaves
