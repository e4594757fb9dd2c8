"""Phase 2: the low-res branch with CReFF, trained by FST against the frozen high-res branch."""

from __future__ import annotations

from functools import partial
from typing import Any

from arseg_lightning.losses import FST
from arseg_lightning.methods import ARSeg, Clock, FusionFactory, PerFrame, SegmentorFactory
from arseg_lightning.models import BiSeNet18
from arseg_lightning.models.published import refuse_published_low_res
from arseg_lightning.propagation import Convention, CReFF
from arseg_lightning.tasks.video_task import VideoTask
from arseg_lightning.tasks.weights import holds_fusion

__all__ = ["LowResTask"]


class LowResTask(VideoTask):
    """Trains AR-Seg's low-res branch and its fusion; the high-res branch is frozen.

    Args:
        network: Builds each branch's network.
        objective: FST: what the low-res branch is trained with; with cross entropy by default.
        num_classes: Number of classes; that of the data by default.
        keyframe_interval: L; that of the data by default.
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
        options: What else :class:`VideoTask` takes. Of ``rates``, ``fusion`` is 1 in the paper; a
            short run wants more, because Adam moves a weight by no more than the sum of its
            learning rates, and the fusion has a long way to go from its start.

    Source: Hu et al., CVPR 2023, sections 3.3 and 3.4.
    """

    def __init__(
        self,
        network: SegmentorFactory = BiSeNet18,
        objective: FST | None = None,
        num_classes: int | None = None,
        keyframe_interval: int | None = None,
        resolution_ratio: float = 0.5,
        fusion: FusionFactory = CReFF,
        weights: dict[str, str] | None = None,
        epochs_without_fusion: int = 0,
        share_classifier: bool = True,
        convention: Convention = "exact",
        clock: Clock | None = None,
        **options: Any,
    ) -> None:
        files = dict(weights or {})
        if "high_res" in files:
            refuse_published_low_res(files["high_res"].partition("#")[0])
        if "low_res" in files and holds_fusion(files["low_res"].partition("#")[0]):
            files.setdefault("fusion", files["low_res"])
        low = f"{resolution_ratio:g}x"
        baseline = {low: files.pop("baseline")} if "baseline" in files else {}
        alone = partial(
            PerFrame, network=network, resolution_ratio=resolution_ratio, convention=convention
        )
        super().__init__(
            partial(
                ARSeg,
                network=network,
                fusion=fusion,
                resolution_ratio=resolution_ratio,
                convention=convention,
                objective=objective,
                share_classifier=share_classifier,
                epochs_without_fusion=epochs_without_fusion,
                clock=clock,
            ),
            num_classes,
            keyframe_interval,
            weights=files,
            compare={low: alone} if baseline else {},
            compare_weights=baseline,
            **options,
        )
