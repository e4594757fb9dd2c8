"""What the paper's rows cost, counted from our modules: exactly, and as the paper counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import torch
from torch import Tensor

from arseg_lightning.cost import MethodCost, count_macs
from arseg_lightning.cost.counting import measure
from arseg_lightning.models import (
    BiSeNet18,
    EfficientNetLite0,
    PSPNet18,
    PSPNet18EarlyCut,
    PSPNet18Stride8,
    Segmentor,
)
from arseg_lightning.propagation import ConvFusion, CReFF, Fusion, GlobalAttention, NoFusion
from arseg_lightning.report.paper import Erratum, PaperData, PaperRow, paper_data
from arseg_lightning.report.paper_counting import paper_nonkey_macs, paper_segmentor_macs
from arseg_lightning.report.recipe import Recipe
from arseg_lightning.types import scaled_size

__all__ = ["Counting", "RowCost", "WantedCounting", "recipe_cost", "row_cost"]

Counting = Literal["exact", "paper"]
"""``exact``: every layer once, no training-only heads. ``paper``: as the published figures."""

WantedCounting = Literal["exact", "paper", "both"]

_NETWORKS: dict[str, type[Segmentor]] = {
    network.__name__: network
    for network in (BiSeNet18, EfficientNetLite0, PSPNet18, PSPNet18Stride8)
}


@dataclass(frozen=True, slots=True)
class RowCost:
    """A row of the paper next to our count of it.

    Args:
        row: The paper's row.
        paper: Our count of its recipe under the paper's counting, if it was wanted.
        exact: Our exact count of its recipe, if it was wanted.
        explained: GMACs that the row's erratum predicts, or else the mean of ``paper``.
    """

    row: PaperRow
    paper: MethodCost | None
    exact: MethodCost | None
    explained: float | None

    @property
    def difference(self) -> float | None:
        """Relative difference of our count from the printed figure, if both are known."""
        return _relative(self.paper.mean_gmacs if self.paper else None, self.row.gflops)

    @property
    def residual(self) -> float | None:
        """Relative difference that remains when the erratum is taken into account."""
        erratum = self.row.erratum
        printed = (
            erratum.meant if erratum is not None and erratum.meant is not None else self.row.gflops
        )
        return _relative(self.explained, printed)


def row_cost(row: PaperRow, counting: WantedCounting = "both") -> RowCost:
    """Count a row of the paper's tables from our modules."""
    data = paper_data(row.data)
    costs: dict[Counting, MethodCost] = {
        way: recipe_cost(row.recipe, data.num_classes, data.size, way)
        for way in ("exact", "paper")
        if counting in (way, "both")
    }
    paper = costs.get("paper")
    explained = paper.mean_gmacs if paper else None
    if paper and row.erratum:
        explained = _explained(row.recipe, row.erratum, data)
    return RowCost(row, paper, costs.get("exact"), explained)


def recipe_cost(
    recipe: Recipe, num_classes: int, size: tuple[int, int], counting: Counting = "exact"
) -> MethodCost:
    """Count what the paper's tables are made of, by its networks and fusions.

    Args:
        recipe: What the method is.
        num_classes: Number of classes.
        size: Height and width of the video.
        counting: ``exact``, or ``paper`` for the published figures' way.

    Raises:
        ValueError: If the recipe's network or fusion is not known here.
    """
    trained_otherwise = replace(
        recipe, keyframe_interval=12, motion=True, similarity="mse", share_classifier=True
    )
    key, nonkey = _frame_macs(trained_otherwise, num_classes, size, counting)
    if recipe.method == "per_frame":
        return MethodCost({"frame": key}, key)
    return _over_interval(key, nonkey, recipe.keyframe_interval)


def _over_interval(key: float, nonkey: float, keyframe_interval: int) -> MethodCost:
    """The cost of a keyframe and of the other frames up to the next."""
    mean = (key + (keyframe_interval - 1) * nonkey) / keyframe_interval
    return MethodCost({"keyframe": key, "nonkeyframe": nonkey}, mean, keyframe_interval)


@cache
def _frame_macs(
    recipe: Recipe, num_classes: int, size: tuple[int, int], counting: Counting
) -> tuple[int, int]:
    """Count a keyframe and another frame; rows that cost the same are counted once."""
    network, is_paper = _network(recipe, num_classes), counting == "paper"
    small = _image(scaled_size(size, recipe.resolution_ratio, truncates=is_paper))
    image = small if recipe.method == "per_frame" else _image(size)
    key, propagated, feature = (paper_segmentor_macs if is_paper else _exact_macs)(network, image)
    if recipe.method == "per_frame":
        return key, key
    if recipe.method == "motion_only":
        return key, 0 if is_paper else count_macs(network.classifier, feature)
    fusion = _fusion(recipe, network.cut_channels)
    nonkey_macs = paper_nonkey_macs if is_paper else _exact_nonkey_macs
    return key, nonkey_macs(network, fusion, small, propagated)


