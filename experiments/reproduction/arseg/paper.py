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
    """A method by what the paper varies; the defaults are AR-Seg as it proposes it."""

    network: str  # class name of the network
    # which of the methods that the paper compares
    method: Literal["arseg", "per_frame", "motion_only"] = "arseg"
    resolution_ratio: float = 0.5  # scale s of what the (low-res) network sees
    keyframe_interval: int = 12  # L
    fusion: str = "CReFF"  # class name of the fusion
    window: int = 7  # side of CReFF's window
    projection: str = "depthwise"  # CReFF's convolutions
    direct_connection: bool = True  # whether CReFF adds the low-res feature
    # width of CReFF's prior for near positions; the paper has none
    prior_sigma: float | None = None
    # start of the factor of CReFF's low-res feature; the paper has none
    low_res_gain: float | None = None
    reduction: float = 32.0  # feature pixels a key of global attention covers, per axis
    # which feature is propagated: that before the ``classifier``, or before an earlier part
    # (``task``, ``features``)
    cut: str = "classifier"
    motion: bool = True  # whether it is warped
    similarity: str = "mse"  # feature distance in FST
    share_classifier: bool = True  # whether the branches share the last convolution


class PaperData(NamedTuple):
    """What the paper measured on."""

    num_classes: int  # that count
    size: tuple[int, int]  # height and width
    split: str


@dataclass(frozen=True, slots=True)
class Erratum:
    """Why a printed cost is not that of its row."""

    text: str  # the explanation
    # what was counted: the ``mean`` per frame over the interval; ``nonkey``, one frame between
    # keyframes; or ``mean_without_shift``, the mean with the last convolution on the low-res grid
    counted: Literal["mean", "nonkey", "mean_without_shift"] = "mean"
    # what the recipe that was counted has different
    changes: Mapping[str, Any] = field(default_factory=dict)
    plus: float = 0.0  # GMACs that were added
    # what should have been printed; None if the printed figure was meant
    meant: float | None = None


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One row of the paper's tables, quoted."""

    table: str  # name of the table
    data: str  # ``camvid`` or ``cityscapes``
    name: str  # the row's name
    recipe: Recipe  # what it is
    # mIoU in percent as the slides print it; None if it is the repository's
    miou_slides: float | None = None
    # mean over distances in the repository's result files, if they have it
    miou_repository: float | None = None
    miou_at_distance: tuple[float, ...] = ()  # values in those files at distances 0 to 11
    unreliable: bool = False  # whether the mIoU could not be read with certainty
    # GFLOPs as printed, which are 1e9 multiply-accumulates; None if not quoted
    gflops: float | None = None
    erratum: Erratum | None = None  # why ``gflops`` is not the cost of the recipe, if it is not

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
