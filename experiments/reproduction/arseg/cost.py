"""What the paper's rows cost, counted from our modules: exactly, and as the paper counted.

    python -m experiments.reproduction.arseg.cost [--rows TEXT]

prints every printed cost of the paper with ours beside it, and explains its errata.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Literal

import pandas as pd
import torch
from torch import Tensor

from arseg_lightning import models, propagation
from arseg_lightning.cost import MethodCost, count_macs
from arseg_lightning.cost.counting import measure
from arseg_lightning.models import PSPNet18EarlyCut, Segmentor
from arseg_lightning.propagation import Fusion
from arseg_lightning.report.table_files import markdown
from arseg_lightning.types import scaled_size
from experiments.reproduction.arseg.counting import paper_nonkey_macs, paper_segmentor_macs
from experiments.reproduction.arseg.paper import PaperRow, Recipe, paper_data, paper_rows

__all__ = ["cost_table", "difference", "recipe_cost", "residual", "rows_named"]

Counting = Literal["exact", "paper", "paper_without_shift"]
"""``exact``: every layer once, no training-only heads. ``paper``: as the published figures.
``paper_without_shift``: the same, with the last convolution counted on the low-res grid."""

_FUSIONS = {
    "CReFF": ("window", "projection", "direct_connection"),
    "GlobalAttention": ("reduction",),
}
"""What of a recipe fusions are built with, by their classes."""


def recipe_cost(
    recipe: Recipe, num_classes: int, size: tuple[int, int], counting: Counting = "exact"
) -> MethodCost:
    """Count what the paper's tables are made of, by its networks and fusions."""
    # What does not change the cost of a frame: such rows are counted once.
    same = replace(
        recipe, keyframe_interval=12, motion=True, similarity="mse", share_classifier=True
    )
    key, nonkey = _frame_macs(same, num_classes, size, counting)
    if recipe.method == "per_frame":
        return MethodCost({"frame": key}, key)
    interval = recipe.keyframe_interval
    mean = (key + (interval - 1) * nonkey) / interval
    return MethodCost({"keyframe": key, "nonkeyframe": nonkey}, mean, interval)


def difference(row: PaperRow) -> float:
    """Relative difference of our count under the paper's convention from the printed figure."""
    assert row.gflops is not None
    return _row_cost(row, "paper").mean_gmacs / row.gflops - 1


def residual(row: PaperRow) -> float:
    """Relative difference that remains when the row's erratum is taken into account."""
    erratum = row.erratum
    if erratum is None or row.gflops is None:
        return difference(row)
    corrected = replace(row, recipe=replace(row.recipe, **erratum.changes))
    without_shift = erratum.counted == "mean_without_shift"
    cost = _row_cost(corrected, "paper_without_shift" if without_shift else "paper")
    is_nonkey = erratum.counted == "nonkey"
    counted = cost.role_gmacs["nonkeyframe"] if is_nonkey else cost.mean_gmacs
    return (counted + erratum.plus) / (erratum.meant or row.gflops) - 1


def rows_named(text: str = "") -> list[PaperRow]:
    """The paper's rows with a printed cost in whose table, data, network or name a text occurs."""
    return [
        row
        for row in paper_rows()
        if row.gflops is not None
        and text.lower() in f"{row.table} {row.data} {row.recipe.network} {row.name}".lower()
    ]


