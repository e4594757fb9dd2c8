"""Files of data sets: listed by kind, numbered, and matched with their labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from arseg_lightning.files import natural_key

__all__ = ["IMAGE_SUFFIXES", "LABEL_SUFFIX", "VIDEO_SUFFIXES", "by_frame", "files"]
__all__ += ["frame_number", "match_labels", "one_per_name", "present"]

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".avi", ".mxf", ".m4v", ".webm", ".h264", ".264")
LABEL_SUFFIX = ".png"


def match_labels(folder: Path, images: Iterable[Path]) -> Mapping[Path, Path]:
    """Labels by image; files that belong to none do no harm.

    NAME.jpg goes with NAME.png or NAME_L.png: no other format is sure to keep classes.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If an image has two.
    """
    images = list(images)
    owners = {f"{image.stem}_L": image for image in images}
    owners |= {image.stem: image for image in images}
    labels = dict[Path, Path]()
    for path in sorted(present(folder, "labels")):
        image = owners.get(path.stem) if path.suffix.lower() == LABEL_SUFFIX else None
        if image in labels:
            raise ValueError(
                f"{image} has the labels {labels[image].name} and {path.name} in {folder}; "
                f"take one of them away"
            )
        if image is not None:
            labels[image] = path
    return labels


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


def by_frame(labels: Iterable[Path]) -> dict[int, Path]:
    """Labels by the index of their frame, which their names end with; a ValueError if two agree."""
    numbered: dict[int, Path] = {}
    for path in labels:
        if (other := numbered.setdefault(frame_number(path), path)) is not path:
            raise ValueError(
                f"{other} and {path.name} are labels of one frame; take one of them away"
            )
    return numbered
