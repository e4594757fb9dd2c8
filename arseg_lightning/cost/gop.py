"""What a video method costs per frame: on keyframes, between them, and on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from arseg_lightning.cost.counting import measure
from arseg_lightning.cost.paper import paper_nonkey_macs, paper_segmentor_macs
from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.propagation.fusion import Fusion
from arseg_lightning.systems.system import scaled_size

__all__ = ["Counting", "GopCost", "arseg_cost", "every_frame_cost"]

Counting = Literal["exact", "paper"]
"""``exact``: every layer once, no training-only heads. ``paper``: as the published figures."""


@dataclass(frozen=True, slots=True)
class GopCost:
    """Multiply-accumulates of one keyframe interval.

    Args:
        key_macs: Cost of the keyframe.
        nonkey_macs: Cost of each other frame.
        keyframe_interval: Frames from one keyframe to the next, L.
    """

    key_macs: int
    nonkey_macs: int
    keyframe_interval: int

    def __post_init__(self) -> None:
        """Check the interval."""
        if self.keyframe_interval < 1:
            raise ValueError(
                f"keyframe_interval counts frames and is at least 1, got {self.keyframe_interval}"
            )

    @property
    def mean_macs(self) -> float:
        """Cost per frame, averaged over the interval."""
        others = (self.keyframe_interval - 1) * self.nonkey_macs
        return (self.key_macs + others) / self.keyframe_interval

    @property
    def key_gmacs(self) -> float:
        """Cost of the keyframe in units of 1e9."""
        return self.key_macs / 1e9

    @property
    def nonkey_gmacs(self) -> float:
        """Cost of another frame in units of 1e9."""
        return self.nonkey_macs / 1e9

    @property
    def mean_gmacs(self) -> float:
        """Cost per frame in units of 1e9."""
        return self.mean_macs / 1e9


def arseg_cost(
    high_res: Segmentor,
    low_res: Segmentor,
    fusion: Fusion,
    size: tuple[int, int],
    *,
    resolution_ratio: float = 0.5,
    keyframe_interval: int = 12,
    counting: Counting = "exact",
) -> GopCost:
    """Count AR-Seg: the high-res network on keyframes, low-res network and fusion on the others.

    Args:
        high_res: Network of the keyframes.
        low_res: Network of the other frames; its classifier runs on the high-res grid.
        fusion: How the features meet.
        size: Height and width of the video.
        resolution_ratio: Scale s of the low-res network's input.
        keyframe_interval: Frames from one keyframe to the next, L.
        counting: ``paper`` counts, and truncates the low-res size, as the published figures do.

    Source: Hu et al., CVPR 2023, tables of GFLOPs (which are multiply-accumulates).
    """
    small = _image(_low_size(size, resolution_ratio, counting))
    key_macs, carried, _ = _network_cost(high_res, size, counting)
    nonkey_cost = paper_nonkey_macs if counting == "paper" else _nonkey_macs
    nonkey_macs = nonkey_cost(low_res, fusion, small, carried)
    return GopCost(key_macs, nonkey_macs, keyframe_interval)


def every_frame_cost(
    network: Segmentor,
    size: tuple[int, int],
    *,
    resolution_ratio: float = 1.0,
    counting: Counting = "exact",
) -> GopCost:
    """Count a network that sees every frame at the same resolution.

    Args:
        network: The segmentation network.
        size: Height and width of the video.
        resolution_ratio: Scale s of the network's input.
        counting: See :func:`arseg_cost`.
    """
    macs, *_ = _network_cost(network, _low_size(size, resolution_ratio, counting), counting)
    return GopCost(macs, macs, keyframe_interval=1)


def warped_key_cost(
    network: Segmentor,
    size: tuple[int, int],
    *,
    keyframe_interval: int = 12,
    counting: Counting = "exact",
) -> GopCost:
    """Count a network that runs on keyframes, with nothing but the warp and the classifier between.

    Args:
        network: The segmentation network.
        size: Height and width of the video.
        keyframe_interval: Frames from one keyframe to the next, L.
        counting: ``paper`` does not count the classifier between keyframes.
    """
    key_macs, _, feature = _network_cost(network, size, counting)
    nonkey_macs = 0 if counting == "paper" else _classifier_macs(network, feature)
    return GopCost(key_macs, nonkey_macs, keyframe_interval)


def _nonkey_macs(low_res: Segmentor, fusion: Fusion, small: Tensor, carried: Tensor) -> int:
    """Cost of a frame between keyframes: each layer where it runs."""
    before, low = measure(low_res, lambda weightless: weightless.before_cut(small)[0])
    fusing, fused = measure(fusion, lambda module: module(low, carried))
    after, feature = measure(low_res, lambda weightless: weightless.after_cut(fused)[0])
    return before + fusing + after + _classifier_macs(low_res, feature)


def _network_cost(
    network: Segmentor, size: tuple[int, int], counting: Counting
) -> tuple[int, Tensor, Tensor]:
    """Cost of one image with its classifier; what is carried and the feature (without numbers)."""
    image = _image(size)
    if counting == "paper":
        return paper_segmentor_macs(network, image)

    def call(weightless: Segmentor) -> tuple[Tensor, Tensor]:
        carried, _ = weightless.before_cut(image)
        return carried, weightless.after_cut(carried)[0]

    macs, (carried, feature) = measure(network, call)
    return macs + _classifier_macs(network, feature), carried, feature


def _classifier_macs(network: Segmentor, feature: Tensor) -> int:
    return measure(network.classifier, lambda conv: conv(feature))[0]


def _image(size: tuple[int, int]) -> Tensor:
    return torch.empty(1, 3, *size, device="meta")


def _low_size(size: tuple[int, int], ratio: float, counting: Counting) -> tuple[int, int]:
    return scaled_size(size, ratio, counting)
