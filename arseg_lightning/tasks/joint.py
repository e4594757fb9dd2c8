"""Both branches in one run: the high-res branch by its own loss, the low-res one by FST."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor

from arseg_lightning.losses import FST, SegmentationLoss
from arseg_lightning.propagation import CReFF
from arseg_lightning.systems import EveryFrame, VideoSystem
from arseg_lightning.tasks.base import FusionFactory, SegmentorFactory, adam, carried_by
from arseg_lightning.tasks.low_res import LowResTask
from arseg_lightning.tasks.schedule import Schedule
from arseg_lightning.types import ClipBatch

__all__ = ["JointTask"]


class JointTask(LowResTask):
    """Trains AR-Seg in one go, and the s x baseline beside it for comparison.

    The three networks share data and schedule but no gradients: the low-res branch sees the
    high-res branch's features as they stand, detached, and takes over its classifier after every
    step. So each is trained as it would be alone.

    Args:
        network: Builds each branch's network.
        loss: Segmentation loss of the high-res branch and of the baseline.
        objective: FST: what the low-res branch is trained with.
        num_classes: Number of classes; linked from the data.
        keyframe_interval: L; linked from the data.
        resolution_ratio: Scale s of non-keyframes and of the baseline.
        fusion: Builds the fusion.
        high_res_checkpoint: Weights from which the high-res branch starts, if any.
        with_baseline: Also train the s x baseline.
        optimizer: Builds the optimiser.
        schedule: Learning rate over the run.
        warmup_steps: Steps over which the learning rate first rises.
    """

    def __init__(
        self,
        network: SegmentorFactory,
        loss: SegmentationLoss,
        objective: FST,
        num_classes: int,
        keyframe_interval: int = 12,
        resolution_ratio: float = 0.5,
        fusion: FusionFactory = CReFF,
        high_res_checkpoint: Path | None = None,
        with_baseline: bool = True,
        optimizer: OptimizerCallable = adam,
        schedule: Schedule = "cosine",
        warmup_steps: int = 0,
    ) -> None:
        super().__init__(
            network,
            objective,
            num_classes,
            keyframe_interval,
            resolution_ratio,
            fusion,
            high_res_checkpoint,
            optimizer=optimizer,
            schedule=schedule,
            warmup_steps=warmup_steps,
        )
        self.loss = loss
        self.has_high_res = True  # it is trained here
        self.untrained = {"all networks": ""}
        self.arseg.high_res.requires_grad_(True)
        self.arseg.high_res.train()
        self.low_res_alone: EveryFrame | None = None
        if with_baseline:
            self.low_res_alone = EveryFrame(network(num_classes), resolution_ratio)

    def systems(self) -> dict[str, VideoSystem]:
        """The 1.0x baseline, the s x baseline if it is trained, and AR-Seg."""
        systems = super().systems()
        own = systems.popitem()
        if self.low_res_alone is not None:
            systems[f"{self.low_res_alone.resolution_ratio:g}x"] = self.low_res_alone
        return systems | dict([own])

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        """Add up the losses of the networks; none reaches another's parameters."""
        image, label = batch.images[:, -1], batch.labels[:, -1]
        high_res = self.arseg.high_res
        output = high_res.training_forward(image, (image.shape[-2], image.shape[-1]))
        # In training mode like the teacher: before BatchNorm has statistics of its own, features
        # in evaluation mode are far off, and Adam remembers their gradients for long.
        key_feature = carried_by(high_res, batch.images[:, 0])
        high_res_loss: Tensor = self.loss(output, label)
        self.log_loss("train/loss_high_res", high_res_loss)
        total = high_res_loss + self.low_res_loss(batch, output.feature.detach(), key_feature)
        if self.low_res_alone is not None:
            total = total + self.loss(self.low_res_alone.training_forward(image), label)
        self.log_loss("train/loss", total, prog_bar=True)
        return total

    def on_train_batch_end(self, outputs: Any, batch: ClipBatch, batch_idx: int) -> None:
        """Follow the classifier that the high-res branch has just learned."""
        self.arseg.share_classifier()
