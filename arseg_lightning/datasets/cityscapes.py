"""Cityscapes in its published folder layout: 30-frame snippets, or labelled stills."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import ClassVar, Literal

from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.data_files import IMAGE_SUFFIXES, one_per_name, present
from arseg_lightning.datasets.labelled_video import LabelledImages, LabelledVideo, Layout
from arseg_lightning.datasets.synthetic.still_clips import CameraPath, LabelledStill
from arseg_lightning.ranges import check_range, check_words

__all__ = ["LONGEST_FUTURE", "LONGEST_PAST", "Cityscapes", "Split"]

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
LONGEST_PAST, LONGEST_FUTURE = 19, 10  # the labelled frame is the 20th of 30


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
        classes: ``cityscapes19``, fewer of them for adaptation (``cityscapes15`` from VIPER,
            ``cityscapes12`` from SYNTHIA), or a YAML file (see ``class_set``).
    """

    _whose: ClassVar[str] = "labels"
    """What labels of another folder are called where results are named."""

    def __init__(
        self,
        root: Path,
        split: Split,
        frames: Frames = "video",
        past: int = LONGEST_PAST,
        future: int = 0,
        labels: Path | None = None,
        camera: CameraPath = CameraPath(),  # noqa: B008
        classes: str = "cityscapes19",
    ) -> None:
        check_range(0, LONGEST_PAST, past=past)  # as many as a snippet has
        check_range(0, LONGEST_FUTURE, future=future)
        check_words(split=(split, Split), frames=(frames, Frames))
        self.root = Path(root)
        self.split = split
        self.classes = class_set(classes)
        self.frames = frames
        self.past, self.future = (past, future) if frames == "video" else (0, 0)
        self.labels = labels and self.root / labels
        self.camera = camera

    @property
    def protocol(self) -> str:
        """The classes, and the folder of labels that are not gtFine's."""
        whose = "" if self.labels is None else f", {self._whose} of {self.labels.name}"
        return f"{self.classes.name}{whose}"

    def videos(self) -> list[LabelledVideo]:
        """List the clips around the labelled frames, by city."""
        cities = [each for each in sorted(self._package(_LABELS).iterdir()) if each.is_dir()]
        videos = [video for city in cities for video in self._videos_of(city)]
        if not videos:
            raise FileNotFoundError(
                f"{self.root / _LABELS / self.split} holds no CITY/*{_LABEL_ENDING}; unpack "
                f"gtFine_trainvaltest.zip in {self.root} (see data/README.md)"
            )
        return videos

    def _package(self, name: str) -> Path:
        """The folder of the split in a package."""
        folder = self.root / name / self.split
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is missing; {_REMEDIES[name]} (see data/README.md)")
        return folder

    def _videos_of(self, city: Path) -> list[LabelledVideo]:
        """Match the label files of a city with its images, which are listed once."""
        # The labelled frame is in both packages, and few have space for both.
        has_only_video = (self.root / _VIDEO).is_dir() and not (self.root / _STILLS).is_dir()
        package = _VIDEO if self.frames == "video" or has_only_video else _STILLS
        folder = self._package(package) / city.name
        paths = sorted(present(folder, "images")) if folder.is_dir() else []
        paths = one_per_name([path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES])
        images = {path.stem: path for path in paths}
        videos: list[LabelledVideo] = []
        for label in sorted(city.glob(f"*{_LABEL_ENDING}")):
            name = label.name.removesuffix(_LABEL_ENDING)
            frames = self._frames_around(name, label)
            missing = [each for each in frames if each not in images]
            if missing:
                raise FileNotFoundError(
                    f"missing in {folder}: {len(missing)} of the {len(frames)} images of {name}, "
                    f"the first {missing[0]}; {_REMEDIES[package]} (see data/README.md)"
                )
            labels = {self.past: label}
            if self.labels is not None:
                labels = self._other_labels(self.labels / self.split / city.name, frames)
            clip = [images[each] for each in frames]
            if self.frames == "video":
                videos.append(LabelledImages(name, clip, labels, self.classes, _FPS))
            else:
                # The path hangs on the name: a part of the data has the same ones as the whole.
                number, label = zlib.crc32(name.encode()), labels[0]
                videos.append(
                    LabelledStill(name, clip[0], label, self.classes, self.camera, number)
                )
        return videos

    def _frames_around(self, name: str, label: Path) -> list[str]:
        """Names of the labelled frame and, in a video, of its neighbours, in order of time."""
        if not re.fullmatch(r".+_\d+", name):
            raise ValueError(f"{label} should be named CITY_SEQUENCE_FRAME{_LABEL_ENDING}")
        prefix, number = name.rsplit("_", 1)
        return [
            f"{prefix}_{int(number) + offset:0{len(number)}d}{_IMAGE_ENDING}"
            for offset in range(-self.past, self.future + 1)
        ]

    def _other_labels(self, folder: Path, frames: list[str]) -> dict[int, Path]:
        """Label files of a clip's frames, by index, in the folder that the user names."""
        paths = [folder / f"{each}.png" for each in frames]
        found = {index: path for index, path in enumerate(paths) if path.is_file()}
        if not found:
            raise FileNotFoundError(
                f"{paths[self.past]} and the labels of its neighbours are missing; add one of "
                f"them, or leave out the argument labels, which takes gtFine's"
            )
        return found
