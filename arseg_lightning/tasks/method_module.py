"""LightningModule of a video method: built from arguments, data or a checkpoint; predict."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from lightning import Callback, LightningModule
from torch import Tensor

from arseg_lightning.datasets.evaluation import EvaluationClip
from arseg_lightning.methods import MethodFactory, Stream, StreamResult, VideoMethod
from arseg_lightning.models.weight_file import read_content
from arseg_lightning.ranges import check_range
from arseg_lightning.tasks.evaluation import push
from arseg_lightning.tasks.hyperparameters import build_task, keep_hyperparameters
from arseg_lightning.tasks.training_checks import TrainingChecks
from arseg_lightning.tasks.weights import build_compared, load_weights, own_checkpoint

__all__ = ["LabelMaps", "MethodModule"]

_INTERVAL = 12
"""L without arguments or data that set it: the paper's."""


@dataclass(slots=True)
class LabelMaps:
    """Labels of consecutive frames of a video."""

    names: tuple[str, ...]  # of the frames: the video's, and the frame's number
    labels: Tensor  # class indices, uint8, (T, H, W)


class MethodModule(LightningModule):
    """Holds a method, and what it is compared with; segments images and videos.

    Its arguments are the first ones of :class:`arseg_lightning.tasks.VideoTask`.
    """

    method: VideoMethod

    def __init__(
        self,
        method: MethodFactory,
        num_classes: int | None,
        keyframe_interval: int | None,
        weights: Mapping[str, str],
        compare: Mapping[str, MethodFactory],
        compare_weights: Mapping[str, str],
    ) -> None:
        super().__init__()
        keep_hyperparameters(self)
        check_range(1, num_classes=num_classes, keyframe_interval=keyframe_interval)
        self.keyframe_interval = keyframe_interval or _INTERVAL
        self.untrained: tuple[str, ...] = ()
        self._follows_data = keyframe_interval is None
        self._make = method
        self._weights = weights
        self._compare = compare, compare_weights
        # In a tuple, so that they are neither trained nor part of this task's checkpoint.
        self._compared: tuple[dict[str, VideoMethod]] = ({},)
        self._stream: Stream | None = None
        self._names = deque[str]()  # of the frames that wait
        if num_classes is not None:
            self._build(num_classes)
        self.register_load_state_dict_post_hook(_forget_untrained)  # type: ignore[no-untyped-call]

    @classmethod
    def load_from_checkpoint(  # type: ignore[override]
        cls,
        checkpoint_path: str | Path,
        map_location: Any = "cpu",
        strict: bool | None = None,
        weights_only: bool | None = None,
        **arguments: Any,
    ) -> Self:
        """Build the task that a checkpoint was written by, with its weights.

        Args:
            checkpoint_path: The checkpoint of a run.
            map_location: Where the weights go, as for ``torch.load``.
            strict: Whether the names of the weights have to be the task's, as by default.
            weights_only: Ignored: only tensors and plain values are read.
            arguments: Replace the checkpoint's.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it does not hold what is needed, or names what is not
                trusted (``ARSEG_LIGHTNING_TRUST``).

        Differs: Lightning's would read the files again that the training started from.
        """
        content = read_content(checkpoint_path, map_location or "cpu")
        hyperparameters = content.get(cls.CHECKPOINT_HYPER_PARAMS_KEY) if content else None
        if not hyperparameters or "state_dict" not in content:
            raise ValueError(
                f"{checkpoint_path} is no checkpoint of a run, or does not say how its task was "
                f"built; build the task, and give it as weights={{'all': PATH}}"
            )
        task = build_task(cls, hyperparameters, arguments)
        task._follows_data = "keyframe_interval" not in arguments
        task.load_state_dict(content["state_dict"], strict=strict is not False)
        return task

    @classmethod
    def from_run(cls, folder: str | Path, **options: Any) -> Self:
        """Build the task of a run's folder, with its best weights, or the last if none are best.

        Args:
            folder: The folder of a ``fit``.
            options: As for :meth:`load_from_checkpoint`.

        Raises:
            FileNotFoundError: If there is no checkpoint.
        """
        path = own_checkpoint(Path(folder))
        if path is None:
            raise FileNotFoundError(
                f"neither best.ckpt nor last.ckpt in {folder}; give the folder of a fit that has "
                f"finished an epoch"
            )
        return cls.load_from_checkpoint(path, **options)

    def configure_model(self) -> None:
        """Take from the data module what the arguments left open (called by Lightning).

        Raises:
            ValueError: If the number of classes is not known, or arguments and data differ.
        """
        data = getattr(self._trainer, "datamodule", None)
        num_classes: int | None = getattr(data, "num_classes", None)
        interval: int | None = getattr(data, "keyframe_interval", None)
        # Written to the hyperparameters, so that a checkpoint builds its task without the data.
        if interval is not None and self._follows_data:
            self.keyframe_interval = self.hparams["keyframe_interval"] = interval
        elif interval not in (None, self.keyframe_interval):
            raise ValueError(
                f"keyframe_interval of the task is {self.keyframe_interval}, that of the data "
                f"{interval}; leave it out of the task, which then follows the data"
            )
        if "method" not in self._modules:
            if num_classes is None:
                raise ValueError(
                    "the number of classes is not known: give num_classes, or hand the trainer a "
                    "data module that knows it"
                )
            self._build(num_classes)
        elif num_classes not in (None, self.num_classes):
            raise ValueError(
                f"the task has {self.num_classes} classes, the data have {num_classes}; build it "
                f"for the classes of the data (num_classes), or give the data it was made for"
            )
        self.method.follow_interval(self.keyframe_interval)

    def _build(self, num_classes: int) -> None:
        """Build the method and what it is compared with."""
        self.num_classes = self.hparams["num_classes"] = num_classes
        self.method = self._make(num_classes)
        self.untrained = load_weights(self.method, self._weights)
        self._compared = (build_compared(self.method, *self._compare, num_classes),)
        self.method.follow_interval(self.keyframe_interval)

    def methods(self) -> dict[str, VideoMethod]:
        """The methods that are compared in ``test``; the last one is this task's own."""
        others = self.method.baselines() | self._compared[0]
        for method in others.values():
            method.to(self.device, self.weights_dtype).follow_interval(self.keyframe_interval)
        return others | {self.method.name: self.method}

    @property
    def weights_dtype(self) -> torch.dtype:
        """Type of the weights and of the images: the trainer's true precision."""
        return next((p.dtype for p in self.method.parameters()), torch.float32)

    def configure_callbacks(self) -> list[Callback]:
        """Checks of every training, with any trainer."""
        known: list[Callback] = self.trainer.callbacks  # type: ignore[attr-defined]
        return [] if any(isinstance(each, TrainingChecks) for each in known) else [TrainingChecks()]

    def forward(self, image: Tensor) -> Tensor:
        """Score every pixel of single images, each the first frame of a stream.

        Shapes:
            image: normalised RGB, (B, 3, H, W)   returns: (B, K, H, W)
        """
        scores: Tensor = self.method(image)
        return scores

    def on_predict_start(self) -> None:
        """Refuse to segment by networks without weights."""
        self.refuse_random_weights("predict")
        self._stream = None

    def predict_step(self, batch: EvaluationClip, batch_idx: int) -> LabelMaps:
        """Segment the next frames of a video, as the data module gives them in order.

        Frames that wait for later ones come with those.

        Of several processes, each gives the videos that are its own.

        Raises:
            TypeError: If the batch is something else, such as images.
        """
        if not isinstance(batch, EvaluationClip):
            raise TypeError(
                f"predict takes the streams of a ClipDataModule, got {type(batch).__name__}; for "
                f"images of your own call the task, task(images), and for files and cameras use "
                f"arseg_lightning.streaming.segmenter_of"
            )
        if self._stream is None:
            self._stream = Stream(self.method, batch.normalise, batch.chaining, self.weights_dtype)
        results = list[StreamResult]()
        for frame in batch.frames:
            self._names.append(frame.name)
            results += push(self._stream, frame)
        results += self._stream.finish() if batch.ends else []
        names = tuple(self._names.popleft() for _ in results)
        height, width = batch.frames[0].streamed.frame.size
        labels = np.empty((len(results), height, width), np.uint8)
        for index, result in enumerate(results):
            labels[index] = result.labels
        return LabelMaps(names, torch.from_numpy(labels))

    def on_predict_end(self) -> None:
        """Release the last stream, which cannot be copied."""
        self._stream = None

    def refuse_random_weights(self, command: str, checkpoint: str = "ckpt_path") -> None:
        """Raise ValueError if a part has no weights yet, for a command that wants a checkpoint."""
        if self.untrained:
            raise ValueError(
                f"{command} would use random weights for {', '.join(self.untrained)}; "
                f"give {checkpoint} (a run's checkpoint) or "
                f"{', '.join(f'model.weights.{name}' for name in self.untrained)}"
            )


def _forget_untrained(task: MethodModule, incompatible_keys: Any) -> None:
    task.untrained = ()  # a whole state has been loaded; no closure, so that tasks can be pickled
