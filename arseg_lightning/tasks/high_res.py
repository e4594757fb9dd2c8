"""Phase 1: the high-res branch, or a constant-resolution baseline."""

from __future__ import annotations

from pathlib import Path

from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor

from arseg_lightning.losses import SegmentationLoss
from arseg_lightning.propagation import Convention
from arseg_lightning.systems import EveryFrame, VideoSystem, WarpedKey
from arseg_lightning.tasks.base import SegmentationTask, SegmentorFactory, adam
from arseg_lightning.tasks.schedule import Schedule
from arseg_lightning.tasks.weights import Branch, load_branch
from arseg_lightning.types import ClipBatch

__all__ = ["HighResTask"]


class HighResTask(SegmentationTask):
    """Trains a network on single frames at one resolution.

    At ratio 1.0 it is AR-Seg's high-res branch (phase 1) and the 1.0x baseline; below that it is
    the constant-resolution baseline s x that AR-Seg is compared with.

    Args:
        network: Builds the network.
        loss: Segmentation loss.
        num_classes: Number of classes; linked from the data.
        keyframe_interval: L; linked from the data, for accuracy over distance.
        resolution_ratio: Scale s of the network's input.
        warp_between: Whether ``test`` also evaluates the network on keyframes alone, with its
            feature carried by motion to the frames between them.
        convention: ``exact``, or ``paper`` for what the published code does differently: sampling
            of the warp, truncated sizes.
        checkpoint: Weights to start from, or to evaluate: a run's checkpoint or a published file
            (HR for 1.0x, LR below).
        optimizer: Builds the optimiser.
        schedule: Learning rate over the run.
        warmup_steps: Steps over which the learning rate first rises.
    """

    def __init__(
        self,
        network: SegmentorFactory,
        loss: SegmentationLoss,
        num_classes: int,
        keyframe_interval: int = 12,
        resolution_ratio: float = 1.0,
        warp_between: bool = False,
        convention: Convention = "exact",
        checkpoint: Path | None = None,
        optimizer: OptimizerCallable = adam,
        schedule: Schedule = "cosine",
        warmup_steps: int = 0,
    ) -> None:
        super().__init__(num_classes, keyframe_interval, optimizer, schedule, warmup_steps)
        self.every_frame = EveryFrame(network(num_classes), resolution_ratio, convention)
        self.warp_between = warp_between
        self.loss = loss
        if checkpoint is None:
            self.untrained = {"the network": "--model.checkpoint"}
        else:
            branch: Branch = "high_res" if resolution_ratio == 1.0 else "alone"
            load_branch(self.every_frame.network, checkpoint, branch)

    def systems(self) -> dict[str, VideoSystem]:
        """Every frame at this task's resolution, and the keyframes alone if asked for."""
        systems: dict[str, VideoSystem] = {
            f"{self.every_frame.resolution_ratio:g}x": self.every_frame
        }
        if self.warp_between:
            systems["warped key"] = WarpedKey(self.every_frame.network, self.every_frame.convention)
        return systems

    @property
    def validated_system(self) -> VideoSystem:
        """Every frame at this task's resolution: what is trained here."""
        return self.every_frame

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        """Segment the last frame of each clip."""
        output = self.every_frame.training_forward(batch.images[:, -1])
        loss: Tensor = self.loss(output, batch.labels[:, -1])
        self.log_loss("train/loss", loss, prog_bar=True)
        return loss
