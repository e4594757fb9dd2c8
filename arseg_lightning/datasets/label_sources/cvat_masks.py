"""CVAT's export "Segmentation mask": coloured PNG files, and a file of what colours mean."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from arseg_lightning.datasets.data_files import LABEL_SUFFIX
from arseg_lightning.datasets.label_sources.source import (
    Category,
    File,
    LabelSource,
    SourceLabel,
    check_categories,
    in_folder,
    label_names,
)
from arseg_lightning.datasets.lookup import colour_code, colour_codes, look_up
from arseg_lightning.types import RGB

__all__ = ["LABEL_MAP", "CvatMasks"]

LABEL_MAP = "labelmap.txt"
_FOLDER = "SegmentationClass"


class CvatMasks(LabelSource):
    """A folder or ZIP file with ``labelmap.txt`` and ``SegmentationClass/NAME.png``.

    A line of ``labelmap.txt`` is ``NAME:R,G,B:PARTS:ACTIONS``; lines that start with # say nothing.
    What nobody annotated has the colour of the category ``background``. Nothing overlaps:
    CVAT has painted by its own order.

    Args:
        folder: The export.

    Raises:
        FileNotFoundError: If the folder of masks is missing or empty.
        ValueError: If a line of the label map is wrong, or two categories have one colour.

    Source: docs.cvat.ai, "Segmentation Mask".
    """

    def __init__(self, folder: File) -> None:
        super().__init__(str(folder))
        self.categories = _read_label_map(folder / LABEL_MAP)
        masks = folder / _FOLDER
        found = [*_masks(masks)] if masks.is_dir() else []
        if not found:
            raise FileNotFoundError(
                f"{masks} holds no {LABEL_SUFFIX} files; it is part of what CVAT exports as "
                f'"Segmentation mask 1.1"'
            )
        names = label_names(
            [str(path)[len(str(masks)) :].lstrip("/\\") for path in found], str(masks)
        )
        self._masks = dict(zip(names, found, strict=True))
        self._codes = {
            colour_code(each.colour or (0, 0, 0)): index
            for index, each in enumerate(self.categories)
        }

    def __len__(self) -> int:
        """Number of masks."""
        return len(self._masks)

    def labels(self) -> Iterator[SourceLabel]:
        """Yield the labels of all masks."""
        for name, path in self._masks.items():
            with path.open("rb") as file, Image.open(file) as png:
                colours = np.asarray(png.convert("RGB"))
            pixels, is_known = look_up(colour_codes(colours), self._codes)
            if not is_known.all():
                raise ValueError(
                    f"{path} has pixels of the colour {colours[~is_known][0].tolist()}, of which "
                    f"{LABEL_MAP} says nothing; export both anew, or add its line"
                )
            yield SourceLabel(name, pixels)


def _masks(folder: File) -> Iterator[File]:
    """The PNG files of a folder and the folders in it, by name."""
    for path in in_folder(folder):
        if path.is_dir():
            yield from _masks(path)
        elif path.suffix.lower() == LABEL_SUFFIX:
            yield path


def _read_label_map(path: File) -> tuple[Category, ...]:
    categories: list[Category] = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        colour = _colour(rest.partition(":")[0])
        if colour is None:
            raise ValueError(f"{path}, line {number}: {line!r} is not NAME:R,G,B:PARTS:ACTIONS")
        if other := next((each.name for each in categories if each.colour == colour), None):
            raise ValueError(
                f"{path}, line {number}: {name} has the colour of {other}, and pixels could be of "
                f"either; give them two in CVAT, and export again"
            )
        categories.append(Category(name.strip(), colour))
    return check_categories(categories, str(path))


def _colour(text: str) -> RGB | None:
    parts = text.split(",")
    if len(parts) != 3 or not all(p.strip().isdecimal() and int(p) < 256 for p in parts):
        return None
    red, green, blue = map(int, parts)
    return red, green, blue
