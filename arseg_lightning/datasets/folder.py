"""Layouts of custom data: videos with masks, consecutive frames, or labelled stills."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.data_files import (
    IMAGE_SUFFIXES,
    LABEL_SUFFIX,
    VIDEO_SUFFIXES,
    by_frame,
    files,
    match_labels,
    one_per_name,
    present,
)
from arseg_lightning.datasets.labelled_video import (
    LabelledImages,
    LabelledVideo,
    LabelledVideoFile,
    Layout,
    Pixels,
)
from arseg_lightning.datasets.synthetic.still_clips import CameraPath, LabelledStill
from arseg_lightning.ranges import check_above, check_range, check_words
from arseg_lightning.types import ClassSet
from arseg_lightning.video.probe import probe
from arseg_lightning.video.timeline import read_timeline

__all__ = ["FrameFolder", "StillFolder", "UnlabelledVideos", "VideoFolder", "labelled_frames"]

Part = Literal["all", "train", "val"]


class VideoFolder(Layout):
    """Videos with masks: root/videos/NAME.mp4 and root/labels/NAME/000123.png for frame 123.

    Each split has a folder of its own.

    Args:
        root: The folder; frames are counted from 0.
        classes: Name of a class set, or path of a YAML file (see ``class_set``).
    """

    def __init__(self, root: Path, classes: str) -> None:
        self.root = Path(root)
        self.classes = class_set(classes)

    def videos(self) -> list[LabelledVideo]:
        """List the videos, by name.

        Raises:
            FileNotFoundError: If a folder is missing or empty.
            IndexError: If a label belongs to no frame of its video.
            ValueError: If a file's name or format is wrong, or a video cannot be read.
        """
        paths = one_per_name(files(self.root / "videos", VIDEO_SUFFIXES, "videos"))
        return [self._video(path) for path in paths]

    def _video(self, path: Path) -> LabelledVideo:
        """A video with its labels, all of which have a frame."""
        labels = self._labels(path)
        video = LabelledVideoFile(path.stem, path, labels, self.classes)
        info, last = probe(path), max(labels)
        video.fps = info.fps
        if last >= (info.num_frames or 0):  # a header need not be right: packets decide
            timeline = read_timeline(path)
            if timeline is not None and last >= len(timeline):
                raise IndexError(
                    f"{path} has no frame {last}; its frames are counted from 0 to "
                    f"{len(timeline) - 1}, and {labels[last]} belongs to none: rename the labels "
                    f"of this video (each one less, if they are counted from 1) or take it away"
                )
        return video

    def _labels(self, video: Path) -> dict[int, Path]:
        """The label files of a video, by the index of their frame."""
        folder, what = self.root / "labels" / video.stem, f"labels of {video.name}"
        images = sorted(p for p in present(folder, what) if p.suffix.lower() in IMAGE_SUFFIXES)
        kept = {path.stem for path in images if path.suffix.lower() == LABEL_SUFFIX}
        for path in images:
            if path.stem not in kept:
                raise ValueError(
                    f"{path} is no {LABEL_SUFFIX}, and no other format is sure to keep classes; "
                    f"export the {what} as PNG from where they were made, or take it away"
                )
        return by_frame(files(folder, (LABEL_SUFFIX,), what))


class UnlabelledVideos(Layout):
    """Videos without labels, root/NAME.mp4, for methods that adapt to them (``data.target``).

    Args:
        root: The folder.
        step: Every so many frames, one ends training clips.
    """

    classes = ClassSet("unlabelled", (), ())

    def __init__(self, root: Path, step: int = 5) -> None:
        self.root = Path(root)
        check_range(1, step=step)
        self.step = step

    def videos(self) -> list[LabelledVideo]:
        """List the videos, by name."""
        paths = one_per_name(files(self.root, VIDEO_SUFFIXES, "videos"))
        return [_UnlabelledVideo(path, self.step, self.classes) for path in paths]


class _UnlabelledVideo(LabelledVideoFile):
    """A video file with blank labels."""

    def __init__(self, path: Path, step: int, classes: ClassSet) -> None:
        num_frames = probe(path).num_frames
        if num_frames is None:
            raise ValueError(
                f"{path} does not say how many frames it holds; store it as an MP4 (ffmpeg -i "
                f"{path.name} -c copy {path.stem}.mp4)"
            )
        super().__init__(path.stem, path, dict.fromkeys(range(0, num_frames, step), path), classes)

    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Nothing counts."""
        return np.full(size, self.classes.ignore_index, np.uint8)


class FrameFolder(Layout):
    """Consecutive frames of one clip, root/images/NAME.jpg, any labelled by root/labels/NAME.png.

    Args:
        root: The folder; frames are in order of the numbers in their names.
        classes: Name of a class set, or path of a YAML file (see ``class_set``).
        fps: Frames a second, for the encoder.
        labels: Name of the label folder.
    """

    def __init__(self, root: Path, classes: str, fps: float = 25.0, labels: str = "labels") -> None:
        self.root = Path(root)
        self.classes = class_set(classes)
        check_above(0, fps=fps)
        self.fps = fps
        self.labels = labels

    def videos(self) -> list[LabelledVideo]:
        """List the one clip."""
        paths, labels = labelled_frames(self.root / "images", self.root / self.labels)
        name = f"{self.root.parent.name}_{self.root.name}"
        return [LabelledImages(name, paths, labels, self.classes, self.fps)]


def labelled_frames(images: Path, labels: Path) -> tuple[list[Path], dict[int, Path]]:
    """The frames of a clip in two folders, in order, and the labels of some by their index.

    Raises:
        FileNotFoundError: If a folder is missing, or no frame has a label.
    """
    paths = one_per_name(files(images, IMAGE_SUFFIXES, "frames"))
    found = match_labels(labels, paths)
    if not found:
        raise FileNotFoundError(
            f"no label of a frame in {images} was found in {labels}; frame NAME.jpg goes with "
            f"NAME.png or NAME_L.png"
        )
    return paths, {index: found[path] for index, path in enumerate(paths) if path in found}


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
        camera: CameraPath = CameraPath(),  # noqa: B008
        images: str = "images",
        labels: str = "labels",
    ) -> None:
        self.root = Path(root)
        self.classes = class_set(classes)
        check_words(part=(part, Part))
        self.part = part
        self.camera = camera
        self.images, self.labels = images, labels

    def videos(self) -> list[LabelledVideo]:
        """List the clips of all stills."""
        return [
            LabelledStill(path.stem, path, label, self.classes, self.camera, index)
            for index, path, label in self.labelled_stills()
        ]

    def labelled_stills(self) -> list[tuple[int, Path, Path]]:
        """Index, image and label of the stills."""
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
        labels = match_labels(folder, paths)
        missing = [path for _, path in chosen if path not in labels]
        if missing:
            raise FileNotFoundError(
                f"{len(missing)} of {len(chosen)} stills have no label: of {missing[0]}, neither "
                f"{missing[0].stem}.png nor {missing[0].stem}_L.png is in {folder}; add it or "
                f"take the image away"
            )
        return [(index, path, labels[path]) for index, path in chosen]