def _exact_macs(network: Segmentor, image: Tensor) -> tuple[int, Tensor, Tensor]:
    """Count one image; also what other frames get, and the feature."""

    def segment(net: Segmentor) -> tuple[Tensor, Tensor]:
        propagated, _ = net.before_cut(image)
        feature, _ = net.after_cut(propagated)
        net.classifier(feature)
        return propagated, feature

    macs, (propagated, feature) = measure(network, segment)
    return macs, propagated, feature


def _exact_nonkey_macs(
    low_res: Segmentor, fusion: Fusion, small: Tensor, propagated: Tensor
) -> int:
    """Count a frame between keyframes: each layer where it runs."""
    before, low = measure(low_res, lambda net: net.before_cut(small)[0])
    fusing, fused = measure(fusion, lambda module: module(low, propagated))
    after, _ = measure(low_res, lambda net: net.classifier(net.after_cut(fused)[0]))
    return before + fusing + after


def _explained(recipe: Recipe, erratum: Erratum, data: PaperData) -> float:
    """GMACs that an erratum predicts."""
    recipe = replace(recipe, **erratum.changes)
    cost = recipe_cost(recipe, data.num_classes, data.size, "paper")
    if erratum.counted == "nonkey":
        return cost.role_gmacs["nonkeyframe"] + erratum.plus
    if erratum.counted == "mean_without_shift":
        nonkey = _nonkey_without_shift(recipe, data)
        cost = _over_interval(cost.roles["keyframe"], nonkey, recipe.keyframe_interval)
    return cost.mean_gmacs + erratum.plus


def _nonkey_without_shift(recipe: Recipe, data: PaperData) -> float:
    """A frame between keyframes whose last convolution stays on the low-res grid."""
    unfused = replace(recipe, fusion="NoFusion")
    low_res = recipe_cost(unfused, data.num_classes, data.size, "paper").roles["nonkeyframe"]
    network = _network(recipe, data.num_classes)
    small = scaled_size(data.size, recipe.resolution_ratio, truncates=True)
    features = [_feature(network, size) for size in (small, data.size)]
    return low_res + count_macs(_fusion(recipe, network.cut_channels), *features)


def _relative(value: float | None, reference: float | None) -> float | None:
    return None if value is None or reference is None else value / reference - 1


def _image(size: tuple[int, int]) -> Tensor:
    return torch.empty(1, 3, *size, device="meta")


def _feature(network: Segmentor, size: tuple[int, int]) -> Tensor:
    height, width = (side // network.feature_stride for side in size)
    return torch.empty(1, network.feature_channels, height, width, device="meta")


def _network(recipe: Recipe, num_classes: int) -> Segmentor:
    """Build a network whose weights have shapes but no numbers.

    Raises:
        ValueError: If it is not one of ours.
    """
    with torch.device("meta"):
        if recipe.network == "PSPNet18" and recipe.cut in ("task", "features"):
            return PSPNet18EarlyCut(num_classes, cut=recipe.cut)  # type: ignore[arg-type]
        if recipe.network not in _NETWORKS:
            raise ValueError(f"no network {recipe.network!r} to count; use one of {[*_NETWORKS]}")
        return _NETWORKS[recipe.network](num_classes)


def _fusion(recipe: Recipe, channels: int) -> Fusion:
    """Build a fusion whose weights have shapes but no numbers.

    Raises:
        ValueError: If it is not one of ours.
    """
    with torch.device("meta"):
        if recipe.fusion == "CReFF":
            return CReFF(
                channels,
                window=recipe.window,
                projection=recipe.projection,  # type: ignore[arg-type]
                direct_connection=recipe.direct_connection,
            )
        if recipe.fusion == "GlobalAttention":
            return GlobalAttention(channels, recipe.reduction)
        if recipe.fusion in ("NoFusion", "ConvFusion"):
            return NoFusion(channels) if recipe.fusion == "NoFusion" else ConvFusion(channels)
    raise ValueError(
        f"no fusion {recipe.fusion!r} to count; use CReFF, GlobalAttention, ConvFusion or NoFusion"
    )
