"""Adaptation of a network to unlabelled video: adversarial training (VAT), then self-training."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.losses import SegmentationLoss
from arseg_lightning.losses.adversarial import VideoDiscriminators
from arseg_lightning.methods.dff import FlowFactory
from arseg_lightning.methods.method import Needs
from arseg_lightning.methods.per_frame import PerFrame
from arseg_lightning.models.segmentor import SegmentorFactory
from arseg_lightning.propagation import warp
from arseg_lightning.propagation.flow import clip_motion
from arseg_lightning.ranges import check_range
from arseg_lightning.types import ClipBatch

__all__ = ["VideoAdversarial", "VideoSelfTraining"]

_IGNORED = 255


class _Adaptation(PerFrame):
    """Per-frame inference, trained on clips with labels and on others of another data set."""

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        flow: FlowFactory | None,
        loss: SegmentationLoss | None,
    ) -> None:
        super().__init__(num_classes, network, loss=loss)
        self.num_classes = num_classes
        self.flow = None if flow is None else flow()
        self.freeze("flow")
        motion: Literal["previous"] | None = "previous" if flow is None else None
        self.needs = Needs(training_motion=motion, frames=2, target=True, independent=True)

    @property
    def name(self) -> str:
        """The method."""
        return type(self).__name__

    def _from_earlier(self, clip: ClipBatch, shares: Tensor) -> tuple[Tensor, Tensor]:
        """Distributions (B, K, H, W) of the earlier frame, seen from the later one.

        And where motion is known, bool (B, 1, H, W).
        """
        motion, known = clip_motion(clip, 1, 0, self.flow)
        warped = warp(shares, motion)
        return warped, torch.ones_like(warped[:, :1], dtype=torch.bool) if known is None else known


class VideoAdversarial(_Adaptation):
    """Video adversarial training: a network learns where labels are, and to score elsewhere alike.

    Two discriminators look at scores, of a frame and the one before it, and of a frame alone, and
    learn to tell the labelled data set (the source) from the unlabelled one (``data.target``). The
    network learns to fool them. On the target, it also learns from its own past: where the earlier
    frame's classes, led along motion, are surer than the later one's.

    Args:
        num_classes: Number of classes.
        network: Builds the network.
        flow: Builds a network that estimates the motion, and does not learn; the codec's motion,
            which costs nothing, by default.
        adversarial_weight: Weight of fooling the discriminators.
        consistency_weight: Weight of the network's own past.
        channels: Channels of the discriminators' first convolution.
        loss: Segmentation loss on the source; cross entropy by default.

    Source: Shin et al., Unsupervised Domain Adaptation for Video Semantic Segmentation, 2021 (VAT);
        the terms are those of Guan et al., DA-VSN, ICCV 2021, and its published code.
    Differs: Shin et al. have published no code. One optimiser trains network and discriminators,
        in the same step, from the same weights, as DA-VSN's two do; ``rates`` of the task gives
        the discriminators another rate. DA-VSN fuses scores of two frames; here each frame's count.
    """

    training_only = ("flow", "discriminators")

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        flow: FlowFactory | None = None,
        adversarial_weight: float = 0.001,
        consistency_weight: float = 1.0,
        channels: int = 64,
        loss: SegmentationLoss | None = None,
    ) -> None:
        super().__init__(num_classes, network, flow, loss)
        check_range(0, adversarial_weight=adversarial_weight, consistency_weight=consistency_weight)
        check_range(1, channels=channels)
        self.adversarial_weight = adversarial_weight
        self.consistency_weight = consistency_weight
        self.discriminators = VideoDiscriminators(num_classes, channels)

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Segment both frames of the clips, and of those of the target if there are some."""
        output = self.network.output(clip.images[:, 1])
        losses = {"segmentation": self.loss(output, clip.labels[:, 1])}
        target = clip.target
        if target is None:  # in validation
            return losses
        size, other = clip.images.shape[-2:], target.images.shape[-2:]
        with torch.no_grad():  # the earlier frames' scores are given
            past = self.network.output(clip.images[:, 0], False).logits((size[0], size[1]))
            before = self.network.output(target.images[:, 0], False).logits((other[0], other[1]))
        source = past, output.logits((size[0], size[1]))
        later = self.network.output(target.images[:, 1], False).logits((other[0], other[1]))
        surer = self._consistency(target, before.float(), later.float())
        fooling = self.discriminators.fooling(before, later)
        apart = self.discriminators.telling_apart(source, (before, later))
        return losses | {
            "consistency": self.consistency_weight * surer,
            "fooling": self.adversarial_weight * fooling,
            "discriminators": apart + self.discriminators.likeness(),
        }

    def _consistency(self, clip: ClipBatch, before: Tensor, later: Tensor) -> Tensor:
        """Distance to the past's distributions where they are surer, mean over all pixels."""
        past, known = self._from_earlier(clip, before.softmax(dim=1))
        now = later.softmax(dim=1)
        return consistency(now, past, known)


