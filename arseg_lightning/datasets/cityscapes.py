"""Cityscapes in its published folder layout: 30-frame snippets, or labelled stills."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.data_files import (
    IMAGE_SUFFIXES,
    match_labels,
    one_per_name,
    present,
)
from arseg_lightning.datasets.folder import CameraPath
from arseg_lightning.datasets.labelled_video import LabelledImages, LabelledVideo
from arseg_lightning.datasets.layout import Gap, Inventory, Layout
from arseg_lightning.ranges import check_range, check_words

__all__ = ["Cityscapes"]

Split = Literal["train", "val"]
Frames = Literal["video", "stills"]

_VIDEO, _STILLS, _LABELS = "leftImg8bit_sequence", "leftImg8bit", "gtFine"
_LABEL_ENDING = "_gtFine_labelIds.png"
_IMAGE_ENDING = "_leftImg8bit"
_REMEDIES = {
    _LABELS: "unpack gtFine_trainvaltest.zip",
    _STILLS: "unpack leftImg8bit_trainvaltest.zip",
    _VIDEO: (
        "unpack leftImg8bit_sequence_trainvaltest.zip, or use frames: stills, which takes the "
        "labelled frames alone"
    ),
}
_FPS = 17.0
_LONGEST_PAST, _LONGEST_FUTURE = 19, 10  # the labelled frame is the 20th of 30


class Cityscapes(Layout):
    """Cityscapes: 1024x2048 snippets of 30 frames at 17 Hz, the 20th of which is labelled.

    ::

        root/gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png
        root/leftImg8bit_sequence/train/aachen/aachen_000000_000000_leftImg8bit.png …_000029_…
        root/leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png   (frames: stills)

    Args:
        root: The folder.
        split: ``train`` or ``val``; labels of the test split are not published.
        frames: ``video`` takes the labelled frame with its neighbours; ``stills`` makes a clip
            from the labelled frame by a camera path, and needs leftImg8bit only.
        past: Frames before the labelled one that belong to the clip; at least L-1, at most 19.
        future: Frames after it, at most 10; for methods that look ahead.
        labels: Folder, within ``root`` unless absolute, of label ids to take instead of gtFine's:
            for any frame, ``labels/train/aachen/aachen_000000_000000_leftImg8bit.png``.
        camera: How stills become clips.

    """

    def __init__(
        self,
        root: Path,
        split: Split,
        frames: Frames = "video",
        past: int = _LONGEST_PAST,
        future: int = 0,
        labels: Path | None = None,
        camera: CameraPath = CameraPath(),  # noqa: B008
    ) -> None:
        check_range(0, _LONGEST_PAST, past=past)  # as many as a snippet has
        check_range(0, _LONGEST_FUTURE, future=future)
        check_words(split=(split, Split), frames=(frames, Frames))
        self.root = Path(root)
        self.split = split
        self.classes = class_set("cityscapes19")
        self.frames = frames
        self.past, self.future = (past, future) if frames == "video" else (0, 0)
        self.labels = labels and self.root / labels
        self.camera = camera

    def inventory(self) -> Inventory:
        """Look for the images and labels of every labelled frame.

        Raises:
            FileNotFoundError: If a whole package is missing.
        """
        found = Inventory()
        for city in sorted(self._package(_LABELS).iterdir()):
            if city.is_dir():
                self._look_for_city(city, found)
        if not found.videos and not found.gaps:
            raise FileNotFoundError(
                f"{self.root / _LABELS / self.split} holds no CITY/*{_LABEL_ENDING}; unpack "
                f"gtFine_trainvaltest.zip in {self.root} (see data/README.md)"
            )
        return found

    def _package(self, name: str) -> Path:
        """The folder of the split in a package."""
        folder = self.root / name / self.split
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is missing; {_REMEDIES[name]} (see data/README.md)")
        return folder

    def _look_for_city(self, folder: Path, found: Inventory) -> None:
        """Match the label files of a city with its images, which are listed once."""
        # The labelled frame is in both packages, and few have space for both.
        has_only_video = (self.root / _VIDEO).is_dir() and not (self.root / _STILLS).is_dir()
        package = _VIDEO if self.frames == "video" or has_only_video else _STILLS
        images_folder = self._package(package) / folder.name
        paths = sorted(present(images_folder, "images")) if images_folder.is_dir() else []
        paths = one_per_name([path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES])
        images = {path.stem: path for path in paths}
        others: Mapping[Path, Path] | None = None
        if self.labels is not None:
            others, _ = match_labels(self.labels / self.split / folder.name, paths)
        remedy = f"is missing in {images_folder}; {_REMEDIES[package]} (see data/README.md)"
        for label in sorted(folder.glob(f"*{_LABEL_ENDING}")):
            name = label.name.removesuffix(_LABEL_ENDING)
            frames = self._frames_around(name, label)
            labelled = frames[self.past]
            gaps = [Gap(each, f"{each} {remedy}") for each in frames if each not in images]
            labels = {self.past: label}
            if others is not None:
                found_labels = {i: others.get(images.get(f, label)) for i, f in enumerate(frames)}
                labels = {index: path for index, path in found_labels.items() if path is not None}
            if not labels:
                message = (
                    f"{labelled}.png and the labels of its neighbours are missing in "
                    f"{self.labels}; add one of them, or leave out the argument labels, which "
                    f"takes gtFine's"
                )
                gaps.append(Gap(f"{labelled}.png", message))
            found.gaps += gaps
            if not gaps:
                found.videos.append(self._clip(name, [images[each] for each in frames], labels))

    def _frames_around(self, name: str, label: Path) -> list[str]:
        """Names of the labelled frame and, in a video, of its neighbours, in order of time."""
        if not re.fullmatch(r".+_\d+", name):
            raise ValueError(f"{label} should be named CITY_SEQUENCE_FRAME{_LABEL_ENDING}")
        prefix, number = name.rsplit("_", 1)
        return [
            f"{prefix}_{int(number) + offset:0{len(number)}d}{_IMAGE_ENDING}"
            for offset in range(-self.past, self.future + 1)
        ]

    def _clip(self, name: str, images: list[Path], labels: dict[int, Path]) -> LabelledVideo:
        if self.frames == "video":
            return LabelledImages(name, images, labels, self.classes, _FPS)
        # The path hangs on the name, so that a part of the data has the same ones as the whole.
        number_of_path = zlib.crc32(name.encode())
        return self.camera.clip(name, images[0], labels[0], self.classes, number_of_path)
