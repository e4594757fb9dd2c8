"""Networks that find masks by queries, and the map of classes that these make."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.hugging_face import load_network
from arseg_lightning.models.segmentor import Output, QueryScores, Segmentor, SideOutputs

__all__ = ["Queries", "QuerySegmentor", "QuerySegmentorFactory", "class_map"]


@dataclass(frozen=True, slots=True)
class Queries:
    """What the queries of a network found, and the queries themselves."""

    scores: tuple[QueryScores, ...]  # of each layer that learns; the last one counts
    vectors: Tensor  # (B, Q, C), after the last layer and its norm
    carried: Tensor | None = None  # (B, Q, C), before that norm, for the next frame's queries


class QuerySegmentor(Segmentor):
    """A network whose Q queries find a mask and a class each.

    It has no feature that a last 1x1 convolution classifies: methods that carry such a feature
    cannot run it; those that carry scores (TapLab) or masks (MPVSS) can. A subclass implements
    :meth:`find` and :meth:`heads`.

    Args:
        num_classes: Number of classes K.

    Attributes:
        multiple: Sides of the images that :meth:`find` takes are multiples of it.
        num_queries: Number of queries Q.
        query_channels: Channels of the queries.
        random: Names of weights that a file lacks, and that start anew.
        window: Side of the squares in which :meth:`output` runs; None if it sees whole images, as
            :meth:`find` always does.
    """

    align_corners = False
    multiple: int = 32
    num_queries: int
    query_channels: int
    random: tuple[str, ...] = ()
    window: int | None = None

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self._num_classes = num_classes

    def take(self, name: str, pretrained: bool, kinds: Sequence[str], channels: str) -> None:
        """Load a network of transformers as ``model``, for these classes and without its loss.

        Args:
            name: Repository id on the hub, or a folder that ``save_pretrained`` wrote.
            pretrained: Whether its weights are loaded.
            kinds: Its ``model_type`` is one of them.
            channels: What the configuration calls the channels of the queries.

        Raises:
            ValueError: If it is not there, or of another kind.
        """
        model, self.random = load_network("AutoModelForUniversalSegmentation", name, pretrained)
        config = model.config
        if config.model_type not in kinds:
            raise ValueError(
                f"{name} is a {config.model_type}, and {type(self).__name__} takes "
                f"{', '.join(kinds)}; Mask2Former and EoMT are networks with queries, and those "
                f"that end in a 1x1 convolution run by HuggingFaceSegmentor"
            )
        self.num_queries, self.query_channels = config.num_queries, getattr(config, channels)
        if config.num_labels != self._num_classes:
            model.class_predictor = nn.Linear(self.query_channels, self._num_classes + 1)
            self.random = (*self.random, "class_predictor")
        self.is_trained = not self.random
        model.criterion = None  # which has a class's weights in its state; losses are ours
        self.model: Any = model

    def sharing(self, other: QuerySegmentor) -> QuerySegmentor:
        """The network with the weights of another of its shapes: that one, if it runs alike."""
        if self.window == other.window:
            return other
        self.model, self.is_trained = other.model, other.is_trained
        return self

    @abstractmethod
    def find(self, image: Tensor, with_earlier: bool = False) -> Queries:
        """Run the queries over images, (B, 3, H, W); with what earlier layers found if asked."""

    @abstractmethod
    def heads(self) -> Iterator[nn.Module]:
        """The parts that turn queries into classes and masks."""

    @property
    def num_classes(self) -> int:
        """Number of classes K."""
        return self._num_classes

    @property
    def classifier(self) -> nn.Conv2d:  # type: ignore[override]
        """There is none.

        Raises:
            ValueError: Always.
        """
        raise self._without_feature()

    @property
    def feature_channels(self) -> int:  # type: ignore[override]
        """There are none.

        Raises:
            ValueError: Always.
        """
        raise self._without_feature()

    def features_and_side(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Raise ValueError: there is no such feature."""
        raise self._without_feature()

    def output(self, image: Tensor, with_side: bool | None = None) -> Output:
        """Find masks, and put the map of classes together at the size of the image."""
        wanted = self.training if with_side is None else with_side
        found = self.find(self.padded(image), wanted).scores
        scores = self.scores(found[-1], image)
        return Output(scores, self.align_corners, side=SideOutputs(queries=found))

    def scores(self, found: QueryScores, image: Tensor) -> Tensor:
        """The map of classes of images, (B, K, H, W), from masks of the padded images."""
        height, width = image.shape[-2:]
        filled = height + -height % self.multiple, width + -width % self.multiple
        return class_map(found, filled)[..., :height, :width]

    def _without_feature(self) -> ValueError:
        return ValueError(
            f"{type(self).__name__} has no feature that a last 1x1 convolution classifies, and the "
            f"method carries one; run it by PerFrame, TapLab or MPVSS"
        )

    def padded(self, image: Tensor) -> Tensor:
        """Fill images up to multiples, at the right and below, with zeros."""
        missing = (-side % self.multiple for side in reversed(image.shape[-2:]))
        right, below = missing
        return F.pad(image, (0, right, 0, below)) if right or below else image


QuerySegmentorFactory = Callable[[int], QuerySegmentor]
"""Builds such a network from the number of classes."""


def class_map(found: QueryScores, size: tuple[int, int]) -> Tensor:
    """Add up the masks of all queries, enlarged, by the probabilities of their classes.

    Returns:
        A score for each class, (B, K, *size); they do not add up to one.

    Source: Cheng et al., Masked-attention Mask Transformer for Universal Image Segmentation, CVPR
        2022, after MaskFormer's semantic inference.
    """
    classes = found.classes.float().softmax(-1)[..., :-1]  # (B, Q, K)
    masks = F.interpolate(found.masks.float(), size=size, mode="bilinear", align_corners=False)
    flat = masks.sigmoid().flatten(2)  # (B, Q, H W)
    return torch.bmm(classes.transpose(1, 2), flat).view(len(flat), -1, *size)
