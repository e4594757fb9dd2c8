"""Layouts of data folders, recognised by the files in them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

from arseg_lightning.datasets.camvid import CamVid
from arseg_lightning.datasets.cityscapes import Cityscapes
from arseg_lightning.datasets.data_files import IMAGE_SUFFIXES, frame_number, present
from arseg_lightning.datasets.folder import FrameFolder, StillFolder, VideoFolder
from arseg_lightning.datasets.layout import Layout
from arseg_lightning.files import natural_key

__all__ = ["recognise"]

_CITYSCAPES = ("gtFine", "leftImg8bit", "leftImg8bit_sequence")
_WIDEST_STEP = 5  # CamVid's labelled clip counts in steps of 2, its stills in steps of 30


def recognise(folder: Path, classes: str = "camvid11") -> dict[str, Layout]:
    """Name the layouts that a folder has, or else those of the folders in it.

    Args:
        folder: A folder of data.
        classes: Class set of data in one of the layouts for custom data.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has none of the layouts.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder; give the folder of a data set")
    found = _layouts(folder, classes)
    if not found:
        parts = [path for path in sorted(folder.iterdir()) if path.is_dir()]
        found = {
            f"{part.name}/ {name}".rstrip(): layout
            for part in parts
            for name, layout in _layouts(part, classes).items()
        }
    if not found:
        raise ValueError(
            f"{folder} has none of the known layouts: train/ and train_labels/ (CamVid), gtFine/ "
            f"(Cityscapes), videos/ and labels/, or images/ and labels/; data/README.md shows them"
        )
    return found


def _layouts(folder: Path, classes: str) -> dict[str, Layout]:
    """The layouts that a folder itself has."""
    if any((folder / f"{split}_labels").is_dir() for split in ("train", "val", "test")):
        return {
            f"{split}, frames: {frames}": CamVid(folder, split, frames=frames)
            for split in ("train", "val", "test")
            for frames in ("stills", "video")
        }
    if any((folder / name).is_dir() for name in _CITYSCAPES):
        return {
            f"{split}, frames: {frames}": Cityscapes(folder, split, frames)
            for split in ("train", "val")
            for frames in ("stills", "video")
        }
    if (folder / "videos").is_dir():
        return {"": VideoFolder(folder, classes)}
    if (folder / "images").is_dir():
        stills = StillFolder(folder, classes)
        if _are_consecutive(folder / "images"):  # which may be a habit of who named the stills
            return {"one clip": FrameFolder(folder, classes), "stills": stills}
        return {"": stills}
    return {}


def _are_consecutive(folder: Path) -> bool:
    """Whether images look like one clip: one name, and numbers that go up in small equal steps."""
    paths = (path for path in present(folder, "images") if path.suffix.lower() in IMAGE_SUFFIXES)
    ordered = sorted(paths, key=lambda path: natural_key(path.stem))
    if len(ordered) < 2 or len({path.stem.rstrip("0123456789") for path in ordered}) > 1:
        return False
    if not all(path.stem[-1].isdigit() for path in ordered):
        return False
    numbers = [frame_number(path) for path in ordered]
    # A frame may be missing here and there: nine of ten steps are enough.
    (step, count), *_ = Counter(b - a for a, b in pairwise(numbers)).most_common()
    return step <= _WIDEST_STEP and count >= 0.9 * (len(numbers) - 1)
