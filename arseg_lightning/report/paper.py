"""The paper's tables as data: quoted figures, and their known errata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from omegaconf import OmegaConf

from arseg_lightning.report.recipe import Recipe

__all__ = ["Erratum", "PaperData", "PaperRow", "find_row", "paper_data", "paper_rows"]

Counted = Literal["mean", "nonkey", "mean_without_shift"]
"""``mean``: per frame over the interval; ``nonkey``: one frame between keyframes;
``mean_without_shift``: the mean, with the last convolution on the low-res grid."""


@dataclass(frozen=True, slots=True)
class PaperData:
    """What the paper measured on.

    Args:
        num_classes: Classes that count.
        size: Height and width of the frames.
        split: The split.
    """

    num_classes: int
    size: tuple[int, int]
    split: str


@dataclass(frozen=True, slots=True)
class Erratum:
    """Why a printed cost is not that of its row.

    Args:
        text: The explanation.
        counted: What was counted.
        changes: What the recipe that was counted has different.
        plus: GMACs that were added.
        meant: What should have been printed; None if the printed figure was meant.
    """

    text: str
    counted: Counted = "mean"
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

    @property
    def source(self) -> str:
        """Where :attr:`miou` is from."""
        return "slides" if self.miou_repository is None else "repository"


@cache
def paper_rows() -> tuple[PaperRow, ...]:
    """All rows of the paper's tables, in its order."""
    return tuple(_row(table, entry) for table in _figures()["tables"] for entry in table["rows"])


def paper_data(name: str) -> PaperData:
    """What the paper measured on, by the data set's name (``camvid``, ``cityscapes``)."""
    entry = _figures()["data"][name]
    height, width = entry["size"]
    return PaperData(entry["num_classes"], (height, width), entry["split"])


def find_row(data: str, recipe: Recipe) -> PaperRow | None:
    """The first row of a data set with a recipe; None if the paper has none."""
    found = (row for row in paper_rows() if row.data == data and row.recipe == recipe)
    return next(found, None)


@cache
def _figures() -> Any:
    text = files("arseg_lightning.report").joinpath("paper_figures.yaml").read_text("utf-8")
    return OmegaConf.to_container(OmegaConf.create(text))


def _row(table: Mapping[str, Any], entry: Mapping[str, Any]) -> PaperRow:
    erratum = entry.get("erratum")
    return PaperRow(
        table=table["table"],
        data=table["data"],
        name=entry["name"],
        recipe=Recipe(table["network"], **entry.get("recipe", {})),
        miou_slides=entry.get("miou"),
        miou_repository=entry.get("repository"),
        miou_at_distance=tuple(entry.get("at_distance", ())),
        unreliable=entry.get("unreliable", False),
        gflops=entry.get("gflops"),
        erratum=Erratum(**erratum) if erratum is not None else None,
    )
