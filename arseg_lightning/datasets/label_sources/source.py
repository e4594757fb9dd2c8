"""What every file of annotations becomes: categories, and an index of them for each pixel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from zipfile import Path as PathInZip

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import RGB

__all__ = ["CROWD", "UNLABELLED", "Canvas", "Category", "File", "LabelSource", "SourceLabel"]
__all__ += ["check_categories", "field", "in_folder", "label_names"]

File = Path | PathInZip
"""A file or folder on the disk or in a ZIP file."""

UNLABELLED = -1
"""Index of pixels that no annotation covers."""
CROWD = 1 << 14
"""Added to the category's index where the annotation is of a crowd."""


class Category(NamedTuple):
    """What a source can say of a pixel."""

    name: str
    colour: RGB | None = None


class SourceLabel(NamedTuple):
    """What a source says of an image's pixels."""

    name: str  # of the image, without ending, with "/" between folders
    pixels: NDArray[np.int16]  # (H, W), index into the categories, + CROWD, or UNLABELLED
    covered: int = 0  # pixels where a later annotation covers one of another category


class LabelSource(ABC):
    """Annotations of images, read an image at a time.

    Args:
        name: What messages call it.
    """

    categories: tuple[Category, ...]

    def __init__(self, name: str) -> None:
        self.name = name
        self.left_out: Counter[str] = Counter()  # what was read and makes no label, in words

    @abstractmethod
    def __len__(self) -> int:
        """Number of images that have labels."""

    @abstractmethod
    def labels(self) -> Iterator[SourceLabel]:
        """Yield the labels of all images.

        Raises:
            OSError: If a file is missing.
            ValueError: If an annotation is wrong; the message names file and image.
        """


class Canvas:
    """Annotations of one image, painted one over the other.

    Args:
        size: Height and width.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.pixels = np.full(size, UNLABELLED, np.int16)
        self._covered = np.zeros(size, np.bool_)

    def paint(self, mask: NDArray[np.bool_], category: int, is_crowd: bool = False) -> None:
        """Give the pixels of a mask, (H, W), a category: a later one covers those before it."""
        before = self.pixels[mask]
        self._covered[mask] |= (before != UNLABELLED) & (before % CROWD != category)
        self.pixels[mask] = category + CROWD * is_crowd

    def label(self, name: str) -> SourceLabel:
        """The label of what was painted."""
        return SourceLabel(name, self.pixels, int(self._covered.sum()))


def in_folder(folder: File) -> list[File]:
    """Files and folders of a folder by name, but for hidden ones."""
    found: list[File] = [*folder.iterdir()]
    shown = [path for path in found if not path.name.startswith((".", "__MACOSX"))]
    return sorted(shown, key=lambda path: path.name)


def label_names(files: Sequence[str], source: str) -> list[str]:
    """Names of labels: those of their images, without ending and without folders that all share.

    Raises:
        ValueError: If two images have one name, or a name leads out of its folder.
    """
    paths = [PurePosixPath(file.replace("\\", "/")) for file in files]
    for file, path in zip(files, paths, strict=True):
        if ".." in path.parts or path.name in ("", "."):
            raise ValueError(f"{source} names an image {file!r}, which is no file of a folder")
    common = _common_folder([path.parent for path in paths])
    names = [path.relative_to(common).with_suffix("").as_posix() for path in paths]
    again = [name for name, number in Counter(names).items() if number > 1]
    if again:
        raise ValueError(
            f"{source} names {again[0]} more than once, and its label could belong to either; "
            f"labels go by the names of images without their ending: rename one of them"
        )
    return names


def _common_folder(folders: Iterable[PurePosixPath]) -> PurePosixPath:
    """The innermost folder that all are in."""
    unique = {*folders}
    common = next(iter(unique), PurePosixPath())
    while not all(folder.is_relative_to(common) for folder in unique):
        common = common.parent
    return common


def check_categories(categories: Sequence[Category], source: str) -> tuple[Category, ...]:
    """The categories, if there are any and no two have one name.

    Raises:
        ValueError: If there are none, or two of a name.
    """
    names = [category.name for category in categories]
    if not names:
        raise ValueError(f"{source} names no categories, and labels are of one; export it again")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"{source} has two categories called {name!r}, and classes go by names; rename one"
            )
    return tuple(categories)


def field(item: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    """A value of an object of JSON.

    Raises:
        ValueError: If it is missing or of another type.
    """
    value = item.get(key) if isinstance(item, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        got = "missing" if value is None else repr(value)[:40]
        kinds = kind if isinstance(kind, tuple) else (kind,)
        known = {int: "a whole number", str: "a text", list: "a list", dict: "an object"}
        rule = " or ".join(known[each] for each in kinds)
        raise ValueError(f"{where}: {key!r} is {got}, and has to be {rule}")
    return value