def cost_table(rows: Sequence[PaperRow]) -> tuple[pd.DataFrame, str]:
    """Lay out the paper's printed costs, ours under its convention, and exact ones, in GMACs.

    Returns:
        The table, and notes that explain the errata to which it refers by number.
    """

    def percent(share: float) -> str:
        return f"{round(100 * share, 2) or 0:+.2f} %".replace("+0.00", "0.00")

    # Rows may share an erratum.
    errata = list(dict.fromkeys(row.erratum.text for row in rows if row.erratum))
    lines = []
    for row in rows:
        exact = _row_cost(row, "exact")
        roles = list(exact.role_gmacs.values())
        lines.append(
            {
                "table": row.table,
                "data": row.data,
                "network": row.recipe.network,
                "row": row.name,
                "paper GFLOPs": f"{row.gflops:.2f}",
                "ours, its counting": f"{_row_cost(row, 'paper').mean_gmacs:.2f}",
                "difference": percent(difference(row)),
                "erratum": f"[{errata.index(row.erratum.text) + 1}]" if row.erratum else "",
                "corrected": percent(residual(row)) if row.erratum else "",
                "exact key": f"{roles[0]:.2f}",
                "exact non-key": f"{roles[-1]:.2f}",
                "exact mean": f"{exact.mean_gmacs:.2f}",
            }
        )
    notes = [f"[{number}] {text}" for number, text in enumerate(errata, 1)]
    return pd.DataFrame(lines), "\n".join(notes)


def _row_cost(row: PaperRow, counting: Counting) -> MethodCost:
    data = paper_data(row.data)
    return recipe_cost(row.recipe, data.num_classes, data.size, counting)


@cache
def _frame_macs(
    recipe: Recipe, num_classes: int, size: tuple[int, int], counting: Counting
) -> tuple[int, int]:
    """Count a keyframe and another frame."""
    network, is_paper = _network(recipe, num_classes), counting != "exact"
    small_size = scaled_size(size, recipe.resolution_ratio, truncates=is_paper)
    small = torch.empty(1, 3, *small_size, device="meta")
    image = small if recipe.method == "per_frame" else torch.empty(1, 3, *size, device="meta")
    count = paper_segmentor_macs if is_paper else _exact_macs
    key, propagated, feature = count(network, image)
    if recipe.method == "per_frame":
        return key, key
    if recipe.method == "motion_only":
        return key, 0 if is_paper else count_macs(network.classifier, feature)
    fusion = _fusion(recipe, network.cut_channels)
    if is_paper:
        shifts = counting == "paper"
        return key, paper_nonkey_macs(network, fusion, small, propagated, shifts)
    # A frame between keyframes: each layer where it runs.
    before, low = measure(network, lambda net: net.run(net.cut, {"image": small})[0])
    fusing, fused = measure(fusion, lambda module: module(low, propagated))
    after, _ = measure(network, lambda net: net.classifier(net.run("feature", {net.cut: fused})[0]))
    return key, before + fusing + after


def _exact_macs(network: Segmentor, image: Tensor) -> tuple[int, Tensor, Tensor]:
    """Count one image; also the propagated feature, and the last one."""

    def segment(net: Segmentor) -> tuple[Tensor, Tensor]:
        propagated, _ = net.run(net.cut, {"image": image})
        feature, _ = net.run("feature", {net.cut: propagated})
        net.classifier(feature)
        return propagated, feature

    macs, (propagated, feature) = measure(network, segment)
    return macs, propagated, feature


def _network(recipe: Recipe, num_classes: int) -> Segmentor:
    """Build a network whose weights have shapes but no numbers."""
    with torch.device("meta"):
        if recipe.network == "PSPNet18" and recipe.cut in ("task", "features"):
            return PSPNet18EarlyCut(num_classes, cut=recipe.cut)  # type: ignore[arg-type]
        network: Segmentor = getattr(models, recipe.network)(num_classes)
    return network


def _fusion(recipe: Recipe, channels: int) -> Fusion:
    """Build a fusion whose weights have shapes but no numbers."""
    arguments = {name: getattr(recipe, name) for name in _FUSIONS.get(recipe.fusion, ())}
    with torch.device("meta"):
        fusion: Fusion = getattr(propagation, recipe.fusion)(channels, **arguments)
    return fusion


def main(words: Sequence[str] | None = None) -> None:
    """Print the table, and its notes."""
    parser = argparse.ArgumentParser(description="The paper's printed costs, and ours beside them.")
    parser.add_argument("--rows", default="", help="only rows in whose names this text occurs")
    table, notes = cost_table(rows_named(parser.parse_args(words).rows))
    print(f"{markdown(table, 4)}\n\n{notes}".rstrip())


if __name__ == "__main__":
    main()
