"""Layouts of custom data: videos with masks, consecutive frames, or labelled stills."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.data_files import (
    IMAGE_SUFFIXES,
    LABEL_SUFFIX,
    VIDEO_SUFFIXES,
    by_frame,
    files,
    match_labels,
    one_per_name,
)
from arseg_lightning.datasets.labelled_video import LabelledImages, LabelledVideoFile
from arseg_lightning.datasets.layout import Gap, Inventory, Layout
from arseg_lightning.datasets.synthetic.still_clips import LabelledStill
from arseg_lightning.ranges import check_above, check_range, check_words
from arseg_lightning.types import ClassSet

__all__ = ["CameraPath", "FrameFolder", "StillFolder", "VideoFolder"]

Part = Literal["all", "train", "val"]


class VideoFolder(Layout):
    """Videos with masks: root/videos/NAME.mp4 and root/labels/NAME/000123.png for frame 123.

    Args:
        root: The folder; frames are counted from 0.
        classes: Name of a class set, or path of a YAML file (see ``class_set``).
    """

    def __init__(self, root: Path, classes: str) -> None:
        self.root = Path(root)
        self.classes = class_set(classes)

    def inventory(self) -> Inventory:
        """Look for the labels of every video."""
        videos = one_per_name(files(self.root / "videos", VIDEO_SUFFIXES, "videos"))
        known = {video.stem for video in videos}
        folders = (self.root / "labels").glob("*")
        found = Inventory(unused=sorted(path for path in folders if path.stem not in known))
        for video in videos:
            try:
                labels = self._labels(video)
            except FileNotFoundError as error:
                found.gaps.append(Gap(f"{video.stem}/", str(error)))
            else:
                found.videos.append(
                    LabelledVideoFile(video.stem, video, labels, self.classes),
                )
        return found

    def _labels(self, video: Path) -> dict[int, Path]:
        """The label files of a video, by the index of their frame."""
        folder = self.root / "labels" / video.stem
        return by_frame(files(folder, (LABEL_SUFFIX,), f"labels of {video.name}"))


class FrameFolder(Layout):
    """Consecutive frames of one clip, root/images/NAME.jpg, any labelled by root/labels/NAME.png.

    Args:
        root: The folder; frames are in order of the numbers in their names.
        classes: Name of a class set, or path of a YAML file (see ``class_set``).
        fps: Frames a second, for the encoder.
    """

    def __init__(self, root: Path, classes: str, fps: float = 25.0) -> None:
        self.root = Path(root)
        self.classes = class_set(classes)
        check_above(0, fps=fps)
        self.fps = fps

    def inventory(self) -> Inventory:
        """Look for the frames and the labels that there are."""
        paths = one_per_name(files(self.root / "images", IMAGE_SUFFIXES, "frames"))
        labels, unused = match_labels(self.root / "labels", paths)
        if not labels:
            raise FileNotFoundError(
                f"no label of a frame in {self.root / 'images'} was found in "
                f"{self.root / 'labels'}; frame NAME.jpg goes with NAME.png or NAME_L.png"
            )
        numbered = {index: labels[path] for index, path in enumerate(paths) if path in labels}
        name = f"{self.root.parent.name}_{self.root.name}"
        clip = LabelledImages(name, paths, numbered, self.classes, self.fps)
        return Inventory([clip], unused=unused)


@dataclass(frozen=True)
class CameraPath:
    """How stills become clips.

    Args:
        num_frames: Frames of a clip up to the still; at least the keyframe interval.
        future: Frames after it, for methods that look ahead.
        seed: Decides the paths.
        fps: Frames a second, for the encoder.
    """

    num_frames: int = 12
    seed: int = 0
    fps: float = 15.0
    future: int = 0

    def __post_init__(self) -> None:
        check_range(1, num_frames=self.num_frames)
        check_range(0, seed=self.seed, future=self.future)
        check_above(0, fps=self.fps)

    def clip(
        self, name: str, image: Path, label: Path, classes: ClassSet, number: int
    ) -> LabelledStill:
        """Make the clip of a still; each number has another path."""
        seed = self.seed * 1_000_003 + number
        return LabelledStill(
            *(name, image, label, classes), self.num_frames, seed, self.fps, self.future
        )


class StillFolder(Layout):
    """Labelled stills, root/images/NAME.jpg and root/labels/NAME.png, made clips by a camera path.

    Args:
        root: The folder.
        classes: Name of a class set, or path of a YAML file (see ``class_set``).
        part: ``all`` stills, or the ``train`` or ``val`` part: every tenth still is ``val``.
        camera: How stills become clips.
        images: Name of the image folder.
        labels: Name of the label folder.
    """

    def __init__(
        self,
        root: Path,
        classes: str,
        part: Part = "all",
        camera: CameraPath = CameraPath(),
        images: str = "images",
        labels: str = "labels",
    ) -> None:
        self.root = Path(root)
        self.classes = class_set(classes)
        check_words(part=(part, Part))
        self.part = part
        self.camera = camera
        self.images, self.labels = images, labels

    def inventory(self) -> Inventory:
        """Look for the label of every still."""
        stills, found = self.labelled_stills()
        found.videos = [
            self.camera.clip(path.stem, path, label, self.classes, index)
            for index, path, label in stills
        ]
        return found

    def labelled_stills(self) -> tuple[list[tuple[int, Path, Path]], Inventory]:
        """Index, image and label of the stills; and what is missing."""
        paths = one_per_name(files(self.root / self.images, IMAGE_SUFFIXES, "stills"))
        chosen = [
            (index, path)
            for index, path in enumerate(paths)
            if self.part == "all" or (self.part == "val") == (index % 10 == 9)
        ]
        if not chosen:
            raise FileNotFoundError(
                f"{self.root / self.images} holds {len(paths)} stills, and every tenth is for "
                f"part={self.part}: there is none; add stills, or name other data"
            )
        folder = self.root / self.labels
        labels, unused = match_labels(folder, paths)
        gaps = [
            Gap(
                f"{path.stem}{LABEL_SUFFIX}",
                f"{path} has no label: neither {path.stem}.png nor {path.stem}_L.png is in "
                f"{folder}; add it or take the image away",
            )
            for _, path in chosen
            if path not in labels
        ]
        stills = [(index, path, labels[path]) for index, path in chosen if path in labels]
        return stills, Inventory(gaps=gaps, unused=unused)
