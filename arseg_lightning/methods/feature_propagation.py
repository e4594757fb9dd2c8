"""Feature propagation by motion alone, without any training of it."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from arseg_lightning.inference import Optimisations
from arseg_lightning.losses import SegmentationLoss
from arseg_lightning.methods.clock import Clock
from arseg_lightning.methods.method import Needs
from arseg_lightning.methods.per_frame import PerFrame
from arseg_lightning.methods.plan import FrameInput, State
from arseg_lightning.models.segmentor import Output, SegmentorFactory
from arseg_lightning.propagation import Convention, warp_to

__all__ = ["FeaturePropagation"]


class FeaturePropagation(PerFrame):
    """Segments keyframes; on other frames the keyframe's feature is warped and classified.

    The network is trained on single frames; the propagation has nothing to learn.

    Args:
        num_classes: Number of classes.
        network: Builds the segmentation network, run on keyframes only.
        convention: ``exact``, or ``paper`` for its sampling of the warp.
        loss: Segmentation loss; cross entropy by default.
        clock: Decides when a frame becomes a keyframe; every L-th by default.

    Source: Hu et al., CVPR 2023, ablation "+ W_MV only"; Zhu et al., Deep Feature Flow, CVPR 2017,
        with the codec's motion for the flow.
    """

    needs = Needs(motion="keyframe", independent=True)
    roles: tuple[str, ...] = ("keyframe", "nonkeyframe")
    key_roles = frozenset({"keyframe"})

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        convention: Convention = "exact",
        loss: SegmentationLoss | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(num_classes, network, convention=convention, loss=loss)
        self.use_clock(clock)
        self.carried: Literal["feature", "carried_scores"] = "feature"

    @property
    def name(self) -> str:
        """What is between keyframes."""
        return "motion only"

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output, State]:
        """Segment a frame; the state is the keyframe's feature."""
        if role == "keyframe":
            output = self.network.output(frame.image)
            return output, {self.carried: self.left(output)}
        return self.classified(self.warped(frame, state)), state

    def warped(self, frame: FrameInput, state: State) -> Tensor:
        """Warp what the state carries to the current frame, (B, C, h, w)."""
        return warp_to(state[self.carried], frame.field(), self.convention)

    def left(self, output: Output) -> Tensor:
        """What a frame leaves to the next ones: its feature, (B, C, h, w), or its scores."""
        left = output.scores if self.carried == "carried_scores" else output.feature
        assert left is not None
        return left

    def classified(self, carried: Tensor) -> Output:
        """Score a feature that was carried to a frame, unless it has been classified before."""
        if self.carried == "carried_scores":
            return Output(carried, self.network.align_corners)
        return Output(self.network.classifier(carried), self.network.align_corners, carried)

    @property
    def is_linear(self) -> bool:
        """Whether only means of pixels lie between a feature and later scores; not inherited."""
        return self.convention == "exact"  # ``paper`` fetches zeros from outside

    def rewrite(self, optimisations: Optimisations) -> None:
        """Also classify before warping, both being linear, where classes are fewer than channels.

        A subclass may do otherwise: it has to say of itself that it :attr:`is_linear`.
        """
        super().rewrite(optimisations)
        says_so = "is_linear" in vars(type(self)) and self.is_linear
        fewer = says_so and self.network.num_classes < self.network.feature_channels
        if optimisations.algebra and fewer:
            self.carried = "carried_scores"
