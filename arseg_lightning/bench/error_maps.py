"""The frames on which methods are most wrong, as pictures, in memory that does not grow."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arseg_lightning.datasets.evaluation import EvaluationFrame
from arseg_lightning.drawing import ErrorKind, error_kinds, error_picture, most_confused
from arseg_lightning.drawing.canvas import contact_sheet
from arseg_lightning.files import write_atomic
from arseg_lightning.ranges import check_range
from arseg_lightning.types import ClassSet

__all__ = ["MOST_ERROR_MAPS", "WorstFrames"]

MOST_ERROR_MAPS = 200
"""Pictures of a method, about 1 MB each in memory."""

_ON_SHEET, _COLUMNS, _SHEET_WIDTH = 24, 2, 960


@dataclass(frozen=True, slots=True)
class _Picture:
    """A frame that is drawn, as the bytes of a PNG."""

    wrong: float  # share of the pixels that count
    name: str
    content: bytes


class WorstFrames:
    """Keeps pictures of the frames on which each method is most wrong.

    Of six frames in a row, which are alike, and of the distances at which a frame counts, the worst
    is kept. Drawn is only what is among the worst so far.

    Args:
        classes: The classes.
        most: Frames to keep of each method; 0 keeps and draws none.

    Raises:
        ValueError: If that is more than 200.
    """

    def __init__(self, classes: ClassSet, most: int) -> None:
        check_range(0, MOST_ERROR_MAPS, error_maps=most)
        self.classes, self.most = classes, most
        self._kept: dict[str, dict[tuple[str, int], _Picture]] = {}  # by method and place

    def add(
        self, method: str, frame: EvaluationFrame, labels: NDArray[np.uint8], distance: int
    ) -> None:
        """Look at what a method made of a frame that has a label.

        Args:
            method: The method's name.
            frame: The frame.
            labels: Predicted classes, (H, W).
            distance: To the keyframe, in frames.
        """
        label = frame.label
        if label is None or not self.most:
            return
        kinds = error_kinds(label, labels, self.classes.ignore_index)
        counted = np.count_nonzero(kinds)
        if not counted:
            return
        wrong = np.count_nonzero(kinds == ErrorKind.WRONG) / counted
        kept = self._kept.setdefault(method, {})
        place = frame.block
        others = {key: each.wrong for key, each in kept.items() if key != place}
        if place in kept and kept[place].wrong >= wrong:
            return
        if len(others) >= self.most:
            # of equals the first one stays
            least = min(reversed(others), key=others.__getitem__)
            if others[least] >= wrong:
                return
            del kept[least]
        kept[place] = self._draw(method, frame, label, labels, (wrong, distance))

    def _draw(
        self,
        method: str,
        frame: EvaluationFrame,
        label: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        found: tuple[float, int],
    ) -> _Picture:
        wrong, distance = found
        title = f"{100 * wrong:.1f} % wrong   {frame.name}   {method}, distance {distance}"
        confused = most_confused(label, labels, self.classes)
        mistakes = ",   ".join(f"{100 * s:.1f} % {a} taken for {b}" for a, b, s in confused)
        image = error_picture(
            frame.streamed.frame.image, label, labels, self.classes, [title, mistakes]
        )
        content = io.BytesIO()
        Image.fromarray(image).save(content, "PNG", compress_level=3)
        return _Picture(wrong, frame.name, content.getvalue())

    def write(self, folder: Path) -> list[Path]:
        """Write a folder a method: its pictures, worst first, and ``contact_sheet.png``.

        Pictures of an earlier comparison there are removed.

        Returns:
            The contact sheets.
        """
        sheets = []
        for method, kept in self._kept.items():
            place = folder / _file_name(method)
            for older in place.glob("[0-9]*.png"):
                older.unlink()
            worst = sorted(kept.values(), key=lambda each: -each.wrong)
            for rank, picture in enumerate(worst, start=1):
                name = f"{rank:03d}_{_file_name(picture.name)}.png"
                write_atomic(place / name, picture.content)
            shown = [np.asarray(Image.open(io.BytesIO(p.content))) for p in worst[:_ON_SHEET]]
            sheet, content = contact_sheet(shown, _COLUMNS, _SHEET_WIDTH), io.BytesIO()
            Image.fromarray(sheet).save(content, "PNG")
            write_atomic(place / "contact_sheet.png", content.getvalue())
            sheets.append(place / "contact_sheet.png")
        return sheets


def _file_name(text: str) -> str:
    """A name for a file, on every system."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "frame"
