"""A run with its weights, result and card, as it is shared."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from arseg_lightning.files import write_atomic
from arseg_lightning.hub.card import ModelCard
from arseg_lightning.hub.configuration import SharedConfiguration, dump, without_machine
from arseg_lightning.hub.layout import (
    CARD_NAME,
    CLASSES_NAME,
    CONFIG_NAME,
    RESULT_NAME,
    WEIGHTS_NAME,
    refuse_other_files,
)
from arseg_lightning.models.safetensors_file import write_safetensors
from arseg_lightning.report.result import RunResult
from arseg_lightning.tasks.experiment import Experiment

__all__ = ["Bundle"]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is shared of a run."""

    experiment: Experiment  # with the weights
    configuration: SharedConfiguration
    result: RunResult | None  # of these weights
    weights: str  # name of the checkpoint that they are from
    licence: str | None = None  # as the hub names licences, such as ``apache-2.0``

    def write(self, folder: Path, source: str) -> None:
        """Write the files.

        Args:
            folder: Where to, a folder that is there.
            source: By what the card says that it is loaded.

        Raises:
            OSError: If a file cannot be written.
            ValueError: If a package is missing.
        """
        of_card = self.experiment, self.configuration, self.result, self.weights, self.licence
        write_atomic(folder / CARD_NAME, ModelCard(source, *of_card).text())
        write_atomic(folder / CONFIG_NAME, self.configuration.yaml())
        if self.configuration.classes is not None:
            write_atomic(folder / CLASSES_NAME, dump(self.configuration.classes))
        if self.result is not None:
            before = self.result.provenance
            provenance = replace(before, config=without_machine(before.config))
            replace(self.result, provenance=provenance).write(folder / RESULT_NAME)
        write_safetensors(self.experiment.task, folder / WEIGHTS_NAME)
        # safetensors makes its file for the user alone
        shutil.copymode(folder / CONFIG_NAME, folder / WEIGHTS_NAME)

    def write_new(self, folder: Path) -> None:
        """Write a folder that appears when it is complete; one of an earlier push is replaced.

        Raises:
            FileExistsError: If it has something else in it.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            made = Path(temporary) / folder.name
            made.mkdir()
            self.write(made, folder.name)
            if folder.exists():
                refuse_other_files((path.name for path in folder.iterdir()), str(folder))
                folder.rename(Path(temporary) / "before")
            made.rename(folder)
