"""Phase 2: the low-res branch with CReFF, trained by FST against the frozen high-res branch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from arseg_lightning.losses import FST, FSTLoss
from arseg_lightning.propagation import Convention, CReFF
from arseg_lightning.systems import ARSeg, EveryFrame, VideoSystem
from arseg_lightning.tasks.base import (
    FusionFactory,
    SegmentationTask,
    SegmentorFactory,
    adam,
    carried_by,
    feature_of,
    freeze,
)
from arseg_lightning.tasks.schedule import Schedule
from arseg_lightning.tasks.weights import load_branch, load_fusion
from arseg_lightning.types import ClipBatch

__all__ = ["LowResTask"]


class LowResTask(SegmentationTask):
    """Trains AR-Seg's low-res branch and its fusion; the high-res branch is frozen.

    Args:
        network: Builds each branch's network.
        objective: FST: what the low-res branch is trained with.
        num_classes: Number of classes; linked from the data.
        keyframe_interval: L; linked from the data.
        resolution_ratio: Scale s of non-keyframes.
        fusion: Builds the fusion.
        high_res_checkpoint: Weights of the high-res branch: the checkpoint of a phase-1 run, or
            a published file. ``fit`` needs it.
        low_res_checkpoint: Weights from which the low-res branch starts, of the same kinds; a
            published AR-Seg file also brings the fusion. None starts from the network's own
            initialisation, as in the paper.
        baseline_checkpoint: Checkpoint of the s x baseline; ``test`` then evaluates it as well.
        epochs_without_fusion: Epochs at the start in which the low-res network is trained
            alone; 50 of 100 for CamVid in the paper.
        share_classifier: Whether the low-res branch takes over the high-res branch's last
            convolution, frozen (FST's implicit constraint), or learns its own.
        convention: ``exact``, or ``paper`` for what the published code does differently: sampling
            of the warp, nearest vectors in training, truncated sizes.
        fusion_rate_factor: How many times faster the fusion learns than the network: 1 in the
            paper. A short run wants more, because Adam moves a weight by no more than the sum of
            its learning rates, and the fusion has a long way to go from its start.
        optimizer: Builds the optimiser.
        schedule: Learning rate over the run.
        warmup_steps: Steps over which the learning rate first rises.

    Source: Hu et al., CVPR 2023, sections 3.3 and 3.4.
    """

    def __init__(
        self,
        network: SegmentorFactory,
        objective: FST,
        num_classes: int,
        keyframe_interval: int = 12,
        resolution_ratio: float = 0.5,
        fusion: FusionFactory = CReFF,
        high_res_checkpoint: Path | None = None,
        low_res_checkpoint: Path | None = None,
        baseline_checkpoint: Path | None = None,
        epochs_without_fusion: int = 0,
        share_classifier: bool = True,
        convention: Convention = "exact",
        fusion_rate_factor: float = 1.0,
        optimizer: OptimizerCallable = adam,
        schedule: Schedule = "cosine",
        warmup_steps: int = 0,
    ) -> None:
        super().__init__(num_classes, keyframe_interval, optimizer, schedule, warmup_steps)
        high_res, low_res = network(num_classes), network(num_classes)
        fuse = fusion(high_res.carried_channels)
        self.arseg = ARSeg(high_res, low_res, fuse, resolution_ratio, convention)
        self.fast_factor = fusion_rate_factor
        self.objective = objective
        self.epochs_without_fusion = epochs_without_fusion
        self.has_high_res = high_res_checkpoint is not None
        if high_res_checkpoint is not None:
            load_branch(high_res, high_res_checkpoint, "high_res")
        has_fusion = not fuse.state_dict()
        if low_res_checkpoint is not None:
            load_branch(low_res, low_res_checkpoint, "low_res")
            has_fusion = load_fusion(fuse, low_res_checkpoint)
        self._note_untrained(low_res_checkpoint, has_fusion)
        if share_classifier:
            self.arseg.share_classifier()
        freeze(self.arseg.high_res)
        # In a tuple, so that the baseline is neither trained nor part of this task's checkpoint.
        self.baseline: tuple[EveryFrame, ...] = ()
        if baseline_checkpoint is not None:
            alone = network(num_classes)
            load_branch(alone, baseline_checkpoint, "alone")
            freeze(alone)
            self.baseline = (EveryFrame(alone, resolution_ratio, convention),)

    def _note_untrained(self, low_res_checkpoint: Path | None, has_fusion: bool) -> None:
        """Note what ``test`` and others have no weights for unless a run's are loaded."""
        if not self.has_high_res:
            self.untrained["the high-res branch"] = "--model.high_res_checkpoint"
        given = f"; {low_res_checkpoint} holds no trained fusion" if low_res_checkpoint else ""
        argument = f"--model.low_res_checkpoint (a published AR file{given})"
        if low_res_checkpoint is None:
            self.untrained["the low-res branch"] = argument
        if not has_fusion:
            self.untrained["the fusion"] = argument

    def systems(self) -> dict[str, VideoSystem]:
        """The 1.0x baseline, the s x baseline if its checkpoint is given, and AR-Seg."""
        ratio = self.arseg.resolution_ratio
        systems: dict[str, VideoSystem] = {"1x": EveryFrame(self.arseg.high_res)}
        if self.baseline:
            systems[f"{ratio:g}x"] = self.baseline[0].to(self.device)
        return systems | {f"AR {ratio:g}x": self.arseg}

    def fast_parameters(self) -> Iterable[nn.Parameter]:
        """The fusion's."""
        return self.arseg.fusion.parameters()

    def on_fit_start(self) -> None:
        """Refuse to learn from an untrained teacher.

        Raises:
            ValueError: If no weights of the high-res branch were given.
        """
        if not self.has_high_res and self.trainer.ckpt_path is None:
            raise ValueError(
                "the low-res branch learns from a trained high-res branch: give "
                "--model.high_res_checkpoint (the best.ckpt of a phase-1 run or a published file)"
            )

    def training_step(self, batch: ClipBatch, batch_idx: int) -> Tensor:
        """Pull the fused feature of the last frame towards its high-res feature."""
        high_res = self.arseg.high_res
        fusing = self.current_epoch >= self.epochs_without_fusion
        key_feature = carried_by(high_res, batch.images[:, 0]) if fusing else None
        loss = self.low_res_loss(batch, feature_of(high_res, batch.images[:, -1]), key_feature)
        self.log_loss("train/loss", loss, prog_bar=True)
        return loss

    def low_res_loss(self, batch: ClipBatch, teacher: Tensor, key_feature: Tensor | None) -> Tensor:
        """Compute the FST objective on the last frame of each clip.

        Args:
            batch: The clips.
            teacher: The high-res feature of their last frames.
            key_feature: What their keyframes carry; None leaves the fusion out.
        """
        image, motion, label = batch.images[:, -1], batch.motion[:, -1], batch.labels[:, -1]
        output = self.arseg.training_forward(image, key_feature, motion)
        classifier = self.arseg.high_res.classifier
        losses: FSTLoss = self.objective(output, teacher, label, classifier)
        self.log_loss("train/loss_seg", losses.segmentation)
        self.log_loss("train/loss_fst", losses.similarity)
        if key_feature is not None:
            return losses.total
        # Several processes expect a gradient for every parameter: give the idle fusion zeros.
        idle = [parameter.sum() for parameter in self.arseg.fusion.parameters()]
        return losses.total + 0.0 * torch.stack(idle).sum() if idle else losses.total
