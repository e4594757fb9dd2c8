"""Which row of the paper a method is, and whether the two accuracies may be compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from arseg_lightning.report.groups import look_up
from arseg_lightning.report.paper import PaperData, PaperRow, find_row, paper_data
from arseg_lightning.report.recipe import Recipe, class_name, recipe_of
from arseg_lightning.report.result import RunResult
from arseg_lightning.types import size_text

__all__ = ["Comparison", "PaperChange", "compare", "paper_change"]

_TESTS_LIKE_THE_PAPER = {
    "camvid": ("CamVid", "PublishedCamVid"),
    "cityscapes": ("Cityscapes", "PublishedCityscapes"),
}

_NETWORK_OF_ABLATIONS = "PSPNet18"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A row of the paper for one of our figures.

    Args:
        row: The row.
        obstacles: Why the accuracies may not be compared; empty if they may.
    """

    row: PaperRow
    obstacles: tuple[str, ...]

    def points(self, miou: float) -> float | None:
        """Our mIoU (in [0, 1]) less the paper's, in points; None if they may not be compared."""
        return None if self.obstacles else 100 * miou - self.row.miou


@dataclass(frozen=True, slots=True)
class PaperChange:
    """What one change to AR-Seg did in the paper.

    Args:
        points: The change in mIoU points.
        network: Network of which the paper says so.
    """

    points: float
    network: str


def compare(result: RunResult, method: str) -> Comparison | None:
    """Find the paper's row of a method; None unless the configuration says that there is one.

    Args:
        result: The result.
        method: The method's name in it.
    """
    recipe = recipe_of(result, method)
    data = next((name for name in _TESTS_LIKE_THE_PAPER if result.data.startswith(name)), None)
    if recipe is None or data is None:
        return None
    row = find_row(data, recipe)
    if row is None:
        return None
    return Comparison(row, tuple(_obstacles(result, data, paper_data(data))))


def paper_change(recipe: Recipe | None, reference: Recipe | None) -> PaperChange | None:
    """Say what the change from one recipe to another did in the paper, on CamVid.

    The paper has its ablations for one network only; for others its figures are of that one.

    Args:
        recipe: What a row is.
        reference: What it is compared with.

    Returns:
        The change; None if the paper has not both rows, or they are the same.
    """
    if recipe is None or reference is None:
        return None
    for network in (recipe.network, _NETWORK_OF_ABLATIONS):
        rows = [find_row("camvid", replace(each, network=network)) for each in (recipe, reference)]
        if None not in rows and rows[0] != rows[1]:
            one, other = (row for row in rows if row is not None)
            return PaperChange(one.miou - other.miou, network)
    return None


def _obstacles(result: RunResult, name: str, paper: PaperData) -> Iterator[str]:
    """In what a test differs from the paper's."""
    if len(result.class_names) != paper.num_classes:
        yield f"{len(result.class_names)} classes (paper: {paper.num_classes})"
    if result.size != paper.size:
        yield f"{size_text(result.size)} (paper: {size_text(paper.size)})"
    data: dict[str, Any] = result.provenance.config.get("data") or {}
    test = data.get("test") or {}
    tested = class_name(test)
    if tested not in _TESTS_LIKE_THE_PAPER[name]:
        yield f"tested on {tested or 'unknown data'} (paper: {_TESTS_LIKE_THE_PAPER[name][0]})"
        return
    split = look_up(test, "split")
    if split != paper.split:
        yield f"split {split} (paper: {paper.split})"
    if look_up(test, "frames") not in ("video", None):
        yield "clips made from stills (paper: from the recordings)"
    if data.get("test_pairs") != "every_distance":
        yield f"test_pairs {data.get('test_pairs')} (paper: every_distance)"
    if look_up(result.provenance.config, "trainer.limit_test_batches") not in (None, 1.0):
        yield "only a part of the test data"
