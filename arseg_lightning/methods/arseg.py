"""AR-Seg: keyframes at high resolution, the others at low resolution with CReFF, trained by FST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.inference import FoldedCReFF, Optimisations, fold_creff
from arseg_lightning.losses import FST, CrossEntropy, SegmentationLoss
from arseg_lightning.methods.clock import Clock, FrameInfo
from arseg_lightning.methods.feature_propagation import FeaturePropagation
from arseg_lightning.methods.method import Needs, VideoMethod
from arseg_lightning.methods.per_frame import PerFrame, check_resolution_ratio, downscale, shared
from arseg_lightning.methods.plan import FrameInput, Plan, State
from arseg_lightning.models.segmentor import Output, Segmentor, SegmentorFactory, SideOutputs
from arseg_lightning.propagation import Convention, CReFF, Fusion, warp_to
from arseg_lightning.ranges import check_range, check_words
from arseg_lightning.types import ClipBatch

__all__ = ["ARSeg", "FusionFactory", "JointARSeg"]

FusionFactory = Callable[[int], Fusion]
"""Builds a fusion from the number of feature channels."""


class ARSeg(VideoMethod):
    """Altering-resolution segmentation of a compressed video.

    A keyframe goes through the high-res network; its feature is kept. Another frame goes through
    the low-res network at ratio s; the kept feature is warped to it by the codec's motion and
    fused in; the classifier that both networks share scores the result. Every non-keyframe
    depends on its keyframe only. Networks that are cut earlier keep what they compute before the
    cut, and finish the fused feature after it.

    In training (phase 2) the low-res branch is pulled towards the frozen high-res branch by FST.

    Args:
        num_classes: Number of classes.
        network: Builds each branch's network.
        fusion: Builds the fusion of the two features.
        resolution_ratio: Scale s at which non-keyframes are seen.
        convention: ``exact``, or ``paper`` for published weights: sampling of the warp, nearest
            vectors in training, truncated sizes.
        objective: What the low-res branch is trained with; FST on cross entropy by default.
        share_classifier: Whether the low-res branch takes over the high-res branch's last
            convolution, frozen (FST's implicit constraint), or learns its own.
        epochs_without_fusion: Epochs at the start in which the low-res network is trained
            alone; 50 of 100 for CamVid in the paper.
        clock: Decides when a frame becomes a keyframe; every L-th by default.
        low_res_every: Distances to the keyframe at which the low-res network runs: multiples of
            this; all in the paper. At the others, the keyframe's feature is warped and no more.
        gate: Whether nothing is fetched where no motion leads to the keyframe: the warped feature
            is zero there, as outside of the image. In the paper, motion is filled in.

    Source: Hu et al., CVPR 2023, sections 3.1 to 3.4; ``low_res_every`` and ``gate`` are ours.
    """

    needs = Needs(motion="keyframe", frames=2, spacing="keyframe", independent=True)
    roles: tuple[str, ...] = ("keyframe", "nonkeyframe")
    key_roles = frozenset({"keyframe"})

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        fusion: FusionFactory = CReFF,
        resolution_ratio: float = 0.5,
        convention: Convention = "exact",
        objective: FST | None = None,
        share_classifier: bool = True,
        epochs_without_fusion: int = 0,
        clock: Clock | None = None,
        low_res_every: int = 1,
        gate: bool = False,
    ) -> None:
        super().__init__()
        self.use_clock(clock)
        check_range(1, low_res_every=low_res_every)
        self.low_res_every, self.gate = low_res_every, gate
        if low_res_every > 1:
            self.roles = (*ARSeg.roles, "warped")
        self.high_res, self.low_res = network(num_classes), network(num_classes)
        self.fusion = fusion(self.high_res.cut_channels)
        self.resolution_ratio = check_resolution_ratio(resolution_ratio)
        check_words(convention=(convention, Convention))
        self.convention: Convention = convention
        self.objective = objective or FST()
        self.shares_classifier = share_classifier
        check_range(0, epochs_without_fusion=epochs_without_fusion)
        self.epochs_without_fusion = epochs_without_fusion
        self.folded: FoldedCReFF | None = None
        self.after_loading()
        self.freeze("high_res")

    @property
    def name(self) -> str:
        """AR and the ratio: ``AR 0.5x``; ``AR 0.5x / 2`` if it runs at every second distance."""
        every = f" / {self.low_res_every}" if self.low_res_every > 1 else ""
        return f"AR {self.resolution_ratio:g}x{every}"

    def plan(self, info: FrameInfo, state: State, memory: Any) -> Plan:
        """Make frames keyframes as the clock says, and run the low-res network on some others."""
        reason = self.keyframe_reason(info)
        if reason is not None:
            return Plan("keyframe", reason=reason)
        return Plan("warped" if info.distance % self.low_res_every else "nonkeyframe")

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output, State]:
        """Segment a frame; the state is the keyframe's feature, or what is before its cut."""
        if role == "keyframe":
            network = self.high_res
            feature, side = network.run(network.cut, {"image": frame.image}, network.training)
            return self._finish(network, feature, side), {"feature": feature}
        if role == "warped":
            warped = warp_to(state["feature"], frame.field(), self.convention)
            return self._finish(self.high_res, warped, SideOutputs()), state
        small = downscale(frame.image, self.resolution_ratio, self.convention)
        low, side = self.low_res.run(self.low_res.cut, {"image": small}, self.training)
        if self.folded is not None:
            scores = self.folded(low, state["feature"], frame.field())
            return Output(scores, self.low_res.align_corners), state
        valid = [frame.valid] if self.gate else []
        fused = self.fuse(low, state["feature"], frame.field(), *valid)
        return self._finish(self.low_res, fused, side), state

    def fuse(
        self, low: Tensor, key_feature: Tensor, motion: Tensor, valid: Tensor | None = None
    ) -> Tensor:
        """Warp the keyframe's feature to the current frame and fuse it with the low-res one.

        Shapes:
            low: (B, C, h', w')   key_feature, returns: (B, C, h, w)   motion: (B, 2, H, W)
            valid: (B, 1, H, W), of motion that was not filled in
        """
        warped = warp_to(key_feature, motion, self.convention, self.training)
        if valid is not None:
            size = (warped.shape[-2], warped.shape[-1])
            warped = warped * F.interpolate(valid.to(warped.dtype), size=size, mode="area")
        fused: Tensor = self.fusion(low, warped)
        return fused

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Pull the fused feature of the last frame towards its high-res feature."""
        with torch.no_grad():
            teacher = self.high_res.features(clip.images[:, -1])
        return self.low_res_losses(clip, teacher, self.epoch >= self.epochs_without_fusion)

    def low_res_losses(
        self, clip: ClipBatch, teacher: Tensor, fuses: bool = True
    ) -> dict[str, Tensor]:
        """Compute the FST objective on the last frame of each clip, towards its high-res feature.

        Without ``fuses``, the low-res network is trained alone.
        """
        frame = FrameInput.of(clip, -1)
        if fuses:
            with torch.no_grad():
                key_feature, _ = self.high_res.run(self.high_res.cut, {"image": clip.images[:, 0]})
            output, _ = self.step("nonkeyframe", frame, {"feature": key_feature})
        else:
            small = downscale(frame.image, self.resolution_ratio, self.convention)
            output = self.low_res.output(small)
        classifier = self.high_res.classifier
        losses: dict[str, Tensor] = self.objective(output, teacher, clip.labels[:, -1], classifier)
        idle = [] if fuses else [parameter.sum() for parameter in self.fusion.parameters()]
        if idle:
            # Several processes expect a gradient for every parameter: the idle fusion gets zeros.
            losses["segmentation"] = losses["segmentation"] + 0.0 * torch.stack(idle).sum()
        return losses

    def baselines(self) -> dict[str, VideoMethod]:
        """The high-res branch on every frame, and on keyframes with motion alone between them."""
        network = shared(self.high_res)
        moved = FeaturePropagation(0, network, self.convention, clock=self.clock)
        return moved.baselines() | {moved.name: moved}

    def rewrite(self, optimisations: Optimisations) -> None:
        """Also make fusion and classifier one, if no subclass has a fusion of its own."""
        super().rewrite(optimisations)
        own = type(self).fuse is ARSeg.fuse and type(self).step is ARSeg.step
        if own and not self.gate:
            self.folded = fold_creff(self.fusion, self.low_res, self.convention, optimisations)

    @torch.no_grad()
    def after_loading(self) -> None:
        """Give the low-res network the high-res network's last convolution, frozen."""
        if self.shares_classifier:
            self.low_res.classifier.load_state_dict(self.high_res.classifier.state_dict())
            self.low_res.classifier.requires_grad_(False)

    def _finish(self, network: Segmentor, cut: Tensor, side: SideOutputs) -> Output:
        """Run what is after the cut, and score the feature."""
        feature, after = network.run("feature", {network.cut: cut}, network.training)
        return Output(network.classifier(feature), network.align_corners, feature, side + after)


class JointARSeg(ARSeg):
    """AR-Seg trained in one go, and the s x baseline beside it for comparison.

    The three networks share data and schedule but no gradients: the low-res branch sees the
    high-res branch's features as they stand, detached, and takes over its classifier after every
    step. So each is trained as it would be alone.

    Args:
        num_classes: Number of classes.
        network: Builds each network.
        fusion: See :class:`ARSeg`.
        resolution_ratio: Scale s of non-keyframes and of the baseline.
        objective: What the low-res branch is trained with; FST on cross entropy by default.
        loss: Segmentation loss of the high-res branch and of the baseline; cross entropy by
            default.
        clock: See :class:`ARSeg`.
        low_res_every: See :class:`ARSeg`.
    """

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        fusion: FusionFactory = CReFF,
        resolution_ratio: float = 0.5,
        objective: FST | None = None,
        loss: SegmentationLoss | None = None,
        clock: Clock | None = None,
        low_res_every: int = 1,
    ) -> None:
        super().__init__(
            *(num_classes, network, fusion, resolution_ratio),
            objective=objective,
            clock=clock,
            low_res_every=low_res_every,
        )
        self.loss = loss or CrossEntropy()
        self.frozen = ()
        self.high_res.requires_grad_(True).train()
        self.low_res_alone = PerFrame(num_classes, network, resolution_ratio, loss=self.loss)

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Add up the losses of the networks; none reaches another's parameters."""
        image, label = clip.images[:, -1], clip.labels[:, -1]
        output = self.high_res.output(image)
        assert output.feature is not None
        # Teacher and keyframe come in training mode: before BatchNorm has its statistics,
        # features in evaluation mode are far off, and Adam remembers their gradients for long.
        losses = {"high_res": self.loss(output, label)}
        losses |= self.low_res_losses(clip, output.feature.detach())
        return losses | {"low_res_alone": self.low_res_alone.losses(clip)["segmentation"]}

    def after_step(self) -> None:
        """Follow the classifier that the high-res branch has just learned."""
        self.after_loading()

    def baselines(self) -> dict[str, VideoMethod]:
        """Those of AR-Seg, and the s x baseline."""
        return super().baselines() | {self.low_res_alone.name: self.low_res_alone}