def consistency(now: Tensor, past: Tensor, known: Tensor) -> Tensor:
    """Mean difference of distributions (B, K, H, W) to the past's, where those are surer.

    Source: as :class:`VideoAdversarial` (intra-domain temporal consistency).
    """
    surer = (_entropy(past) < _entropy(now)) & known
    return ((now - past.detach()).abs() * surer).mean()


def _entropy(shares: Tensor) -> Tensor:
    """(B, K, H, W) -> (B, 1, H, W)."""
    return -torch.xlogy(shares, shares).sum(dim=1, keepdim=True).detach()


class VideoSelfTraining(_Adaptation):
    """Video self-training: a network learns what its teacher says of unlabelled video twice alike.

    The teacher, which does not learn, labels a target frame where it says the same of it and, along
    motion, of the frame before it (temporal consensus), and is sure enough: of each class, the
    surest ``kept_share`` of pixels counts, so that rare classes count too. The network sees the
    frame with other colours, without colour or out of focus.

    Args:
        num_classes: Number of classes.
        network: Builds the network.
        teacher: Builds the teacher; its weights are ``weights.teacher``: of
            :class:`VideoAdversarial`.
        flow: Builds a network that estimates the motion, and does not learn; the codec's motion,
            which costs nothing, by default.
        kept_share: Share of a class's pixels that count, the surest ones.
        target_weight: Weight of the loss on the target.
        loss: Segmentation loss; cross entropy by default.

    Source: Shin et al., Unsupervised Domain Adaptation for Video Semantic Segmentation, 2021 (VST);
        the class-balanced thresholds are those of Zou et al., ECCV 2018.
    Differs: no code was published; the labelled data are trained on, too; thresholds are those of
        the last batches (a running mean); the share and the augmentation are ours.
    """

    training_only = ("flow", "teacher")
    thresholds: Tensor

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        teacher: SegmentorFactory,
        flow: FlowFactory | None = None,
        kept_share: float = 0.5,
        target_weight: float = 1.0,
        loss: SegmentationLoss | None = None,
    ) -> None:
        super().__init__(num_classes, network, flow, loss)
        check_range(0, 1, kept_share=kept_share)
        check_range(0, target_weight=target_weight)
        self.kept_share, self.target_weight = kept_share, target_weight
        self.teacher = teacher(num_classes)
        self.freeze("teacher")
        self.register_buffer("thresholds", torch.zeros(num_classes))

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Segment the last frame of the clips, and of those of the target if there are some."""
        output = self.network.output(clip.images[:, 1])
        losses = {"segmentation": self.loss(output, clip.labels[:, 1])}
        if clip.target is None:  # in validation
            return losses
        labels = self.pseudo_labels(clip.target)
        seen = self.network.output(disturbed(clip.target.images[:, 1]))
        return losses | {"target": self.target_weight * self.loss(seen, labels)}

    @torch.no_grad()
    def pseudo_labels(self, clip: ClipBatch) -> Tensor:
        """The teacher's classes of the last frame, (B, H, W); 255 where it is not sure of them."""
        size = clip.images.shape[-2], clip.images.shape[-1]
        before, now = (
            self.teacher.output(clip.images[:, frame], False).logits(size).float().softmax(dim=1)
            for frame in (0, 1)
        )
        past, known = self._from_earlier(clip, before)
        sureness, labels = now.max(dim=1)  # (B, H, W)
        agreed = (past.argmax(dim=1) == labels) & known[:, 0]
        if self.training:
            self._follow(labels[agreed], sureness[agreed])
        return labels.where(agreed & (sureness >= self.thresholds[labels]), _IGNORED)

    def _follow(self, labels: Tensor, sureness: Tensor) -> None:
        """Move the thresholds of the classes that are there."""
        for index in torch.unique(labels).tolist():
            own = sureness[labels == index]
            rank = min(int((1 - self.kept_share) * len(own)), len(own) - 1)
            bound = own.sort().values[rank]
            old = self.thresholds[index]
            self.thresholds[index] = bound if old == 0 else 0.9 * old + 0.1 * bound


def disturbed(images: Tensor) -> Tensor:
    """Change contrast and brightness of normalised images, take colour away, blur: each by chance.

    Shapes:
        images: (B, 3, H, W)   returns: the same
    """
    shape = images.shape[0], 1, 1, 1

    def draw(low: float, high: float) -> Tensor:
        return torch.empty(shape, device=images.device).uniform_(low, high).to(images.dtype)

    images = images * draw(0.6, 1.4) + draw(-0.4, 0.4)
    grey = images.mean(dim=1, keepdim=True).expand_as(images)
    images = torch.lerp(images, grey, draw(0.0, 1.0) * (draw(0.0, 1.0) < 0.5))
    smooth = F.avg_pool2d(images, 5, stride=1, padding=2, count_include_pad=False)
    return torch.lerp(images, smooth, draw(0.0, 1.0) * (draw(0.0, 1.0) < 0.5))
