"""Writes checkpoints so that there is always a whole one, whatever ends the writing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from arseg_lightning.files import remove_abandoned_parts, write_atomic

__all__ = ["WholeCheckpoints"]

_OF_REQUEUING = "hpc_ckpt_"


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint under another name and renames it when it is on the disk.

    A process that is killed while it writes, a machine that stops and a disk that is full leave
    the previous checkpoint as it was.

    Differs: Lightning writes to the system's temporary folder and moves the file; from another
    file system that is a copy, and a copy can end halfway. When SLURM is about to requeue a job,
    Lightning also writes where in an epoch it is, and prefers that to everything else whenever no
    checkpoint is named: also in a run that replaces this one, and in the test behind a fit. It is
    left out: a requeued run goes on from its last finished epoch, as any other.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Any | None = None,
    ) -> None:
        """Write a checkpoint.

        Raises:
            OSError: If it cannot be written; the previous one is still there then.
        """
        if Path(path).name.startswith(_OF_REQUEUING):
            return
        if storage_options is not None or "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        # In memory first: on a full disk PyTorch's own writer says little, and may end the process.
        content = io.BytesIO()
        torch.save(checkpoint, content)
        _replace(Path(path), content.getbuffer())


def _replace(path: Path, content: memoryview) -> None:
    """Write a file, or say what is kept and how to go on."""
    try:
        remove_abandoned_parts(path)
        write_atomic(path, content)
    except OSError as error:
        kept = "; the one before it is still there" if path.is_file() else ""
        raise OSError(
            error.errno,
            f"checkpoint {path} cannot be written ({error.strerror}; it takes "
            f"{len(content) / 1e6:.1f} MB){kept}. Make room, or mend the "
            f"folder, then start the same command again: it goes on from the last checkpoint",
        ) from error
