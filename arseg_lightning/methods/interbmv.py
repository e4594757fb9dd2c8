"""Inter-BMV: features of the keyframes before and after a frame are warped to it and fused."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from arseg_lightning.geometry import resize
from arseg_lightning.losses import SegmentationLoss
from arseg_lightning.methods.clock import Clock, FrameInfo
from arseg_lightning.methods.feature_propagation import FeaturePropagation
from arseg_lightning.methods.method import Needs
from arseg_lightning.methods.plan import FrameInput, Plan, State
from arseg_lightning.models.segmentor import Output, SegmentorFactory
from arseg_lightning.propagation import ConvFusion, invert_motion, motion_to_grid, warp, warp_to
from arseg_lightning.ranges import check_words
from arseg_lightning.types import ClipBatch

__all__ = ["InterBMV"]

TwoSided = Literal["mean", "distance", "max", "conv1x1", "conv3x3"]

_KERNELS = {"conv1x1": 1, "conv3x3": 3}


class InterBMV(FeaturePropagation):
    """Segments keyframes; between two, the features of both are warped, fused and classified.

    The later one is warped by inverted vectors. A frame waits for the keyframe after it.

    Args:
        num_classes: Number of classes.
        network: Builds the segmentation network, run on keyframes only.
        fusion: How the two features are fused: their ``mean``, the mean weighted by ``distance``
            (the nearer keyframe counts more), their ``max``, or a convolution over both, which
            learns from clips of a keyframe, a labelled frame and the next keyframe. With the
            others nothing is to be learned but the network, on single images.
        masked: Whether only the other side counts where one side's motion is not known.
        loss: Segmentation loss; cross entropy by default.
        clock: Decides when a frame becomes a keyframe; every L-th by default.

    Source: Jain and Gonzalez, Fast Semantic Segmentation on Video Using Block Motion-Based Feature
        Interpolation, ECCV workshops 2018.
    Differs: of the paper's fusions, no more than their kinds is known. The mask is ours.
    """

    needs = Needs(motion="keyframe", lookahead=True)
    roles: tuple[str, ...] = ("start", "keyframe", "between")
    key_roles = frozenset({"start", "keyframe"})

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        fusion: TwoSided = "mean",
        masked: bool = True,
        loss: SegmentationLoss | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(num_classes, network, loss=loss, clock=clock)
        check_words(fusion=(fusion, TwoSided))
        self.kind, self.masked = fusion, masked
        self.fusion: ConvFusion | None = None
        if fusion in _KERNELS:
            self.fusion = ConvFusion(self.network.feature_channels, _KERNELS[fusion])
            self.needs = Needs(
                motion="keyframe", frames=3, frames_after=1, spacing="keyframe", lookahead=True
            )

    @property
    def name(self) -> str:
        """The method and its fusion."""
        return f"Inter-BMV ({self.kind}{'' if self.masked else ', no mask'})"

    def plan(self, info: FrameInfo, state: State, memory: Any) -> Plan:
        """Choose the role as the clock says; a start has no keyframe before it."""
        reason = self.keyframe_reason(info)
        if info.start is not None:
            return Plan("start", reason=reason)
        role = "between" if reason is None else "keyframe"
        inputs = {}
        if self.kind == "distance":
            inputs["distance"] = torch.tensor([float(info.distance)])
        return Plan(role, inputs, reason=reason)

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output, State]:
        """Segment a frame; the state are the features of the last two keyframes.

        With the fusion by ``distance``, it is also their distance, (B,), in frames.
        """
        if role == "between":
            return self.classified(self.fuse(*self.both(frame, state), state, **inputs)), state
        output = self.network.output(frame.image)
        after: dict[str, Tensor] = {"after": self.left(output)}
        if role == "keyframe":
            after["before"] = state["after"]
            if self.kind == "distance":
                after["interval"] = inputs["distance"].to(frame.image).expand(len(frame.image))
        return output, after

    def both(self, frame: FrameInput, state: State) -> tuple[Tensor, Tensor]:
        """Warp the features of both keyframes to the frame between them, (B, C, h, w) each."""
        before, after = state["before"], state["after"]
        size = (before.shape[-2], before.shape[-1])
        if frame.valid is None or frame.later_motion is None or frame.later_valid is None:
            raise ValueError(f"{self.name} needs motion from both sides; run it by a Stream")
        before = warp_to(before, frame.field())
        onward, found = invert_motion(motion_to_grid(frame.later_motion, size))
        after = warp(after, onward)
        if not self.masked:
            return before, after
        # Shares of each pixel that are known, (B, 1, h, w).
        known = resize(frame.valid.float(), size).to(before.dtype)
        next_known = warp(resize(frame.later_valid.float(), size), onward)
        next_known = (found * next_known).to(before.dtype)
        # What only the other side knows is taken from there: fusions then see it twice.
        missing = (after - before) * (1 - known) * next_known
        next_missing = (before - after) * (1 - next_known) * known
        return before + missing, after + next_missing

    def fuse(self, before: Tensor, after: Tensor, state: State, **inputs: Tensor) -> Tensor:
        """Fuse two features, (B, C, h, w) each."""
        if self.fusion is not None:
            fused: Tensor = self.fusion(before, after)
            return fused
        if self.kind == "max":
            return torch.maximum(before, after)
        if self.kind == "mean":
            return (before + after) / 2
        weight = inputs["distance"].to(state["interval"]) / state["interval"]  # (B,)
        weight = weight[:, None, None, None].to(before.dtype)
        return before + weight * (after - before)

    @property
    def is_linear(self) -> bool:
        """Whether the fusion is a mean, as the mask is."""
        return self.kind in ("mean", "distance")

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Segment single images, or the frame between the keyframes of each clip."""
        if self.fusion is None:
            return super().losses(clip)
        start, state = self.step("start", FrameInput.of(clip, 0), {})
        end, state = self.step("keyframe", FrameInput.of(clip, 2), state)
        output, _ = self.step("between", FrameInput.of(clip, 1, later=2), state)
        loss = self.loss(output, clip.labels[:, 1])
        return {"segmentation": loss + (start.side + end.side).zero()}
