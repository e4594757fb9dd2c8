"""Segmentation networks: named stages, a feature, and the last 1x1 convolution."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.windows import Windows
from arseg_lightning.native import load, tensor_pointer

__all__ = [
    "Output",
    "QueryScores",
    "Segmentor",
    "SegmentorFactory",
    "SideOutputs",
    "StagedSegmentor",
]
__all__ += ["resize_scores"]


@dataclass(frozen=True, slots=True)
class QueryScores:
    """What the Q queries of a network found: of which class it is, and where."""

    classes: Tensor  # logits, (B, Q, K + 1); the last one says that there is nothing
    masks: Tensor  # logits, (B, Q, h, w)


@dataclass(frozen=True, slots=True)
class SideOutputs:
    """Training-only predictions of a network beside its scores."""

    dense: tuple[Tensor, ...] = ()  # auxiliary logits, each (B, K, h, w) at its own resolution
    presence: Tensor | None = None  # logits of "this class occurs in the image", (B, K)
    # Of each layer that learns; the last one, which gives the scores, is there at any time.
    queries: tuple[QueryScores, ...] = ()
    windows: Windows | None = None  # those that the queries saw, if they did not see whole images

    def __add__(self, other: SideOutputs) -> SideOutputs:
        """Join the predictions of two parts of a network."""
        presence = self.presence if self.presence is not None else other.presence
        queries, windows = self.queries + other.queries, self.windows or other.windows
        return SideOutputs(self.dense + other.dense, presence, queries, windows)

    def zero(self) -> Tensor | float:
        """Zero, with zero gradients for all that made them.

        Frames without a label train none; but several processes expect all gradients.
        """
        used = [*self.dense, *([] if self.presence is None else [self.presence])]
        used += [tensor for each in self.queries for tensor in (each.classes, each.masks)]
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
        """The best class of every pixel, uint8 of shape (B, *size): the argmax of :meth:`logits`.

        On a CPU with a C compiler, the resized scores, which are far larger than input and output,
        are never written to memory.

        Raises:
            ValueError: If there are more than 256 classes.
        """
        if self.found_labels is not None:
            return self.found_labels
        if self.scores.shape[1] > 256:
            raise ValueError(f"labels are bytes: 256 classes at most, got {self.scores.shape[1]}")
        kernels = load("label_map") if self.scores.device.type == "cpu" else None
        if kernels is None:
            return self.logits(size).argmax(dim=1).to(torch.uint8)
        scores = self.scores.detach().to(torch.float32).contiguous()  # as the kernel reads it
        labels = torch.empty(scores.shape[0], *size, dtype=torch.uint8)  # (B, H, W)
        for one, out in zip(scores, labels, strict=True):
            failed = kernels.label_map(
                *(tensor_pointer(one), *one.shape, *size, int(self.align_corners)),
                *(tensor_pointer(out), torch.get_num_threads()),
            )
            if failed:
                raise MemoryError(f"no memory to upsample scores to {size}")
        return labels


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
        is_trained: Whether building it has loaded all its weights.
        method_parts: Parts in the file of its weights that a method takes, and it does not use.
        feature_needs: Inputs of the stages after ``middle``, for Clockwork.
    """

    feature_channels: int
    feature_stride: int
    classifier: nn.Conv2d
    align_corners: bool = True
    stages: Mapping[str, int] = MappingProxyType({})
    cut: str = "feature"
    feature_needs: tuple[str, ...] = ("image",)
    is_trained: bool = False
    method_parts: tuple[nn.Module, ...] = ()

    @property
    def num_classes(self) -> int:
        """Number of classes K."""
        return self.classifier.out_channels

    @abstractmethod
    def features_and_side(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Compute the feature of images (B, 3, H, W), and, if asked, training-only predictions."""

    def features(self, image: Tensor) -> Tensor:
        """Compute the feature before the last 1x1 convolution, (B, C, h, w)."""
        return self.features_and_side(image, with_side=False)[0]

    @property
    def cut_channels(self) -> int:
        """Channels of the stage that is propagated."""
        return self.stages.get(self.cut, self.feature_channels)

    def forward(self, image: Tensor) -> Tensor:
        """Score every pixel: (B, 3, H, W) -> (B, K, H, W)."""
        return self.output(image, with_side=False).logits((image.shape[-2], image.shape[-1]))

    def output(self, image: Tensor, with_side: bool | None = None) -> Output:
        """Run the whole network; its training-only heads in training mode by default."""
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
        if stage == "feature" and not any(name in values for name in order):
            return self.features_and_side(values["image"], with_side)  # which may be overridden
        return self._run_missing(stage, values, with_side)

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

    def run_stage(
        self, stage: str, values: Mapping[str, Tensor], with_side: bool
    ) -> tuple[Tensor, SideOutputs]:
        """Compute a single stage from the image and the stages before it; here, the only one."""
        return self.features_and_side(values["image"], with_side)

    def follow_training(self, progress: float) -> None:
        """Change with the training, of which a part is done, from 0 to 1; by default, do not."""


class StagedSegmentor(Segmentor):
    """A segmentation network that can be cut before its feature.

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


SegmentorFactory = Callable[[int], Segmentor]
"""Builds a network from the number of classes."""


def resize_scores(scores: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Resize class scores to the image: (B, K, h, w) -> (B, K, *size)."""
    if tuple(scores.shape[-2:]) == size:
        return scores
    return F.interpolate(scores, size=size, mode="bilinear", align_corners=align_corners)
