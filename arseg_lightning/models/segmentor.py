"""Segmentation networks: named stages, a feature, and the last 1x1 convolution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from torch import Tensor, nn

from arseg_lightning.models.label_map import label_map, resize_scores

__all__ = ["Output", "Segmentor", "SegmentorFactory", "SideOutputs"]


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
class Output:
    """Class scores of a frame, and what training needs beside them.

    Args:
        scores: Class scores on the feature's grid, (B, K, h, w).
        align_corners: How scores are brought to the image's size.
        feature: The input of the last 1x1 convolution, (B, C, h, w), where there is one.
        side: Training-only predictions.
        found_labels: The best class of every pixel, uint8 of shape (B, H, W), where whoever
            computed the scores has computed it too.
    """

    scores: Tensor
    align_corners: bool
    feature: Tensor | None = None
    side: SideOutputs = field(default_factory=SideOutputs)
    found_labels: Tensor | None = None

    def logits(self, size: tuple[int, int]) -> Tensor:
        """Class scores at the size of the image, (B, K, *size)."""
        return resize_scores(self.scores, size, self.align_corners)

    def labels(self, size: tuple[int, int]) -> Tensor:
        """The best class of every pixel, uint8 of shape (B, *size)."""
        if self.found_labels is not None:
            return self.found_labels
        return label_map(self.scores, size, self.align_corners)


class Segmentor(nn.Module, ABC):
    """A segmentation network that is cut before its last 1x1 convolution.

    The feature before the cut is what AR-Seg propagates from frame to frame; the convolution after
    it (``classifier``) is what both of its branches share. A subclass sets ``classifier`` and
    the class attributes, and implements :meth:`features_and_side`. One that is cut earlier also
    implements :meth:`before_cut`, :meth:`after_cut` and ``cut_channels``; one whose stages
    may run at different times implements :meth:`run` and lists its ``stages``.

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
    stages: Mapping[str, int] = MappingProxyType({})
    """Places before the feature where the network may be cut, in order: channels by name."""
    feature_needs: tuple[str, ...] = ("image",)
    """What :meth:`run` reads for the stage ``feature``."""

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
    def cut_channels(self) -> int:
        """Channels of the propagated feature; the feature's unless cut earlier."""
        return self.feature_channels

    def before_cut(self, image: Tensor, with_side: bool = False) -> tuple[Tensor, SideOutputs]:
        """Compute the propagated feature, and side outputs from before the cut.

        Shapes:
            image: (B, 3, H, W)   returns: (B, cut_channels, h, w)
        """
        return self.features_and_side(image, with_side)

    def after_cut(self, propagated: Tensor, with_side: bool = False) -> tuple[Tensor, SideOutputs]:
        """Finish the feature, and the side outputs from after the cut.

        Shapes:
            propagated: (B, cut_channels, h, w)   returns: (B, C, h', w')
        """
        return propagated, SideOutputs()

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

    def output(self, image: Tensor, with_side: bool | None = None) -> Output:
        """Run the whole network on an image.

        Args:
            image: (B, 3, H, W).
            with_side: Whether the training-only heads run; in training mode by default.
        """
        wanted = self.training if with_side is None else with_side
        feature, side = self.features_and_side(image, with_side=wanted)
        return Output(self.classifier(feature), self.align_corners, feature, side)

    def run(
        self, stage: str, values: Mapping[str, Tensor], with_side: bool = False
    ) -> tuple[Tensor, SideOutputs]:
        """Compute one stage from the image and the stages before it.

        Args:
            stage: A name of ``stages``, or ``feature``, the last one.
            values: What has been computed so far: ``image`` (B, 3, H, W), and stages by name.
            with_side: Whether the training-only heads of this stage run.

        Returns:
            The stage's output, and its side outputs.

        Raises:
            ValueError: If the network has no such stage.
        """
        if stage != "feature":
            raise ValueError(
                f"{type(self).__name__} has no stage {stage!r}; it has "
                f"{', '.join((*self.stages, 'feature'))}"
            )
        return self.features_and_side(values["image"], with_side)

    def run_all(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Run all stages one after the other: a network of stages is written once.

        Shapes:
            image: (B, 3, H, W)   returns: the feature, (B, C, h, w)
        """
        values, side = {"image": image}, SideOutputs()
        for stage in (*self.stages, "feature"):
            values[stage], added = self.run(stage, values, with_side)
            side = side + added
        return values["feature"], side


SegmentorFactory = Callable[[int], Segmentor]
"""Builds a network from the number of classes."""
