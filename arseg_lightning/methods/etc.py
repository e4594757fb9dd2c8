"""ETC: a network on every frame by itself, trained to agree with itself along motion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from arseg_lightning.losses import SegmentationLoss
from arseg_lightning.losses.similarity import class_divergence
from arseg_lightning.losses.temporal import (
    SequenceDistance,
    affinity_across,
    affinity_distance,
    temporal_consistency,
)
from arseg_lightning.methods.dff import FlowFactory
from arseg_lightning.methods.method import Needs
from arseg_lightning.methods.per_frame import PerFrame
from arseg_lightning.models.segmentor import Output, SegmentorFactory
from arseg_lightning.propagation import warp
from arseg_lightning.propagation.flow import clip_motion
from arseg_lightning.ranges import check_range
from arseg_lightning.types import ClipBatch

__all__ = ["ETC"]

_NEIGHBOUR = 0.4
"""Weight of the frames without label in distillation; the labelled one has 1."""


class ETC(PerFrame):
    """Efficient temporal consistency: per-frame inference, with losses over neighbouring frames.

    At test time it is its network on every frame, and costs that. In training, the scores of the
    labelled frame and those of an earlier one, warped by motion, are made alike. A teacher adds
    distillation: of each frame's classes and affinities, of the affinities across frames, and of
    how they change over three frames.

    Args:
        num_classes: Number of classes.
        network: Builds the network.
        flow: Builds a network that estimates the motion, and does not learn; the codec's motion,
            which costs nothing, by default.
        frames: Frames of a training clip, the last of which is labelled: 2, or 3 for the
            distillation over the sequence.
        temporal_weight: Weight of the temporal consistency; published 0.1, with distillation 0.01.
        teacher: Builds a larger network, which does not learn; its weights are
            ``weights.teacher``. None: no distillation.
        class_weight: Weight of the teacher's class distributions.
        affinity_weight: Weight of its affinities: within frames, across two, over the sequence.
        loss: Segmentation loss; cross entropy by default.

    Source: Liu et al., Efficient Semantic Video Segmentation with Per-frame Inference, ECCV 2020;
        details of the published code.
    Differs: the neighbours of the labelled frame are one to three frames before it, never after
        it; pixels without codec motion do not count; affinities across frames are cosines.
    """

    training_only = ("flow", "teacher", "sequence")

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        flow: FlowFactory | None = None,
        frames: int = 2,
        temporal_weight: float = 0.1,
        teacher: SegmentorFactory | None = None,
        class_weight: float = 1.0,
        affinity_weight: float = 1.0,
        loss: SegmentationLoss | None = None,
    ) -> None:
        super().__init__(num_classes, network, loss=loss)
        check_range(2, frames=frames)
        weights = {"class_weight": class_weight, "affinity_weight": affinity_weight}
        check_range(0, temporal_weight=temporal_weight, **weights)
        self.temporal_weight = temporal_weight
        self.class_weight, self.affinity_weight = class_weight, affinity_weight
        self.flow = None if flow is None else flow()
        self.teacher = None if teacher is None else teacher(num_classes)
        self.sequence = SequenceDistance() if teacher is not None and frames > 2 else None
        self.freeze("flow", "teacher")
        self.needs = Needs(
            training_motion="keyframe" if flow is None else None,  # to the first frame of a clip
            frames=frames,
            spacing=(1, 3) if frames == 2 else "consecutive",
            independent=True,
        )

    @property
    def name(self) -> str:
        """The method."""
        return "ETC"

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Segment all frames of each clip by themselves; the last one is labelled."""
        images = list(clip.images.unbind(1))  # each (B, 3, H, W)
        outputs = [self.network.output(image) for image in images]
        losses = {"segmentation": self.loss(outputs[-1], clip.labels[:, -1])}
        if self.temporal_weight:
            losses["temporal"] = self.temporal_weight * self._temporal(clip, images, outputs)
        if self.teacher is not None:
            with torch.no_grad():
                taught = [self.teacher.output(image, False) for image in images]
            losses |= self._distillation(outputs, taught)
        return losses

    def _temporal(
        self, clip: ClipBatch, images: Sequence[Tensor], outputs: Sequence[Output]
    ) -> Tensor:
        """Consistency of the last frame with the first one."""
        size = (images[0].shape[-2], images[0].shape[-1])
        motion, valid = clip_motion(clip, -1, 0, self.flow)
        return temporal_consistency(
            outputs[-1].logits(size),
            warp(outputs[0].logits(size), motion),
            images[-1],
            warp(images[0], motion),
            valid,
        )

    def _distillation(
        self, outputs: Sequence[Output], taught: Sequence[Output]
    ) -> dict[str, Tensor]:
        """Class distributions, and affinities within and across frames."""
        weights = [_NEIGHBOUR] * (len(outputs) - 1) + [1.0]
        students, teachers = (
            [each.feature for each in some if each.feature is not None]
            for some in (outputs, taught)
        )
        classes, affinities = [], []
        for index, weight in enumerate(weights):
            scores = taught[index].scores
            size = (scores.shape[-2], scores.shape[-1])
            classes.append(weight * class_divergence(outputs[index].logits(size), scores))
            affinities.append(weight * affinity_distance(students[index], teachers[index]))
        # Across the first and the last frame, of the scores on the student's grid
        size = (outputs[0].scores.shape[-2], outputs[0].scores.shape[-1])
        student = affinity_across(outputs[0].scores, outputs[-1].scores)
        teacher = affinity_across(taught[0].logits(size), taught[-1].logits(size))
        affinities.append((student - teacher).square().mean())
        if self.sequence is not None:
            affinities.append(self.sequence(students, teachers))
        return {
            "class_distillation": self.class_weight * torch.stack(classes).sum(),
            "affinity_distillation": self.affinity_weight * torch.stack(affinities).sum(),
        }
