"""Which label file belongs to which image, and why one that is there does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from arseg_lightning.datasets.layout import Gap, present

__all__ = ["LABEL_SUFFIX", "LabelFiles", "other_format"]

LABEL_SUFFIX = ".png"
_LOSSY = (".jpg", ".jpeg", ".webp")
_SEPARATORS = "_-. "


class LabelFiles:
    """The labels of the images of a folder: NAME.jpg goes with NAME.png or NAME_L.png.

    This is the one judgement of what has a label: layouts and ``check-data`` ask it.

    Args:
        folder: The label folder; it is listed once.
        images: All images that labels may belong to.

    Raises:
        FileNotFoundError: If there is no such folder.
    """

    def __init__(self, folder: Path, images: Iterable[Path]) -> None:
        self.folder = folder
        self._owners = {name for image in images for name in _names(image)}
        self._labels: dict[str, list[Path]] = defaultdict(list)
        self._others: list[Path] = []
        for path in present(folder, "labels"):
            is_label = path.suffix.lower() == LABEL_SUFFIX and path.stem in self._owners
            (self._labels[path.stem] if is_label else self._others).append(path)

    def of(self, image: Path) -> Path | None:
        """The label of an image, if it has one.

        Raises:
            ValueError: If it has several.
        """
        found = [path for name in _names(image) for path in self._labels.get(name, ())]
        if len(found) > 1:
            raise ValueError(
                f"{image} has the labels {found[0].name} and {found[1].name} in {self.folder}; "
                f"take one of them away"
            )
        return found[0] if found else None

    def of_any(self, images: Iterable[Path]) -> tuple[dict[int, Path], tuple[Gap, ...]]:
        """The labels of images, any of which may have none, by place.

        Where a file only seems to be meant as one, it is a gap.
        """
        labels, gaps = {}, []
        for place, image in enumerate(images):
            label = self.of(image)
            if label is not None:
                labels[place] = label
            elif image.stem.casefold() in self._similar:
                gaps.append(self.gap(image))
        return labels, tuple(gaps)

    def gap(self, image: Path) -> Gap:
        """Say that an image has no label, and why, if a file seems to be meant for it."""
        meant = self._similar.get(image.stem.casefold())
        name = f"{image.stem}{LABEL_SUFFIX}"
        if meant is None:
            why = (
                f"neither {name} nor {image.stem}_L{LABEL_SUFFIX} is in {self.folder}; add it or "
                f"take the image away"
            )
        else:
            why = other_format(meant) or (
                f"{meant} is there, which belongs to no image; rename it {name}"
            )
        return Gap("label", name, f"{image} has no label: {why}")

    @property
    def unused(self) -> tuple[Path, ...]:
        """Files that belong to none of the images, by name."""
        return tuple(sorted(path for path in self._others if path.stem not in self._owners))

    @cached_property
    def _similar(self) -> dict[str, Path]:
        """A file without an image by each name that it begins with: NAME_mask, NAME_labelIds.

        It seems to be meant as the label of that name: another format, case, or ending.
        """
        found: dict[str, Path] = {}
        for path in sorted(self._others, key=lambda path: (len(path.name), path.name)):
            stem = path.stem.casefold()
            ends = [place for place, mark in enumerate(stem) if mark in _SEPARATORS]
            # A number behind the name counts frames: it is another image's.
            names = [stem[:end] for end in ends if not stem[end + 1 :].isdigit()]
            for name in (stem, *names):
                found.setdefault(name, path)
        return found


def other_format(path: Path) -> str | None:
    """What is wrong with a label file of another format than PNG, and what to do."""
    suffix = path.suffix.lower()
    if suffix == LABEL_SUFFIX:
        return None
    if suffix in _LOSSY:
        kind = "WebP" if suffix == ".webp" else "JPEG"
        return (
            f"{path} is a {kind}, and cannot be trusted with classes: lossy compression changes "
            f"values at every border; export the labels as PNG from where they were made (a "
            f"converted {kind} keeps the wrong values)"
        )
    return (
        f"{path} is not read; labels are PNG files with a class in each pixel: save it as "
        f"{path.stem}.png"
    )


def _names(image: Path) -> tuple[str, str]:
    """Names that the label of an image may have, without suffix."""
    return image.stem, f"{image.stem}_L"
