"""Cityscapes in its published folder layout: 30-frame snippets, or labelled stills."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.folder import CameraPath
from arseg_lightning.datasets.inventory import Gap, Inventory
from arseg_lightning.datasets.label_files import LabelFiles
from arseg_lightning.datasets.labelled_video import LabelledImages, LabelledVideo
from arseg_lightning.datasets.layout import IMAGE_SUFFIXES, Layout, one_per_name, present
from arseg_lightning.datasets.synthetic.still_clips import LabelledStill
from arseg_lightning.ranges import check_words

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
        past: Frames before the labelled one that belong to the clip; at least L-1.
        future: Frames behind it; of use only if ``labels`` has labels of them.
        labels: Folder of label ids to take instead of gtFine's, for any of the frames, each named
            as its frame: ``labels/train/aachen/aachen_000000_000000_leftImg8bit.png``; looked up
            in ``root`` unless the path is absolute.
        camera: How stills become clips.

    Raises:
        ValueError: If past or future reach beyond the snippet.
        FileNotFoundError: If labels or frames are missing.
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
        if not (0 <= past <= _LONGEST_PAST and 0 <= future <= _LONGEST_FUTURE):
            raise ValueError(
                f"past={past} and future={future} do not fit: a snippet of Cityscapes has "
                f"{_LONGEST_PAST} frames before the labelled one and {_LONGEST_FUTURE} behind it"
            )
        check_words(split=(split, Split), frames=(frames, Frames))
        self.root = Path(root)
        self.split = split
        self.classes = class_set("cityscapes19")
        self.frames = frames
        self.past, self.future = past, future
        self.labels = labels and self.root / labels
        self.camera = camera

    def videos(self) -> list[LabelledVideo]:
        """One sequence a labelled frame."""
        return self.inventory().complete()

    def inventory(self) -> Inventory:
        """Look for the images and labels of every labelled frame.

        Raises:
            FileNotFoundError: If a whole package is missing.
        """
        cities = sorted(_package(self.root, _LABELS, self.split).iterdir())
        parts = [part for city in cities if city.is_dir() for part in self._city(city)]
        if not parts:
            raise FileNotFoundError(
                f"{self.root / _LABELS / self.split} holds no CITY/*{_LABEL_ENDING}; unpack "
                f"gtFine_trainvaltest.zip in {self.root} (see data/README.md)"
            )
        return Inventory.joined(parts)

    def _city(self, folder: Path) -> Iterator[Inventory]:
        """Match the label files of a city with its images, which are listed once."""
        has_only_video = (self.root / _VIDEO).is_dir() and not (self.root / _STILLS).is_dir()
        package = _VIDEO if self.frames == "video" or has_only_video else _STILLS
        images_folder = _package(self.root, package, self.split) / folder.name
        images = _images(images_folder)
        own_labels = None
        own_folder = self.labels and self.labels / self.split / folder.name
        if own_folder is not None and own_folder.is_dir():
            own_labels = LabelFiles(own_folder, images.values())
        labels = (path for path in present(folder, "labels") if path.name.endswith(_LABEL_ENDING))
        for label in sorted(labels):
            name = label.name.removesuffix(_LABEL_ENDING)
            if not re.fullmatch(r".+_\d+", name):
                raise ValueError(f"{label} should be named CITY_SEQUENCE_FRAME{_LABEL_ENDING}")
            snippet = _Snippet(name, label, own_labels, images_folder, images, _REMEDIES[package])
            yield self._sequence(snippet)

    def _sequence(self, snippet: _Snippet) -> Inventory:
        """The labelled frame with its neighbours, or alone."""
        past, future = (self.past, self.future) if self.frames == "video" else (0, 0)
        names = [snippet.frame(offset) for offset in range(-past, future + 1)]
        gaps = [snippet.gap(name) for name in names if name not in snippet.images]
        labels = {past: snippet.label}
        if self.labels is not None:
            images = [snippet.images.get(name, Path(name)) for name in names]
            known = snippet.own_labels
            labels, unfit = known.of_any(images) if known is not None else ({}, ())
            gaps += unfit or ([] if labels else [self._label_gap(snippet)])
        if gaps:
            return Inventory(gaps=tuple(gaps))
        paths = tuple(snippet.images[name] for name in names)
        if self.frames == "video":
            return Inventory((LabelledImages(snippet.name, paths, labels, self.classes, _FPS),))
        camera = self.camera
        # The seed hangs on the name, so that a part of the data has the same paths as the whole.
        seed = camera.seed * 1_000_003 + zlib.crc32(snippet.name.encode())
        still = LabelledStill(
            snippet.name, paths[0], labels[0], self.classes, camera.num_frames, seed, camera.fps
        )
        return Inventory((still,))

    def _label_gap(self, snippet: _Snippet) -> Gap:
        name = f"{snippet.frame(0)}.png"
        message = (
            f"{name} and the labels of its neighbours are missing in {self.labels}; add one of "
            f"them, or leave out the argument labels, which takes gtFine's"
        )
        return Gap("label", name, message)


@dataclass(frozen=True, slots=True)
class _Snippet:
    """A labelled frame, and where it and its neighbours should be."""

    name: str
    label: Path
    own_labels: LabelFiles | None
    images_folder: Path
    images: dict[str, Path]
    remedy: str

    def frame(self, offset: int) -> str:
        """Name of the frame at a distance from the labelled one."""
        prefix, number = self.name.rsplit("_", 1)
        return f"{prefix}_{int(number) + offset:0{len(number)}d}{_IMAGE_ENDING}"

    def gap(self, frame: str) -> Gap:
        """Say that a frame is missing."""
        message = f"{frame} is missing in {self.images_folder}; {self.remedy} (see data/README.md)"
        return Gap("frame", frame, message)


def _package(root: Path, name: str, split: str) -> Path:
    """The folder of a split of a package."""
    folder = root / name / split
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is missing; {_REMEDIES[name]} (see data/README.md)")
    return folder


def _images(folder: Path) -> dict[str, Path]:
    """The images of a city by name."""
    paths = sorted(present(folder, "images")) if folder.is_dir() else []
    images = [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES]
    return {path.stem: path for path in one_per_name(images)}
