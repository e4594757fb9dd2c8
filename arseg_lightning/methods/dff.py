"""Deep Feature Flow: the keyframe's feature is warped from frame to frame, trained end to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from arseg_lightning.losses import SegmentationLoss
from arseg_lightning.methods.clock import Clock
from arseg_lightning.methods.feature_propagation import FeaturePropagation
from arseg_lightning.methods.method import Needs
from arseg_lightning.methods.plan import FrameInput, State
from arseg_lightning.models.segmentor import Output, SegmentorFactory
from arseg_lightning.propagation import warp_to
from arseg_lightning.propagation.flow import FlowNetwork
from arseg_lightning.ranges import check_range, check_words
from arseg_lightning.types import ClipBatch

__all__ = ["DFF", "FlowFactory"]

FlowFactory = Callable[[], FlowNetwork]
"""Builds a flow network."""


class DFF(FeaturePropagation):
    """Segments keyframes; on others the feature of the frame before is warped and classified.

    Args:
        num_classes: Number of classes.
        network: Builds the segmentation network, run on keyframes only.
        flow: Builds a network that estimates motion to the frame before, and learns with the rest;
            the codec's motion, which costs nothing, by default.
        motion: Where the codec's motion leads: to the frame before (``previous``), whose feature
            is warped again and again; or to the keyframe (``keyframe``), whose feature is warped
            once.
        frames: Frames of a training clip, the first of which is the keyframe; the last is labelled.
        loss: Segmentation loss of the last frame; cross entropy by default.
        clock: Decides when a frame becomes a keyframe; every L-th by default, published with L = 5.

    Source: Zhu et al., Deep Feature Flow for Video Recognition, CVPR 2017; for segmentation as in
        Jain et al., Accel, CVPR 2019.
    """

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        flow: FlowFactory | None = None,
        motion: Literal["previous", "keyframe"] = "previous",
        frames: int = 5,
        loss: SegmentationLoss | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(num_classes, network, loss=loss, clock=clock)
        check_words(motion=(motion, Literal["previous", "keyframe"]))
        check_range(2, frames=frames)
        self.flow = None if flow is None else flow()
        self.motion = "previous" if flow is not None else motion
        self.needs = Needs(motion=motion if flow is None else None, frames=frames)

    @property
    def name(self) -> str:
        """The method, and where its motion comes from."""
        source = "codec" if self.flow is None else type(self.flow).__name__
        return f"{type(self).__name__} ({source}{', one warp' * (self.motion == 'keyframe')})"

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output, State]:
        """Segment a frame; the state is the feature, and the image that a flow network compares."""
        output, after = super().step(role, frame, state)
        if role != "keyframe" and self.motion == "keyframe":
            return output, after
        images = {} if self.flow is None else {"previous_image": frame.image}
        return output, {self.carried: self.left(output), **images}

    def warped(self, frame: FrameInput, state: State) -> Tensor:
        """Warp what the state carries to the current frame, (B, C, h, w)."""
        if self.flow is None:
            return super().warped(frame, state)
        motion = self.flow(frame.image, state["previous_image"])  # (B, 2, h', w')
        return warp_to(state[self.carried], motion)

    @property
    def is_linear(self) -> bool:
        """Always: frame after frame, pixels are averaged."""
        return True

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Run each clip as a stream, and segment its last frame."""
        outputs = self.unroll(clip)
        segmentation = self.loss(outputs[-1], clip.labels[:, -1])
        return {"segmentation": segmentation + outputs[0].side.zero()}
