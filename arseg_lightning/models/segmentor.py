"""Segmentation networks: named stages, a feature, and the last 1x1 convolution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from torch import Tensor, nn

from arseg_lightning.models.label_map import label_map, resize_scores

__all__ = ["Output", "Segmentor", "SegmentorFactory", "SideOutputs", "StagedSegmentor"]


@dataclass(frozen=True, slots=True)
class SideOutputs:
    """Training-only predictions of a network beside its scores.

    Args:
        dense: Auxiliary logits, each (B, K, h, w) at its own resolution.
        presence: Logits of "this class occurs in the image", (B, K), or None.
    """

    dense: tuple[Tensor, ...] = ()
    presence: Tensor | None = None

    def __add__(self, other: SideOutputs) -> SideOutputs:
        """Join the predictions of two parts of a network."""
        presence = self.presence if self.presence is not None else other.presence
        return SideOutputs(self.dense + other.dense, presence)

    def zero(self) -> Tensor | float:
        """Zero, with zero gradients for all that made them.

        Of frames without a label, nothing trains them; but several processes expect a gradient for
        every parameter.
        """
        used = [*self.dense, *([] if self.presence is None else [self.presence])]
        return 0.0 * torch.stack([each.sum() for each in used]).sum() if used else 0.0


@dataclass(frozen=True, slots=True)
class Output:
    """Class scores of a frame, with the feature and predictions that training needs.

    Args:
        scores: Class scores on the feature's grid, (B, K, h, w).
        align_corners: How scores are resized to the image.
        feature: The input of the last 1x1 convolution, (B, C, h, w), where there is one.
        side: Training-only predictions.
        found_labels: The best class of every pixel, uint8 of shape (B, H, W), where it came with
            the scores.
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
    """A segmentation network: stages, of which ``feature`` is the last, and a 1x1 convolution.

    AR-Seg propagates the output of one stage, the ``cut``, from frame to frame; its two branches
    share the convolution (``classifier``). A subclass sets ``classifier`` and the class attributes,
    and implements :meth:`features_and_side`; one that can be cut before its feature is a
    :class:`StagedSegmentor`.

    Attributes:
        feature_channels: Channels C of the feature.
        feature_stride: Image pixels a feature pixel covers, per axis.
        classifier: The last 1x1 convolution, C to K channels.
        align_corners: How logits are resized to the image (the published networks differ).
        stages: The stages before ``feature``, in order: channels by name.
        cut: The stage that AR-Seg propagates; those after it read nothing from before it.
        feature_needs: Inputs of the stages after ``middle``, for Clockwork.
    """

    feature_channels: int
    feature_stride: int
    classifier: nn.Conv2d
    align_corners: bool = True
    stages: Mapping[str, int] = MappingProxyType({})
    cut: str = "feature"
    feature_needs: tuple[str, ...] = ("image",)

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
        """Channels of the stage that is propagated."""
        return self.stages.get(self.cut, self.feature_channels)

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
        """Run the stages after the last one that has been computed, up to and with ``stage``.

        Args:
            stage: A name of ``stages``, or ``feature``, the last one.
            values: ``image`` (B, 3, H, W), and the outputs of earlier stages by name.
            with_side: Whether the training-only heads of these stages run.

        Returns:
            The stage's output, (B, channels, h, w), and the side outputs of all that ran.

        Raises:
            ValueError: If the network has no such stage.
        """
        order = (*self.stages, "feature")
        if stage not in order:
            raise ValueError(
                f"{type(self).__name__} has no stage {stage!r}; it has {', '.join(order)}"
            )
        if stage in values:
            return values[stage], SideOutputs()
        return self.features_and_side(values["image"], with_side)


class StagedSegmentor(Segmentor):
    """A segmentation network that runs stage by stage, so that it can be cut before its feature.

    A subclass lists its ``stages`` and implements :meth:`run_stage`.
    """

    @abstractmethod
    def run_stage(
        self, stage: str, values: Mapping[str, Tensor], with_side: bool
    ) -> tuple[Tensor, SideOutputs]:
        """Compute a single stage from the image and the stages before it."""

    def features_and_side(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Run all stages in turn."""
        return self._run_missing("feature", {"image": image}, with_side)

    def run(
        self, stage: str, values: Mapping[str, Tensor], with_side: bool = False
    ) -> tuple[Tensor, SideOutputs]:
        """Run the stages after the last one that has been computed, up to and with ``stage``."""
        is_part = stage == "feature" and any(name in values for name in self.stages)
        if is_part or stage in self.stages:
            return self._run_missing(stage, values, with_side)
        return super().run(stage, values, with_side)  # all stages, as features_and_side runs them

    def _run_missing(
        self, stage: str, values: Mapping[str, Tensor], with_side: bool
    ) -> tuple[Tensor, SideOutputs]:
        order = (*self.stages, "feature")
        start = 1 + max((order.index(name) for name in order if name in values), default=-1)
        values, side = dict(values), SideOutputs()
        # Each stage may read the image and all that ran before it.
        for name in order[start : order.index(stage) + 1]:
            values[name], added = self.run_stage(name, values, with_side)
            side = side + added
        return values[stage], side


SegmentorFactory = Callable[[int], Segmentor]
"""Builds a network from the number of classes."""
