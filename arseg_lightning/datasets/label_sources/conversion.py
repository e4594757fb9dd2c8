"""Categories of a source as classes, and its labels as the values of label files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.datasets.classes import class_set_of
from arseg_lightning.datasets.label_sources.source import CROWD, Category, LabelSource
from arseg_lightning.datasets.labels import class_values
from arseg_lightning.types import ClassSet

__all__ = ["Crowd", "LabelValues", "Others", "classes_of"]

Crowd = Literal["class", "void"]
Others = Literal["refuse", "void"]

_BACKGROUND = "background"
_MOST_CLASSES = 255


def classes_of(categories: Sequence[Category], background: str | None, name: str) -> ClassSet:
    """Make a class of each category, in their order, after the background if it is none of them.

    Raises:
        ValueError: If there are more than a label file can tell apart.
    """
    known = {category.name for category in categories}
    first = [] if background is None or background in known else [Category(background)]
    every = [*first, *categories]
    if len(every) > _MOST_CLASSES:
        raise ValueError(
            f"there are {len(every)} categories, and a label file can tell {_MOST_CLASSES} apart; "
            f"give --classes FILE with those that count, and --others void"
        )
    content: dict[str, Any] = {"names": [category.name for category in every]}
    colours = [category.colour for category in every]
    if None not in colours and len({*colours}) == len(colours):
        content["palette"] = [[*colour] for colour in colours if colour]
    return class_set_of(name, content)


class LabelValues:
    """Turns categories into classes, by their names, and these into values of a label file.

    Args:
        source: The labels.
        classes: The classes.
        background: The class of pixels that no annotation covers; by default the one that is
            called ``background``, and if there is none, they are left out.
        crowd: Whether annotations of crowds are of their class, or left out.
        others: Whether categories that are no class are refused, or left out.

    Raises:
        ValueError: If ``background`` is no class, or a category is none and refused.
    """

    def __init__(
        self,
        source: LabelSource,
        classes: ClassSet,
        background: str | None = None,
        crowd: Crowd = "class",
        others: Others = "refuse",
    ) -> None:
        if background not in (None, *classes.names):
            raise ValueError(
                f"background is {background!r}, and {classes.name} has no such class; it has "
                f"{', '.join(classes.names)}"
            )
        names = [category.name for category in source.categories]
        # What a source calls so is what nobody annotated.
        unknown = [name for name in names if name not in (*classes.names, _BACKGROUND)]
        if unknown and others == "refuse":
            raise ValueError(
                f"{source.name} has categories that are no class of {classes.name}: "
                f"{', '.join(unknown[:12])}; name them like its classes, add them, or leave them "
                f"out with --others void"
            )
        self.numbers, self.void = class_values(classes)  # of each class, and of what is left out
        values = dict(zip(classes.names, self.numbers, strict=True))
        rest = values.get(background or _BACKGROUND, self.void)
        values.setdefault(_BACKGROUND, rest)
        is_small = max(self.void, *self.numbers) < 256
        # By index, that of a crowd, and -1 (the last), where nothing was annotated.
        self._table: NDArray[np.unsignedinteger] = np.full(
            1 << 15, self.void, np.uint8 if is_small else np.uint16
        )
        for index, name in enumerate(names):
            self._table[index] = values.get(name, self.void)
            if crowd == "class":
                self._table[index + CROWD] = self._table[index]
        self._table[-1] = rest
        self.counts_all = bool(rest != self.void)  # whether a blank label says something

    def of(self, pixels: NDArray[np.int16]) -> NDArray[np.unsignedinteger]:
        """Values of a label file.

        Shapes:
            pixels: (H, W), see ``SourceLabel``   returns: (H, W), uint8, or uint16 for large ones
        """
        values: NDArray[np.unsignedinteger] = self._table[pixels]
        return values
