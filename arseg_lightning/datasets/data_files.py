"""Files of data sets: listed by kind, numbered, and matched with their labels."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from arseg_lightning.files import natural_key

__all__ = ["IMAGE_SUFFIXES", "LABEL_SUFFIX", "VIDEO_SUFFIXES", "Gap", "LabelFiles", "files"]
__all__ += ["frame_number", "named", "one_per_name", "other_format", "present"]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".mxf", ".m4v", ".webm", ".h264", ".264")
LABEL_SUFFIX = ".png"
_LOSSY = (".jpg", ".jpeg", ".webp")
_SEPARATORS = "_-. "


@dataclass(frozen=True, slots=True)
class Gap:
    """A file that is missing."""

    what: str  # label, image, recording or frame
    name: str
    message: str  # what is wrong, and the remedy


class LabelFiles:
    """The labels of the images of a folder: NAME.jpg goes with NAME.png or NAME_L.png.

    Layouts and ``check-data`` both ask here what has a label.

    Args:
        folder: The label folder; it is listed once.
        images: All images that labels may belong to.

    Raises:
        FileNotFoundError: If there is no such folder.
    """

    def __init__(self, folder: Path, images: Iterable[Path]) -> None:
        self.folder = folder
        self._owners = {name for image in images for name in _label_names(image)}
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
        found = [path for name in _label_names(image) for path in self._labels.get(name, ())]
        if len(found) > 1:
            raise ValueError(
                f"{image} has the labels {found[0].name} and {found[1].name} in {self.folder}; "
                f"take one of them away"
            )
        return found[0] if found else None

    def of_any(self, images: Iterable[Path]) -> tuple[dict[int, Path], list[Gap]]:
        """Labels by index of images that need none; files that only seem meant as one are gaps."""
        labels, gaps = {}, []
        for index, image in enumerate(images):
            label = self.of(image)
            if label is not None:
                labels[index] = label
            elif image.stem.casefold() in self._similar:
                gaps.append(self.gap(image))
        return labels, gaps

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
    def unused(self) -> list[Path]:
        """Files that belong to none of the images, by name."""
        return sorted(path for path in self._others if path.stem not in self._owners)

    @cached_property
    def _similar(self) -> dict[str, Path]:
        """A file without an image by each name that it begins with: NAME_mask, NAME_labelIds.

        It seems to be meant as the label of that name: another format, case, or ending.
        """
        found: dict[str, Path] = {}
        for path in sorted(self._others, key=lambda path: (len(path.name), path.name)):
            stem = path.stem.casefold()
            ends = [index for index, mark in enumerate(stem) if mark in _SEPARATORS]
            # A number after the name counts frames: it is another image's.
            names = [stem[:end] for end in ends if not stem[end + 1 :].isdigit()]
            for name in (stem, *names):
                found.setdefault(name, path)
        return found


def _label_names(image: Path) -> tuple[str, str]:
    return image.stem, f"{image.stem}_L"


def other_format(path: Path) -> str | None:
    """Say what is wrong with a label file of another format than PNG, and what to do."""
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


def files(folder: Path, suffixes: tuple[str, ...], what: str) -> list[Path]:
    """List the files of a kind in a folder, numbers in natural order.

    Raises:
        FileNotFoundError: If the folder is missing or holds none.
    """
    found = [path for path in present(folder, what) if path.suffix.lower() in suffixes]
    if not found:
        raise FileNotFoundError(f"{folder} holds no {what} ({', '.join(suffixes)})")
    return sorted(found, key=lambda path: natural_key(path.stem))


def present(folder: Path, what: str) -> list[Path]:
    """List a folder without hidden files, which some systems leave beside all others.

    Raises:
        FileNotFoundError: If it is missing.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is missing; {what} should be there (see data/README.md)")
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def one_per_name(paths: list[Path]) -> list[Path]:
    """Return the paths, no two of which may share a name: labels go by names without suffix.

    Raises:
        ValueError: If two do.
    """
    known: dict[str, Path] = {}
    for path in paths:
        other = known.setdefault(path.stem, path)
        if other is not path:
            raise ValueError(
                f"{other} and {path.name} have one name, and their label could belong to either; "
                f"take one of them away or rename it with its label"
            )
    return paths


def frame_number(path: Path) -> int:
    """The last number in a file's name.

    Raises:
        ValueError: If the name has none.
    """
    numbers = re.findall(r"\d+", path.stem)
    if not numbers:
        raise ValueError(f"{path} should be named after its frame number, such as 000123.png")
    return int(numbers[-1])


def named(names: Iterable[str], most: int = 4) -> str:
    """Join names for a message: the first few, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
