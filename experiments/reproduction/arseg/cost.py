"""What the paper's rows cost, counted from our modules: exactly, and as the paper counted.

    python -m experiments.reproduction.arseg.cost [--rows TEXT] [--out FILE]

prints every printed cost of the paper with ours beside it, and explains its errata.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal

import pandas as pd
import torch
from torch import Tensor

from arseg_lightning import models, propagation
from arseg_lightning.cost import MethodCost, count_macs
from arseg_lightning.cost.counting import measure
from arseg_lightning.models import PSPNet18EarlyCut, Segmentor
from arseg_lightning.propagation import Fusion
from arseg_lightning.report.table_files import check_format, markdown, write_table
from arseg_lightning.types import scaled_size
from experiments.reproduction.arseg.counting import paper_nonkey_macs, paper_segmentor_macs
from experiments.reproduction.arseg.paper import PaperRow, Recipe, paper_data, paper_rows

__all__ = ["cost_table", "difference", "erratum_notes", "recipe_cost", "residual", "rows_named"]

Counting = Literal["exact", "paper"]
"""``exact``: every layer once, no training-only heads. ``paper``: as the published figures."""

_NETWORKS = ("BiSeNet18", "EfficientNetLite0", "PSPNet18", "PSPNet18Stride8")
_FUSIONS = ("CReFF", "GlobalAttention", "ConvFusion", "NoFusion")


def recipe_cost(
    recipe: Recipe, num_classes: int, size: tuple[int, int], counting: Counting = "exact"
) -> MethodCost:
    """Count what the paper's tables are made of, by its networks and fusions.

    Args:
        recipe: What the method is.
        num_classes: Number of classes.
        size: Height and width of the video.
        counting: ``exact``, or ``paper`` for the published figures' convention.

    Raises:
        ValueError: If the recipe's network or fusion is not known here.
    """
    # What does not change the cost of a frame: such rows are counted once.
    same = replace(
        recipe, keyframe_interval=12, motion=True, similarity="mse", share_classifier=True
    )
    key, nonkey = _frame_macs(same, num_classes, size, counting)
    if recipe.method == "per_frame":
        return MethodCost({"frame": key}, key)
    return _over_interval(key, nonkey, recipe.keyframe_interval)


def difference(row: PaperRow) -> float:
    """Relative difference of our count under the paper's convention from the printed figure."""
    return _paper_cost(row.recipe, row.data).mean_gmacs / _printed(row) - 1


def residual(row: PaperRow) -> float:
    """Relative difference that remains when the row's erratum is taken into account."""
    erratum = row.erratum
    if erratum is None:
        return difference(row)
    recipe = replace(row.recipe, **erratum.changes)
    cost = _paper_cost(recipe, row.data)
    if erratum.counted == "nonkey":
        counted = cost.role_gmacs["nonkeyframe"]
    else:
        if erratum.counted == "mean_without_shift":
            nonkey = _nonkey_without_shift(recipe, row.data)
            cost = _over_interval(cost.roles["keyframe"], nonkey, recipe.keyframe_interval)
        counted = cost.mean_gmacs
    return (counted + erratum.plus) / (erratum.meant or _printed(row)) - 1


def rows_named(text: str = "") -> list[PaperRow]:
    """The paper's rows with a printed cost in whose table, data, network or name a text occurs.

    Raises:
        ValueError: If there is none.
    """
    printed = [row for row in paper_rows() if row.gflops is not None]
    chosen = [
        row
        for row in printed
        if text.lower() in f"{row.table} {row.data} {row.recipe.network} {row.name}".lower()
    ]
    if not chosen:
        tables = ", ".join(dict.fromkeys(row.table for row in printed))
        raise ValueError(f"no row of the paper has {text!r} in its name; the tables are: {tables}")
    return chosen


def cost_table(rows: Sequence[PaperRow]) -> pd.DataFrame:
    """Lay out the paper's printed costs, ours under its convention, and exact ones, in GMACs."""
    numbers = _erratum_numbers(rows)
    lines = []
    for row in rows:
        data = paper_data(row.data)
        exact = recipe_cost(row.recipe, data.num_classes, data.size)
        roles = [*exact.role_gmacs.values()]
        lines.append(
            {
                "table": row.table,
                "data": row.data,
                "network": row.recipe.network,
                "row": row.name,
                "paper GFLOPs": f"{_printed(row):.2f}",
                "ours, its counting": f"{_paper_cost(row.recipe, row.data).mean_gmacs:.2f}",
                "difference": _percent(difference(row)),
                "erratum": f"[{numbers[row.erratum.text]}]" if row.erratum else "",
                "corrected": _percent(residual(row)) if row.erratum else "",
                "exact key": f"{roles[0]:.2f}",
                "exact non-key": f"{roles[-1]:.2f}",
                "exact mean": f"{exact.mean_gmacs:.2f}",
            }
        )
    return pd.DataFrame(lines)


def erratum_notes(rows: Sequence[PaperRow]) -> str:
    """Explain the errata that a table refers to by number."""
    return "\n".join(f"[{number}] {text}" for text, number in _erratum_numbers(rows).items())


def _erratum_numbers(rows: Sequence[PaperRow]) -> dict[str, int]:
    """Number the errata in order of appearance; rows may share one."""
    texts = dict.fromkeys(row.erratum.text for row in rows if row.erratum)
    return {text: number for number, text in enumerate(texts, 1)}


