"""The tables of the AR-Seg paper as data: quoted figures, and their known errata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

__all__ = ["Erratum", "PaperData", "PaperRow", "Recipe", "find_row", "paper_data", "paper_rows"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A method by what the paper varies; the defaults are AR-Seg as it proposes it.

    Args:
        network: Class name of the network.
        method: Which of the methods that the paper compares.
        resolution_ratio: Scale s of what the (low-res) network sees.
        keyframe_interval: L.
        fusion: Class name of the fusion.
        window: Side of CReFF's window.
        projection: CReFF's convolutions.
        direct_connection: Whether CReFF adds the low-res feature.
        prior_sigma: Width of CReFF's prior for near positions; the paper has none.
        reduction: Feature pixels a key of global attention covers, per axis.
        cut: Which feature is propagated: that before the ``classifier``, or before an earlier part
            (``task``, ``features``).
        motion: Whether it is warped.
        similarity: Feature distance in FST.
        share_classifier: Whether the branches share the last convolution.
    """

    network: str
    method: Literal["arseg", "per_frame", "motion_only"] = "arseg"
    resolution_ratio: float = 0.5
    keyframe_interval: int = 12
    fusion: str = "CReFF"
    window: int = 7
    projection: str = "depthwise"
    direct_connection: bool = True
    prior_sigma: float | None = None
    reduction: float = 32.0
    cut: str = "classifier"
    motion: bool = True
    similarity: str = "mse"
    share_classifier: bool = True


class PaperData(NamedTuple):
    """What the paper measured on."""

    num_classes: int  # that count
    size: tuple[int, int]  # height and width
    split: str


@dataclass(frozen=True, slots=True)
class Erratum:
    """Why a printed cost is not that of its row.

    Args:
        text: The explanation.
        counted: What was counted: the ``mean`` per frame over the interval; ``nonkey``, one frame
            between keyframes; or ``mean_without_shift``, the mean with the last convolution on the
            low-res grid.
        changes: What the recipe that was counted has different.
        plus: GMACs that were added.
        meant: What should have been printed; None if the printed figure was meant.
    """

    text: str
    counted: Literal["mean", "nonkey", "mean_without_shift"] = "mean"
    changes: Mapping[str, Any] = field(default_factory=dict)
    plus: float = 0.0
    meant: float | None = None


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One row of the paper's tables, quoted.

    Args:
        table: Name of the table.
        data: ``camvid`` or ``cityscapes``.
        name: The row's name.
        recipe: What it is.
        miou_slides: mIoU in percent as the slides print it; None if it is the repository's.
        miou_repository: Mean over distances in the repository's result files, if they have it.
        miou_at_distance: Values in those files at distances 0 to 11.
        unreliable: Whether the mIoU could not be read with certainty.
        gflops: GFLOPs as printed, which are 1e9 multiply-accumulates; None if not quoted.
        erratum: Why ``gflops`` is not the cost of the recipe, if it is not.
    """

    table: str
    data: str
    name: str
    recipe: Recipe
    miou_slides: float | None = None
    miou_repository: float | None = None
    miou_at_distance: tuple[float, ...] = ()
    unreliable: bool = False
    gflops: float | None = None
    erratum: Erratum | None = None

    @property
    def miou(self) -> float:
        """MIoU in percent: the repository's, which can be checked, or else the slides'."""
        value = self.miou_slides if self.miou_repository is None else self.miou_repository
        if value is None:
            raise ValueError(f"the row {self.name!r} of the paper has no mIoU")
        return value


@cache
def paper_rows() -> tuple[PaperRow, ...]:
    """All rows of the paper's tables, in its order."""
    return tuple(_row(table, **row) for table in _figures()["tables"] for row in table["rows"])


def paper_data(name: str) -> PaperData:
    """What the paper measured on, by the data set's name (``camvid``, ``cityscapes``)."""
    height, width = _figures()["data"][name]["size"]
    return PaperData(**_figures()["data"][name] | {"size": (height, width)})


def find_row(data: str, recipe: Recipe) -> PaperRow | None:
    """The first row of a data set with a recipe; None if the paper has none."""
    found = (row for row in paper_rows() if row.data == data and row.recipe == recipe)
    return next(found, None)


@cache
def _figures() -> Any:
    return yaml.safe_load(Path(__file__).with_name("figures.yaml").read_text("utf-8"))


def _row(table: Mapping[str, Any], name: str, **figures: Any) -> PaperRow:
    recipe, erratum = figures.pop("recipe", {}), figures.pop("erratum", None)
    return PaperRow(
        table=table["table"],
        data=table["data"],
        name=name,
        recipe=Recipe(table["network"], **recipe),
        miou_slides=figures.pop("miou", None),
        miou_repository=figures.pop("repository", None),
        miou_at_distance=tuple(figures.pop("at_distance", ())),
        erratum=Erratum(**erratum) if erratum else None,
        **figures,
    )
