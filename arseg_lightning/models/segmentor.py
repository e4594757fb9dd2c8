"""What every segmentation network offers: a feature, and the last 1x1 convolution behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from arseg_lightning.models.label_map import resize_scores

__all__ = ["Segmentor", "SegmentorOutput", "SideOutputs"]


@dataclass(frozen=True, slots=True)
class SideOutputs:
    """What a network predicts beside its main output, for training only.

    Args:
        dense: Auxiliary logits, each (B, K, h, w) at its own resolution.
        presence: Logits of "this class occurs in the image", (B, K), or None.
    """

    dense: tuple[Tensor, ...] = ()
    presence: Tensor | None = None

    def __add__(self, other: SideOutputs) -> SideOutputs:
        """Put together what two parts of a network predict."""
        presence = self.presence if self.presence is not None else other.presence
        return SideOutputs(self.dense + other.dense, presence)


@dataclass(frozen=True, slots=True)
class SegmentorOutput:
    """All that a training step needs of one forward pass.

    Args:
        feature: The input of the last 1x1 convolution, (B, C, h, w).
        logits: Class scores at the size asked for, (B, K, H, W).
        side: Training-only predictions.
    """

    feature: Tensor
    logits: Tensor
    side: SideOutputs


class Segmentor(nn.Module, ABC):
    """A segmentation network that is cut before its last 1x1 convolution.

    The feature before the cut is what AR-Seg carries from frame to frame; the convolution behind
    it (``classifier``) is what both of its branches share. A subclass sets ``classifier`` and
    the class attributes, and implements :meth:`features_and_side`. One that is cut earlier also
    implements :meth:`before_cut`, :meth:`after_cut` and ``carried_channels``.

    Attributes:
        feature_channels: Channels C of the feature.
        feature_stride: Image pixels a feature pixel covers, per axis.
        classifier: The last 1x1 convolution, C to K channels.
    """

    feature_channels: int
    feature_stride: int
    classifier: nn.Conv2d
    align_corners: bool = True
    """How logits are brought to the image's size (the published networks differ)."""

    @property
    def num_classes(self) -> int:
        """Number of classes K."""
        return self.classifier.out_channels

    @abstractmethod
    def features_and_side(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Compute the feature, and the training-only predictions when asked to.

        Shapes:
            image: (B, 3, H, W)   returns: (B, C, h, w)
        """

    def features(self, image: Tensor) -> Tensor:
        """Compute the feature before the last 1x1 convolution.

        Shapes:
            image: (B, 3, H, W)   returns: (B, C, h, w)
        """
        return self.features_and_side(image, with_side=False)[0]

    @property
    def carried_channels(self) -> int:
        """Channels of what is carried from frame to frame; the feature's unless cut earlier."""
        return self.feature_channels

    def before_cut(self, image: Tensor, with_side: bool = False) -> tuple[Tensor, SideOutputs]:
        """Compute what is carried from frame to frame, and side outputs from before the cut.

        Shapes:
            image: (B, 3, H, W)   returns: (B, carried_channels, h, w)
        """
        return self.features_and_side(image, with_side)

    def after_cut(self, carried: Tensor, with_side: bool = False) -> tuple[Tensor, SideOutputs]:
        """Finish the feature, and the side outputs from behind the cut.

        Shapes:
            carried: (B, carried_channels, h, w)   returns: (B, C, h', w')
        """
        return carried, SideOutputs()

    def classify(self, feature: Tensor, size: tuple[int, int]) -> Tensor:
        """Turn a feature into class scores of the given size.

        Shapes:
            feature: (B, C, h, w)   returns: (B, K, *size)
        """
        return resize_scores(self.classifier(feature), size, self.align_corners)

    def forward(self, image: Tensor) -> Tensor:
        """Score every pixel.

        Shapes:
            image: (B, 3, H, W)   returns: (B, K, H, W)
        """
        return self.classify(self.features(image), (image.shape[-2], image.shape[-1]))

    def training_forward(self, image: Tensor, size: tuple[int, int]) -> SegmentorOutput:
        """Run the network with its training-only heads; scores have the given size.

        Shapes:
            image: (B, 3, H, W)   returns: scores (B, K, *size)
        """
        feature, side = self.features_and_side(image, with_side=True)
        return SegmentorOutput(feature, self.classify(feature, size), side)
