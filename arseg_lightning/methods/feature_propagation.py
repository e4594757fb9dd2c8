"""Feature propagation by motion alone, without any training of it."""

from __future__ import annotations

from torch import Tensor

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
            assert output.feature is not None
            return output, {"feature": output.feature}
        feature = self.warped(frame, state)
        scores = self.network.classifier(feature)
        return Output(scores, self.network.align_corners, feature), state

    def warped(self, frame: FrameInput, state: State) -> Tensor:
        """Warp the feature of the state to the current frame, (B, C, h, w)."""
        return warp_to(state["feature"], frame.field(), self.convention)
