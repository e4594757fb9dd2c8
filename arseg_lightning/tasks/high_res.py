"""Phase 1: the high-res keyframe branch, or a constant-resolution baseline."""

from __future__ import annotations

from functools import partial
from typing import Any

from arseg_lightning.losses import SegmentationLoss
from arseg_lightning.methods import FeaturePropagation, MethodFactory, PerFrame, SegmentorFactory
from arseg_lightning.models import BiSeNet18
from arseg_lightning.models.published import refuse_published_low_res
from arseg_lightning.propagation import Convention
from arseg_lightning.tasks.video_task import VideoTask

__all__ = ["HighResTask"]


class HighResTask(VideoTask):
    """Trains a network on single frames at one resolution.

    At ratio 1.0 it is AR-Seg's high-res branch (phase 1) and the 1.0x baseline; below that it is
    the constant-resolution baseline s x that AR-Seg is compared with.

    Args:
        network: Builds the network.
        loss: Segmentation loss; cross entropy by default.
        num_classes: Number of classes; that of the data by default.
        keyframe_interval: L, for accuracy over distance; that of the data by default.
        resolution_ratio: Scale s of the network's input.
        warp_between: Whether the network is evaluated on keyframes alone, with its feature
            propagated by motion to the frames between them, next to every frame by itself.
        convention: ``exact``, or ``paper`` for what the published code does differently: sampling
            of the warp, truncated sizes.
        weights: See :class:`VideoTask`; the network is called ``network``.
        options: What else :class:`VideoTask` takes.

    Raises:
        ValueError: If features are to be propagated at another ratio than 1.
    """

    def __init__(
        self,
        network: SegmentorFactory = BiSeNet18,
        loss: SegmentationLoss | None = None,
        num_classes: int | None = None,
        keyframe_interval: int | None = None,
        resolution_ratio: float = 1.0,
        warp_between: bool = False,
        convention: Convention = "exact",
        weights: dict[str, str] | None = None,
        **options: Any,
    ) -> None:
        if warp_between and resolution_ratio != 1.0:
            raise ValueError(
                f"warp_between propagates the feature of keyframes in full, got "
                f"resolution_ratio={resolution_ratio}; leave one of the two out"
            )
        if resolution_ratio == 1.0 and "network" in (weights or {}):
            refuse_published_low_res(str((weights or {})["network"]).partition("#")[0])
        method: MethodFactory = partial(
            PerFrame,
            network=network,
            resolution_ratio=resolution_ratio,
            convention=convention,
            loss=loss,
        )
        if warp_between:
            method = partial(FeaturePropagation, network=network, convention=convention, loss=loss)
        super().__init__(method, num_classes, keyframe_interval, weights=weights, **options)
