"""Cityscapes' snippets with a network's label for every frame: a protocol of its own."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from arseg_lightning.datasets.cityscapes import LONGEST_FUTURE, LONGEST_PAST, Cityscapes, Split

__all__ = ["CityscapesPseudo"]


class CityscapesPseudo(Cityscapes):
    """Whole snippets of Cityscapes, each of whose 30 frames has a label that a network made.

    Figures on them say how far a method agrees with that network, and how it changes over time:
    they are no accuracies, and results name the folder of the labels. Snippets are those of gtFine.

    ::

        root/pseudo/train/aachen/aachen_000000_000000_leftImg8bit.png …_000029_leftImg8bit.png

    Args:
        root: The folder, otherwise as for :class:`Cityscapes`.
        split: ``train`` or ``val``.
        labels: Folder of the label ids, within ``root`` unless absolute.
        classes: As for :class:`Cityscapes`.
    """

    _whose: ClassVar[str] = "pseudo-labels"

    def __init__(
        self,
        root: Path,
        split: Split,
        labels: Path = Path("pseudo"),
        classes: str = "cityscapes19",
    ) -> None:
        super().__init__(
            root, split, "video", LONGEST_PAST, LONGEST_FUTURE, labels, classes=classes
        )

    def _other_labels(self, folder: Path, frames: list[str]) -> dict[int, Path]:
        """Label files of all frames of a snippet, by index."""
        paths = [folder / f"{each}.png" for each in frames]
        missing = [path for path in paths if not path.is_file()]
        if missing:
            raise FileNotFoundError(
                f"missing in {folder}: {len(missing)} of the {len(paths)} labels of a snippet, the "
                f"first {missing[0].name}; every frame needs a network's label here: add label ids "
                f"of those names, name the folder that holds them (labels), or use the layout "
                f"Cityscapes, which takes gtFine's (see data/README.md)"
            )
        return dict(enumerate(paths))
