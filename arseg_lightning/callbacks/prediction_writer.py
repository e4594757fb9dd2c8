"""Writes what ``predict`` sees: label maps and an overlay video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from arseg_lightning.datasets.datamodule import ClipDataModule
from arseg_lightning.types import RGB, ClassSet, ClipBatch
from arseg_lightning.video.encode import EncodeSettings, VideoWriter

__all__ = ["PredictionWriter", "overlay", "write_label"]


class PredictionWriter(Callback):
    """Writes label maps (PNG with class indices and a palette) and an overlay video.

    They are ``predict/labels/FRAME.png`` and ``predict/overlay.mp4`` in the run's folder.

    Args:
        run_dir: Folder of the run.
        opacity: Weight of the class colours in the overlay.
    """

    def __init__(self, run_dir: Path, opacity: float = 0.5) -> None:
        self.folder = Path(run_dir) / "predict"
        self.opacity = opacity
        self.writer: VideoWriter | None = None
        self.num_frames = 0

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse several processes: the overlay is written in the order of time."""
        if trainer.world_size > 1:
            raise ValueError(
                f"predict writes one video in order and runs on one device, "
                f"got {trainer.world_size}; set trainer.devices=1"
            )
        (self.folder / "labels").mkdir(parents=True, exist_ok=True)
        self.num_frames = 0

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Tensor,
        batch: ClipBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write the frames of one keyframe period."""
        data = _data(trainer)
        images = data.normalise.undo(batch.images[0]).permute(0, 2, 3, 1).cpu().numpy()
        classes: NDArray[np.uint8] = outputs[0].to(torch.uint8).cpu().numpy()
        for image, label, name in zip(images, classes, batch.names[0], strict=True):
            write_label(label, data.classes, self.folder / "labels" / f"{Path(name).name}.png")
            self._overlay_writer(data).write(overlay(image, label, data.classes, self.opacity))
            self.num_frames += 1

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Finish the overlay and name what was written."""
        if self.writer is not None:
            self.writer.__exit__(None, None, None)
            self.writer = None
        labels = self.folder / "labels"
        lines = [f"labels:  {labels} ({self.num_frames} frames)", f"overlay: {self.path}"]
        print("\n".join(lines), flush=True)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Leave no half-written overlay behind."""
        if self.writer is not None:
            self.writer.__exit__(type(exception), exception, exception.__traceback__)
            self.writer = None

    @property
    def path(self) -> Path:
        """The overlay video."""
        return self.folder / "overlay.mp4"

    def _overlay_writer(self, data: ClipDataModule) -> VideoWriter:
        if self.writer is None:
            fps = data.predict_fps()
            self.writer = VideoWriter(self.path, EncodeSettings(keyframe_interval=None, fps=fps))
            self.writer.__enter__()
        return self.writer


def overlay(
    image: NDArray[np.uint8], label: NDArray[np.uint8], classes: ClassSet, opacity: float
) -> NDArray[np.uint8]:
    """Blend the colours of the classes into a picture.

    Shapes:
        image: (H, W, 3)   label: (H, W), class indices   returns: (H, W, 3)
    """
    palette = _palette(classes.palette)
    mixed = (1 - opacity) * image + opacity * palette[label]
    return mixed.round().astype(np.uint8)


def _palette(colours: tuple[RGB, ...]) -> NDArray[np.uint8]:
    """A colour for each uint8 value; black beyond the classes."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = colours
    return table


def write_label(label: NDArray[np.uint8], classes: ClassSet, path: Path) -> None:
    """Write class indices as a PNG that viewers show in the colours of the classes.

    Shapes:
        label: (H, W), class indices
    """
    image = Image.fromarray(label)
    image.putpalette(_palette(classes.palette).reshape(-1).tolist())
    image.save(path)


def _data(trainer: Trainer) -> ClipDataModule:
    data = getattr(trainer, "datamodule", None)
    if not isinstance(data, ClipDataModule):
        raise TypeError(f"predict needs a ClipDataModule, got {type(data).__name__}")
    return data
