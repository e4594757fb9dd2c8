"""Tasks of AR-Seg's experiments: one network (phase 1), phase 2, or both in one run."""

from __future__ import annotations

from functools import partial
from typing import Any

from arseg_lightning.losses import FST, SegmentationLoss
from arseg_lightning.methods import (
    ARSeg,
    Clock,
    FeaturePropagation,
    FusionFactory,
    JointARSeg,
    MethodFactory,
    PerFrame,
    SegmentorFactory,
)
from arseg_lightning.models import BiSeNet18
from arseg_lightning.models.published import refuse_published_low_res
from arseg_lightning.propagation import Convention, CReFF
from arseg_lightning.tasks.video_task import VideoTask
from arseg_lightning.tasks.weights import holds_fusion

__all__ = ["JointTask", "LowResTask", "PerFrameTask"]


class PerFrameTask(VideoTask):
    """Trains a network on single frames at one resolution.

    At ratio 1.0 it is AR-Seg's high-res branch (phase 1) and the 1.0x baseline; below that it is
    the constant-resolution baseline s x that AR-Seg is compared with.

    Args:
        network: Builds the network.
        loss: Segmentation loss; cross entropy by default.
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
        # A low-res branch at full resolution would be evaluated without a complaint.
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
        super().__init__(method, weights=weights, **options)


class LowResTask(VideoTask):
    """Trains AR-Seg's low-res branch and its fusion (phase 2); the high-res branch is frozen.

    Args:
        network: Builds each branch's network.
        objective: FST: what the low-res branch is trained with; with cross entropy by default.
        resolution_ratio: Scale s of non-keyframes.
        fusion: Builds the fusion.
        weights: See :class:`VideoTask`. ``high_res``: the checkpoint of a phase-1 run, or a
            published file; ``fit`` needs it. ``low_res`` and ``fusion``: where those start, of
            the same kinds; by default from the network's own initialisation, as in the paper. A
            file for ``low_res`` that holds a trained fusion brings that too.
            ``baseline``: the s x baseline; ``test`` then evaluates it as well.
        epochs_without_fusion: Epochs at the start in which the low-res network is trained
            alone; 50 of 100 for CamVid in the paper.
        share_classifier: Whether the low-res branch takes over the high-res branch's last
            convolution, frozen (FST's implicit constraint), or learns its own.
        convention: ``exact``, or ``paper`` for what the published code does differently: sampling
            of the warp, nearest vectors in training, truncated sizes.
        clock: When a frame becomes a keyframe; every L-th by default.
        low_res_every: Distances to the keyframe at which the low-res network runs; all in the
            paper. See :class:`ARSeg`.
        gate: Whether nothing is fetched where no motion leads; see :class:`ARSeg`.
        options: What else :class:`VideoTask` takes. Of ``rates``, ``fusion`` is 1 in the paper; a
            short run wants more, because Adam moves a weight by no more than the sum of its
            learning rates, and the fusion has a long way to go from its start.

    Source: Hu et al., CVPR 2023, sections 3.3 and 3.4.
    """

    def __init__(
        self,
        network: SegmentorFactory = BiSeNet18,
        objective: FST | None = None,
        resolution_ratio: float = 0.5,
        fusion: FusionFactory = CReFF,
        weights: dict[str, str] | None = None,
        epochs_without_fusion: int = 0,
        share_classifier: bool = True,
        convention: Convention = "exact",
        clock: Clock | None = None,
        low_res_every: int = 1,
        gate: bool = False,
        **options: Any,
    ) -> None:
        files = dict(weights or {})
        if "high_res" in files:
            refuse_published_low_res(files["high_res"].partition("#")[0])
        if "low_res" in files and holds_fusion(files["low_res"].partition("#")[0]):
            files.setdefault("fusion", files["low_res"])
        method = partial(
            ARSeg,
            network=network,
            fusion=fusion,
            resolution_ratio=resolution_ratio,
            convention=convention,
            objective=objective,
            share_classifier=share_classifier,
            epochs_without_fusion=epochs_without_fusion,
            clock=clock,
            low_res_every=low_res_every,
            gate=gate,
        )
        low = f"{resolution_ratio:g}x"
        baseline = {low: files.pop("baseline")} if "baseline" in files else {}
        alone = partial(
            PerFrame, network=network, resolution_ratio=resolution_ratio, convention=convention
        )
        compare: dict[str, MethodFactory] = {low: alone} if baseline else {}
        super().__init__(
            method, weights=files, compare=compare, compare_weights=baseline, **options
        )


class JointTask(VideoTask):
    """Trains AR-Seg in one run, and the s x baseline beside it for comparison.

    The high-res branch learns by its own loss, the low-res one by FST.

    Args:
        network: Builds each network.
        loss: Segmentation loss of the high-res branch and of the baseline; cross entropy by
            default.
        objective: FST: what the low-res branch is trained with; with cross entropy by default.
        resolution_ratio: Scale s of non-keyframes and of the baseline.
        fusion: Builds the fusion.
        clock: When a frame becomes a keyframe; every L-th by default.
        low_res_every: See :class:`LowResTask`.
        options: What else :class:`VideoTask` takes.
    """

    def __init__(
        self,
        network: SegmentorFactory = BiSeNet18,
        loss: SegmentationLoss | None = None,
        objective: FST | None = None,
        resolution_ratio: float = 0.5,
        fusion: FusionFactory = CReFF,
        clock: Clock | None = None,
        low_res_every: int = 1,
        **options: Any,
    ) -> None:
        method = partial(
            JointARSeg,
            network=network,
            fusion=fusion,
            resolution_ratio=resolution_ratio,
            objective=objective,
            loss=loss,
            clock=clock,
            low_res_every=low_res_every,
        )
        super().__init__(method, **options)
