"""WeClick: a network on every frame by itself, trained with clicks and a teacher's memory."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.losses import SegmentationLoss
from arseg_lightning.losses.similarity import class_divergence
from arseg_lightning.methods.dff import FlowFactory
from arseg_lightning.methods.method import Needs
from arseg_lightning.methods.per_frame import PerFrame
from arseg_lightning.models.segmentor import SegmentorFactory
from arseg_lightning.propagation import warp_to
from arseg_lightning.propagation.flow import clip_motion
from arseg_lightning.ranges import check_range
from arseg_lightning.types import ClipBatch

__all__ = ["WeClick"]


class WeClick(PerFrame):
    """Per-frame inference, learned from a click per object and a teacher's view of earlier frames.

    At test time it is its network on every frame, and costs that. In training, cross entropy counts
    at the clicks alone (labels in which everything else is left out; the command ``clicks`` makes
    them). The teacher, which was trained with the clicks, does not learn: the network learns its
    class distributions of the labelled frame, and those of the frames before it, which flow to the
    labelled one along motion.

    Args:
        num_classes: Number of classes.
        network: Builds the network.
        teacher: Builds the teacher; its weights are ``weights.teacher``.
        flow: Builds a network that estimates the motion, and does not learn; the codec's motion,
            which costs nothing, by default.
        frames: Frames of a training clip, the last of which has the clicks.
        memory_weight: Weight of the earlier frames' distributions (memory flow distillation).
        class_weight: Weight of the labelled frame's (knowledge distillation).
        loss: Segmentation loss at the clicks; cross entropy by default.

    Source: Liu et al., WeClick: Weakly-Supervised Video Semantic Segmentation with Click
        Annotations, ACM MM 2021.
    Differs: no code was published; weights, number of frames, temperature (none) and the mean over
        the earlier frames are ours.
    """

    training_only = ("flow", "teacher")

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        teacher: SegmentorFactory,
        flow: FlowFactory | None = None,
        frames: int = 3,
        memory_weight: float = 1.0,
        class_weight: float = 1.0,
        loss: SegmentationLoss | None = None,
    ) -> None:
        super().__init__(num_classes, network, loss=loss)
        check_range(2, frames=frames)
        check_range(0, memory_weight=memory_weight, class_weight=class_weight)
        self.memory_weight, self.class_weight = memory_weight, class_weight
        self.teacher = teacher(num_classes)
        self.flow = None if flow is None else flow()
        self.freeze("flow", "teacher")
        self.needs = Needs(
            training_motion="previous" if flow is None else None, frames=frames, independent=True
        )

    @property
    def name(self) -> str:
        """The method."""
        return "WeClick"

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Segment the last frame of each clip, which has the clicks."""
        output = self.network.output(clip.images[:, -1])
        with torch.no_grad():
            taught = self.teacher.output(clip.images[:, -1], False).scores
            memory, valid = self._memory(clip)
        student = output.logits((taught.shape[-2], taught.shape[-1]))  # on the teacher's grid
        flowed = class_divergence(student, memory.clamp(min=1e-6).log(), valid)
        return {
            "segmentation": self.loss(output, clip.labels[:, -1]),
            "memory_distillation": self.memory_weight * flowed,
            "class_distillation": self.class_weight * class_divergence(student, taught),
        }

    def _memory(self, clip: ClipBatch) -> tuple[Tensor, Tensor]:
        """The teacher's mean distribution of earlier frames, seen from the last one.

        Returns:
            (B, K, h, w), and (B, 1, h, w): the share of it that motion has led to the last frame.
        """
        sums: Tensor | None = None  # (B, K + 1, h, w): distributions, and how many there are
        for frame in range(clip.images.shape[1]):
            if sums is not None:
                motion, known = clip_motion(clip, frame, frame - 1, self.flow)
                sums = warp_to(sums, motion)
                if known is not None:
                    sums = sums * F.interpolate(known.to(sums.dtype), sums.shape[-2:], mode="area")
            if frame < clip.images.shape[1] - 1:
                scores = self.teacher.output(clip.images[:, frame], False).scores.float()
                own = torch.cat([scores.softmax(dim=1), torch.ones_like(scores[:, :1])], dim=1)
                sums = own if sums is None else sums + own
        assert sums is not None  # there are at least two frames
        total = sums[:, -1:]
        return sums[:, :-1] / total.clamp(min=1e-6), total / (clip.images.shape[1] - 1)
