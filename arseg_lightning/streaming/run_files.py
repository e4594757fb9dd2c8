"""The files that a run is made again from: of its folder, or of one that was shared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arseg_lightning.hub import Repository, download, is_on_hub
from arseg_lightning.hub.layout import (
    CLASSES_NAME,
    CONFIG_NAME,
    WEIGHTS_NAME,
    is_shared_run,
    read_shared_configuration,
)
from arseg_lightning.tasks.weights import own_checkpoint

__all__ = ["RunFiles", "find_run"]


@dataclass(frozen=True, slots=True)
class RunFiles:
    """A run, or a file of configuration."""

    record: Path  # its configuration
    folder: Path | None = None  # None for a file of configuration
    best: Path | None = None  # the best weights in the folder, else the last; None without any
    overrides: tuple[str, ...] = ()  # options that lead to files beside the configuration

    def checkpoint(self, name: Path | str) -> Path:
        """Find a checkpoint: ``best`` or ``last`` of the folder, or a file.

        Raises:
            ValueError: If the run is a file, which has no checkpoints.
        """
        if name not in ("best", "last"):
            return Path(name)
        if self.folder is None:
            raise ValueError(f"checkpoint {name!r} is one of a run's folder; give the file")
        shared = self.folder / WEIGHTS_NAME
        return shared if name == "best" and self.best == shared else self.folder / f"{name}.ckpt"


def find_run(source: Path | str) -> RunFiles:
    """Find a run: the folder of a ``fit``, or what ``push`` wrote, here or on the hub.

    Args:
        source: A folder; ``hf:USER/REPO`` or ``hf:USER/REPO@REV``, which is downloaded once; or a
            file of configuration.

    Raises:
        ConnectionError: If the hub cannot be reached.
        FileNotFoundError: If there is no such run, file or repository.
        ValueError: If a repository is no shared run.
    """
    path = download(Repository.parse(str(source))) if is_on_hub(source) else Path(source)
    if is_shared_run(path):
        return _shared_run(path, str(source))
    record = path / "fit.yaml" if path.is_dir() else path
    if not record.is_file():
        what = f"{path} is no run: it holds no fit.yaml" if path.is_dir() else f"no file {path}"
        raise FileNotFoundError(
            f"{what}; give the folder that `fit` wrote (its run_dir), or files of configuration"
        )
    if path.is_dir():
        return RunFiles(record, path, own_checkpoint(path))
    return RunFiles(record)


def _shared_run(folder: Path, source: str) -> RunFiles:
    record = folder / CONFIG_NAME
    data = read_shared_configuration(record, source)["data"]
    overrides = tuple(
        f"--data.{split}.init_args.classes={folder / CLASSES_NAME}"
        for split, layout in data.items()
        if isinstance(layout, dict)
        and (layout.get("init_args") or {}).get("classes") == CLASSES_NAME
    )
    return RunFiles(record, folder, folder / WEIGHTS_NAME, overrides)
