"""Accel: scores of a warped feature fused with those of a small network on the current frame."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from arseg_lightning.losses import SegmentationLoss
from arseg_lightning.methods.clock import Clock
from arseg_lightning.methods.dff import DFF, FlowFactory
from arseg_lightning.methods.method import VideoMethod
from arseg_lightning.methods.per_frame import PerFrame, shared
from arseg_lightning.methods.plan import FrameInput, State
from arseg_lightning.models.segmentor import Output, SegmentorFactory, SideOutputs, resize_scores
from arseg_lightning.ranges import check_words

__all__ = ["Accel"]

Trains = Literal["all", "fusion"]


class Accel(DFF):
    """DFF's scores (the reference) and those of an update network, fused by a 1x1 convolution.

    The 1x1 convolution starts as the update network's scores alone.

    Args:
        num_classes: Number of classes.
        network: Builds the reference network, run on keyframes only.
        update_network: Builds the network that is run on the other frames, a smaller one.
        flow: See :class:`DFF`.
        motion: See :class:`DFF`.
        frames: See :class:`DFF`.
        trains: ``all``, through the recursion; or ``fusion``, the 1x1 convolution alone, as the
            published configurations do.
        loss: See :class:`DFF`.
        clock: See :class:`DFF`.

    Source: Jain et al., Accel: A Corrective Fusion Network for Efficient Semantic Segmentation on
        Video, CVPR 2019; the start of the 1x1 from Guan et al., DA-VSN, ICCV 2021.
    Differs: scores are fused on the finer of both grids, not at the image's size; with ``all``,
        the reference's scores have a loss of their own, as an auxiliary output.
    """

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        update_network: SegmentorFactory,
        flow: FlowFactory | None = None,
        motion: Literal["previous", "keyframe"] = "previous",
        frames: int = 5,
        trains: Trains = "all",
        loss: SegmentationLoss | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(num_classes, network, flow, motion, frames, loss, clock)
        check_words(trains=(trains, Trains))
        self.update_network = update_network(num_classes)
        classes = self.network.num_classes
        self.fusion = nn.Conv2d(2 * classes, classes, 1)
        for parameter in self.fusion.parameters():
            nn.init.zeros_(parameter)
        nn.init.eye_(self.fusion.weight.view(classes, -1))  # the update network's scores come first
        if trains == "fusion":
            self.freeze("network", "update_network", "flow")

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output, State]:
        """Segment a frame; what is fused is not fed back."""
        reference, state = super().step(role, frame, state)
        if role == "keyframe":
            return reference, state
        update = self.update_network.output(frame.image)
        finer = max(update, reference, key=lambda output: output.scores.shape[-1])
        height, width = finer.scores.shape[-2:]
        both = [
            resize_scores(each.scores, (height, width), each.align_corners)
            for each in (update, reference)
        ]
        scores = self.fusion(torch.cat(both, dim=1))  # (B, 2K, h, w) -> (B, K, h, w)
        side = update.side
        if self.training and "network" not in self.frozen:
            # Keyframes show the reference alone: without a loss of its own it drifts away from that
            side = side + SideOutputs(dense=(reference.scores,))
        return Output(scores, finer.align_corners, side=side), state

    @property
    def is_linear(self) -> bool:
        """Always: what is fused are scores."""
        return True

    def baselines(self) -> dict[str, VideoMethod]:
        """Either network on every frame."""
        return super().baselines() | {"update 1x": PerFrame(0, shared(self.update_network))}
