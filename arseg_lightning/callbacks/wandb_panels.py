"""Panels, result tables and checkpoints of a run in Weights & Biases."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.trainer.states import TrainerFn
from numpy.typing import NDArray

from arseg_lightning.datasets.datamodule import ClipDataModule
from arseg_lightning.datasets.evaluation import EvaluationClip
from arseg_lightning.ranges import check_range
from arseg_lightning.report import RunResult
from arseg_lightning.report.frame_images import (
    class_colours,
    error_map,
    motion_colours,
    tiled,
)
from arseg_lightning.tasks import VideoTask
from arseg_lightning.tasks.evaluation import Evaluation
from arseg_lightning.types import Motion
from arseg_lightning.video.chain import MotionChain

__all__ = ["WandbPanels", "panel", "until_farthest"]


class WandbPanels(Callback):
    """Shows the same frames every few epochs, and what ``test`` found; idle without WandbLogger.

    A panel holds a frame of a validation clip, far from its keyframe: image, label, motion to
    the keyframe as hue (direction) and saturation (length), and each method's labels and errors.
    After ``test`` come a table of IoU per class, one of the methods, and the plot over distance.

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
        self, every_n_epochs: int = 10, num_clips: int = 2, log_checkpoints: bool = False
    ) -> None:
        check_range(0, every_n_epochs=every_n_epochs, num_clips=num_clips)
        self.every_n_epochs = every_n_epochs
        self.num_clips = num_clips
        self.log_checkpoints = log_checkpoints
        self._clips: list[EvaluationClip] | None = None

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data, logger = getattr(trainer, "datamodule", None), _wandb_logger(trainer)
        if logger is None or trainer.sanity_checking or not self.every_n_epochs:
            return
        if not isinstance(pl_module, VideoTask) or not isinstance(data, ClipDataModule):
            return
        epoch = trainer.current_epoch + 1
        is_last = epoch == trainer.max_epochs or trainer.state.fn == TrainerFn.VALIDATING
        if not is_last and epoch % self.every_n_epochs:
            return
        if self._clips is None:
            self._clips = _choose_clips(trainer.val_dataloaders, self.num_clips)
        # The first process alone runs the methods: nothing in them waits for the others.
        for number, clip in enumerate(self._clips):
            with torch.inference_mode(), trainer.precision_plugin.forward_context():
                image = panel(pl_module, clip, data)
            last = clip.frames[-1]
            caption = f"{last.name}, {last.distance} frames from its keyframe"
            key, step = f"panels/clip{number}", trainer.global_step
            logger.log_image(key, [image], step=step, caption=[caption])

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Log what all callbacks have written by now: results, checkpoints."""
        logger = _wandb_logger(trainer)
        if logger is None:
            return
        folder = Path(trainer.default_root_dir)
        if stage == "test" and (folder / "result.json").is_file():
            _log_result(logger, folder)
        if stage == "fit" and self.log_checkpoints:
            run = logger.experiment
            for callback in trainer.checkpoint_callbacks:
                path = Path(getattr(callback, "best_model_path", ""))
                if path.is_file():  # an artifact for each, of which W&B counts the versions
                    run.log_artifact(str(path), name=f"{path.stem}-{run.id}", type="model")


def panel(task: VideoTask, clip: EvaluationClip, data: ClipDataModule) -> NDArray[np.uint8]:
    """Image of a stream's last frame, its label, its motion and each method's result.

    Args:
        task: Its methods.
        clip: A stream from its start.
        data: Its classes.
    """
    last, ignore_index = clip.frames[-1], data.classes.ignore_index
    image = last.streamed.frame.image  # (H, W, 3)
    labels = last.label  # (H, W)
    if labels is None:
        labels = np.full(image.shape[:2], ignore_index, np.uint8)
    tiles = {"image": image, "label": class_colours(labels, data.classes)}
    motion = _motion(clip)
    if motion is not None:
        longest = max(1.0, float(np.percentile(np.hypot(*motion.xy), 99)))
        tiles[f"motion, up to {longest:.0f} px"] = motion_colours(motion, longest)
    for name, method in task.methods().items():
        evaluation = Evaluation(method, task.num_classes, task.keyframe_interval)
        predicted = evaluation.add(clip)[-1].labels  # (H, W)
        tiles[name] = class_colours(predicted, data.classes)
        tiles[f"{name}, wrong"] = error_map(image, predicted, labels, ignore_index)
    return tiled(tiles)


def _motion(clip: EvaluationClip) -> Motion | None:
    """Motion from the last frame to the first; None for one frame, or if a step has none."""
    first = clip.frames[0].streamed.frame
    chain = MotionChain(first.size, clip.chaining, first.index)
    steps = [step for f in clip.frames[1:] for step in (*f.passed, f.streamed.step)]
    for step in steps:
        if step is None:
            return None
        chain.push(step)
    return chain.motion() if steps else None


def until_farthest(clip: EvaluationClip) -> EvaluationClip:
    """Cut a stream after the labelled frame that is farthest from its keyframe."""
    scores = [(frame.label is not None, frame.distance) for frame in clip.frames]
    end = scores.index(max(scores)) + 1
    return EvaluationClip(clip.frames[:end], clip.normalise, clip.chaining)


def _choose_clips(loader: Any, count: int) -> list[EvaluationClip]:
    """Streams spread evenly over the data, up to the frame that is farthest from a keyframe."""
    loader = loader[0] if isinstance(loader, list) else loader  # others are for losses
    dataset = loader.dataset
    # Several samples may belong to one stream: its first one is enough.
    starts = [i for i, s in enumerate(dataset.streams) if i == dataset.streams.index(s)]
    count = min(count, len(starts))
    chosen = [starts[index * len(starts) // count] for index in range(count)]
    return [until_farthest(dataset[index]) for index in chosen]


def _log_result(logger: WandbLogger, folder: Path) -> None:
    def known(value: float) -> float | None:
        return None if math.isnan(value) else value  # classes without pixels have no IoU

    result = RunResult.read(folder / "result.json")
    rows = [
        [name, *(known(method.accuracy.iou_per_class[index]) for method in result.methods)]
        for index, name in enumerate(result.class_names)
    ]
    names = [method.name for method in result.methods]
    logger.log_table("test/iou_per_class", ["class", *names], rows)
    columns = ["method", "miou_mean", "miou_pooled", "gmacs_per_frame"]
    methods = [
        [m.name, known(m.accuracy.miou_mean), known(m.accuracy.miou_pooled), m.mean_gmacs]
        for m in result.methods
    ]
    logger.log_table("test/methods", columns, methods)
    logger.experiment.summary["cost/gmacs_per_frame"] = result.methods[-1].mean_gmacs
    plot = folder / "miou_over_distance.png"
    if plot.is_file():
        logger.log_image("test/miou_over_distance", [str(plot)])


def _wandb_logger(trainer: Trainer) -> WandbLogger | None:
    """The run's logger for W&B on the first process, or None."""
    if not trainer.is_global_zero:
        return None
    return next((each for each in trainer.loggers if isinstance(each, WandbLogger)), None)
