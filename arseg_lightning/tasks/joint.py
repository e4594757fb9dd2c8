"""Both branches in one run: the high-res branch by its own loss, the low-res one by FST."""

from __future__ import annotations

from functools import partial
from typing import Any

from arseg_lightning.losses import FST, SegmentationLoss
from arseg_lightning.methods import Clock, FusionFactory, JointARSeg, SegmentorFactory
from arseg_lightning.models import BiSeNet18
from arseg_lightning.propagation import CReFF
from arseg_lightning.tasks.video_task import VideoTask

__all__ = ["JointTask"]


class JointTask(VideoTask):
    """Trains AR-Seg in one go, and the s x baseline beside it for comparison.

    Args:
        network: Builds each network.
        loss: Segmentation loss of the high-res branch and of the baseline; cross entropy by
            default.
        objective: FST: what the low-res branch is trained with; with cross entropy by default.
        num_classes: Number of classes; that of the data by default.
        keyframe_interval: L; that of the data by default.
        resolution_ratio: Scale s of non-keyframes and of the baseline.
        fusion: Builds the fusion.
        with_baseline: Also train the s x baseline.
        clock: When a frame becomes a keyframe; every L-th by default.
        options: What else :class:`VideoTask` takes.
    """

    def __init__(
        self,
        network: SegmentorFactory = BiSeNet18,
        loss: SegmentationLoss | None = None,
        objective: FST | None = None,
        num_classes: int | None = None,
        keyframe_interval: int | None = None,
        resolution_ratio: float = 0.5,
        fusion: FusionFactory = CReFF,
        with_baseline: bool = True,
        clock: Clock | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            partial(
                JointARSeg,
                network=network,
                fusion=fusion,
                resolution_ratio=resolution_ratio,
                objective=objective,
                loss=loss,
                with_baseline=with_baseline,
                clock=clock,
            ),
            num_classes,
            keyframe_interval,
            **options,
        )
