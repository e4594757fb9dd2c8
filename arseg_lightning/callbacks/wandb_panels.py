"""What a run shows in Weights & Biases besides its metrics: panels, tables, checkpoints."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.trainer.states import TrainerFn
from numpy.typing import NDArray

from arseg_lightning.datasets.datamodule import ClipDataModule
from arseg_lightning.report import RunResult
from arseg_lightning.report.motion import motion_colours
from arseg_lightning.report.panel import class_colours, error_map, tiled
from arseg_lightning.tasks import SegmentationTask
from arseg_lightning.types import Clip, ClipBatch, Motion

__all__ = ["WandbPanels", "farthest_pair", "panel"]


class WandbPanels(Callback):
    """Shows the same frames every few epochs, and what ``test`` found; idle without WandbLogger.

    A panel holds a frame of a validation clip, far from its keyframe: image, label, motion to
    the keyframe as hue (direction) and saturation (length), and each system's labels and errors.
    After ``test`` come a table of IoU per class, one of the systems, and the plot over distance.

    Args:
        every_n_epochs: Epochs from one set of panels to the next; 0 shows none.
        num_clips: Validation clips that are shown, spread over all.
        log_checkpoints: Whether ``best.ckpt`` and ``last.ckpt`` are logged as artifacts after
            ``fit``. WandbLogger's own ``log_model`` gives both one name, and the alias ``best``
            to whichever comes last.

    Raises:
        ValueError: If a number is negative.
    """

    def __init__(
        self,
        every_n_epochs: int = 10,
        num_clips: int = 2,
        log_checkpoints: bool = False,
    ) -> None:
        if every_n_epochs < 0 or num_clips < 0:
            raise ValueError(
                f"every_n_epochs and num_clips are 0 (no panels) or more, "
                f"got {every_n_epochs} and {num_clips}"
            )
        self.every_n_epochs = every_n_epochs
        self.num_clips = num_clips
        self.log_checkpoints = log_checkpoints
        self._pairs: list[ClipBatch] | None = None

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the clips if it is time; on the first process, which waits for no other here."""
        data = getattr(trainer, "datamodule", None)
        logger = _wandb_logger(trainer)
        if logger is None or trainer.sanity_checking or not self._is_due(trainer):
            return
        if not isinstance(pl_module, SegmentationTask) or not isinstance(data, ClipDataModule):
            return
        if self._pairs is None:
            self._pairs = _choose_pairs(trainer.val_dataloaders, self.num_clips)
        for number, pair in enumerate(self._pairs):
            with torch.inference_mode(), trainer.precision_plugin.forward_context():
                picture = panel(pl_module, pair.to(pl_module.device), data)
            caption = f"{pair.names[0][1]}, {int(pair.distances[0, 1])} frames from its keyframe"
            logger.log_image(
                f"panels/clip{number}", [picture], step=trainer.global_step, caption=[caption]
            )

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Log what is there at the end: results when all callbacks of ``test`` are done."""
        logger = _wandb_logger(trainer)
        if logger is None:
            return
        folder = Path(trainer.default_root_dir)
        if stage == "test" and (folder / "result.json").is_file():
            _log_result(logger, folder)
        if stage == "fit" and self.log_checkpoints:
            _log_checkpoints(logger, trainer)

    def _is_due(self, trainer: Trainer) -> bool:
        if not self.every_n_epochs or not self.num_clips:
            return False
        epoch, last = trainer.current_epoch + 1, trainer.max_epochs
        return (
            epoch % self.every_n_epochs == 0
            or epoch == last
            or trainer.state.fn == TrainerFn.VALIDATING
        )


def panel(task: SegmentationTask, pair: ClipBatch, data: ClipDataModule) -> NDArray[np.uint8]:
    """Picture of a frame, its label, its motion, and what each system of a task makes of it.

    Args:
        task: Its systems.
        pair: One keyframe and one frame behind it, on the task's device.
        data: Colours and normalisation.
    """
    image = data.normalise.undo(pair.images[0, 1]).permute(1, 2, 0).cpu().numpy()
    labels = pair.labels[0, 1].cpu().numpy()
    xy = pair.motion[0, 1].float().cpu().numpy()
    longest = max(1.0, float(np.percentile(np.hypot(*xy), 99)))
    motion = Motion(xy, np.ones(xy.shape[1:], np.bool_))
    tiles = {
        "image": image,
        "label": class_colours(labels, data.classes),
        f"motion, up to {longest:.0f} px": motion_colours(motion, longest),
    }
    for name, system in task.systems().items():
        *_, prediction = task.predictions(system, pair)
        predicted = prediction.labels[0].cpu().numpy()
        tiles[name] = class_colours(predicted, data.classes)
        tiles[f"{name}, wrong"] = error_map(image, predicted, labels, data.classes.ignore_index)
    return tiled(tiles)


def farthest_pair(clip: Clip, ignore_index: int = 255) -> ClipBatch:
    """Batch of a clip's keyframe and, of its labelled frames, the one farthest from it.

    If no other frame is labelled, the farthest of all.
    """
    labelled = (clip.labels != ignore_index).flatten(1).any(dim=1)
    score = clip.distances + labelled * (int(clip.distances.max()) + 1) * (clip.distances > 0)
    chosen = [0, int(score.argmax())]
    return ClipBatch(
        images=clip.images[None, chosen],
        motion=clip.motion[None, chosen],
        labels=clip.labels[None, chosen],
        distances=clip.distances[None, chosen],
        names=(tuple(clip.names[index] for index in chosen),),
    )


def _choose_pairs(loader: Any, count: int) -> list[ClipBatch]:
    """Pairs from clips spread evenly over the data."""
    dataset = loader.dataset
    count = min(count, len(dataset))
    return [farthest_pair(dataset[index * len(dataset) // count]) for index in range(count)]


def _log_result(logger: WandbLogger, folder: Path) -> None:
    """Log the tables and the plot of a test."""
    result = RunResult.read(folder / "result.json")
    names = [system.name for system in result.systems]
    per_class = zip(*(system.accuracy.iou_per_class for system in result.systems), strict=True)
    rows = [
        [name, *map(_known, values)]
        for name, values in zip(result.class_names, per_class, strict=True)
    ]
    logger.log_table("test/iou_per_class", ["class", *names], rows)
    systems = [
        [s.name, _known(s.accuracy.miou_mean), _known(s.accuracy.miou_pooled), s.mean_gmacs]
        for s in result.systems
    ]
    logger.log_table(
        "test/systems", ["system", "miou_mean", "miou_pooled", "gmacs_per_frame"], systems
    )
    logger.experiment.summary["cost/gmacs_per_frame"] = result.systems[-1].mean_gmacs
    plot = folder / "miou_over_distance.png"
    if plot.is_file():
        logger.log_image("test/miou_over_distance", [str(plot)])


def _log_checkpoints(logger: WandbLogger, trainer: Trainer) -> None:
    """Log each checkpoint under a name of its own, which W&B gives versions."""
    for callback in trainer.checkpoint_callbacks:
        path = Path(getattr(callback, "best_model_path", ""))
        if isinstance(callback, ModelCheckpoint) and path.is_file():
            run = logger.experiment
            run.log_artifact(str(path), name=f"{path.stem}-{run.id}", type="model")


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _wandb_logger(trainer: Trainer) -> WandbLogger | None:
    """The run's logger for W&B on the first process, or None."""
    if not trainer.is_global_zero:
        return None
    return next((each for each in trainer.loggers if isinstance(each, WandbLogger)), None)