def _percent(share: float) -> str:
    return f"{round(100 * share, 2) or 0:+.2f} %".replace("+0.00", "0.00")


def _printed(row: PaperRow) -> float:
    if row.gflops is None:
        raise ValueError(f"the paper prints no cost of {row.name!r}")
    return row.gflops


def _paper_cost(recipe: Recipe, data_name: str) -> MethodCost:
    data = paper_data(data_name)
    return recipe_cost(recipe, data.num_classes, data.size, "paper")


def _over_interval(key: float, nonkey: float, keyframe_interval: int) -> MethodCost:
    """The cost of a keyframe and of the other frames up to the next."""
    mean = (key + (keyframe_interval - 1) * nonkey) / keyframe_interval
    return MethodCost({"keyframe": key, "nonkeyframe": nonkey}, mean, keyframe_interval)


@cache
def _frame_macs(
    recipe: Recipe, num_classes: int, size: tuple[int, int], counting: Counting
) -> tuple[int, int]:
    """Count a keyframe and another frame."""
    network, is_paper = _network(recipe, num_classes), counting == "paper"
    small = _image(scaled_size(size, recipe.resolution_ratio, truncates=is_paper))
    image = small if recipe.method == "per_frame" else _image(size)
    count = paper_segmentor_macs if is_paper else _exact_macs
    key, propagated, feature = count(network, image)
    if recipe.method == "per_frame":
        return key, key
    if recipe.method == "motion_only":
        return key, 0 if is_paper else count_macs(network.classifier, feature)
    fusion = _fusion(recipe, network.cut_channels)
    count_nonkey = paper_nonkey_macs if is_paper else _exact_nonkey_macs
    return key, count_nonkey(network, fusion, small, propagated)


def _exact_macs(network: Segmentor, image: Tensor) -> tuple[int, Tensor, Tensor]:
    """Count one image; also the propagated feature, and the last one."""

    def segment(net: Segmentor) -> tuple[Tensor, Tensor]:
        propagated, _ = net.run(net.cut, {"image": image})
        feature, _ = net.run("feature", {net.cut: propagated})
        net.classifier(feature)
        return propagated, feature

    macs, (propagated, feature) = measure(network, segment)
    return macs, propagated, feature


def _exact_nonkey_macs(
    low_res: Segmentor, fusion: Fusion, small: Tensor, propagated: Tensor
) -> int:
    """Count a frame between keyframes: each layer where it runs."""
    cut = low_res.cut
    before, low = measure(low_res, lambda net: net.run(cut, {"image": small})[0])
    fusing, fused = measure(fusion, lambda module: module(low, propagated))
    after, _ = measure(low_res, lambda net: net.classifier(net.run("feature", {cut: fused})[0]))
    return before + fusing + after


def _nonkey_without_shift(recipe: Recipe, data_name: str) -> float:
    """A frame between keyframes whose last convolution stays on the low-res grid."""
    data = paper_data(data_name)
    unfused = _paper_cost(replace(recipe, fusion="NoFusion"), data_name)
    network = _network(recipe, data.num_classes)
    channels, stride = network.feature_channels, network.feature_stride
    low, high = (
        torch.empty(1, channels, height // stride, width // stride, device="meta")
        for height, width in (
            scaled_size(data.size, recipe.resolution_ratio, truncates=True),
            data.size,
        )
    )
    fusing = count_macs(_fusion(recipe, network.cut_channels), low, high)
    return unfused.roles["nonkeyframe"] + fusing


def _image(size: tuple[int, int]) -> Tensor:
    return torch.empty(1, 3, *size, device="meta")


def _network(recipe: Recipe, num_classes: int) -> Segmentor:
    """Build a network whose weights have shapes but no numbers."""
    if recipe.network not in _NETWORKS:
        raise ValueError(f"no network {recipe.network!r} to count; use one of {[*_NETWORKS]}")
    with torch.device("meta"):
        if recipe.network == "PSPNet18" and recipe.cut in ("task", "features"):
            return PSPNet18EarlyCut(num_classes, cut=recipe.cut)  # type: ignore[arg-type]
        network: Segmentor = getattr(models, recipe.network)(num_classes)
    return network


def _fusion(recipe: Recipe, channels: int) -> Fusion:
    """Build a fusion whose weights have shapes but no numbers."""
    if recipe.fusion not in _FUSIONS:
        raise ValueError(f"no fusion {recipe.fusion!r} to count; use {', '.join(_FUSIONS)}")
    names: dict[str, tuple[str, ...]] = {
        "CReFF": ("window", "projection", "direct_connection"),
        "GlobalAttention": ("reduction",),
    }
    arguments = {name: getattr(recipe, name) for name in names.get(recipe.fusion, ())}
    with torch.device("meta"):
        fusion: Fusion = getattr(propagation, recipe.fusion)(channels, **arguments)
    return fusion


def main(words: Sequence[str] | None = None) -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description="The paper's printed costs, and ours beside them.")
    parser.add_argument("--rows", default="", help="only rows in whose names this text occurs")
    parser.add_argument("--out", type=Path, help="also write the table here: .md, .csv or .json")
    arguments = parser.parse_args(words)
    if arguments.out is not None:
        check_format(arguments.out)
    rows = rows_named(arguments.rows)
    table, notes = cost_table(rows), erratum_notes(rows)
    print(f"{markdown(table, 4)}\n\n{notes}".rstrip())
    if arguments.out is not None:
        write_table(table, arguments.out, 4, notes)
        print(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
