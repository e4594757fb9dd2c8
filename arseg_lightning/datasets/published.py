"""The folders that the paper's authors prepared: decoded frames, keyframes and motion, no video."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Literal

from arseg_lightning.datasets.camvid import place_in_recording
from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.layout import (
    PreparedClip,
    PreparedLayout,
    files,
)

__all__ = ["PublishedCamVid", "PublishedCityscapes"]


class _PublishedLayout(PreparedLayout):
    """What the two data sets share: a folder for each distance, and one for all keyframes.

    Args:
        root: The folder.
        split: Which labelled frames.
        labels: Folder of labels, if they are not where the frames are.
        gop: The number behind GOP in the folders' names.
    """

    def __init__(self, root: Path, split: str, labels: Path | None, gop: int) -> None:
        self.root = Path(root)
        self.split = split
        self.labels = labels
        self.gop = gop

    def clips(self, keyframe_interval: int) -> list[PreparedClip]:
        """List the labelled frames at each distance 0..L-1.

        Raises:
            FileNotFoundError: If a distance, or a file of it, is missing.
        """
        for distance in range(keyframe_interval):
            if not self.decoded(distance).is_dir():
                raise FileNotFoundError(
                    f"{self.decoded(distance)} is missing; keyframe_interval={keyframe_interval} "
                    f"measures the distances 0 to {keyframe_interval - 1}: use one that the "
                    f"prepared distances cover"
                )
        frames = {distance: self.frames(distance) for distance in range(keyframe_interval)}
        names = {distance: {path.stem for path in paths} for distance, paths in frames.items()}
        for distance, found in names.items():
            if found != names[0]:
                odd = min(found ^ names[0])
                raise FileNotFoundError(
                    f"{self.decoded(distance)} and {self.decoded(0)} hold different frames: "
                    f"{odd} is in one only; every distance is measured on the same frames: "
                    f"prepare it again, or remove it everywhere"
                )
        return [self._clip(frame, distance) for distance in frames for frame in frames[distance]]

    def decoded(self, distance: int) -> Path:
        """Folder of the labelled frames as decoded at a distance from their keyframes."""
        return self.root / f"decoded_GOP{self.gop}_dist_{distance}"

    def motion_folder(self, distance: int) -> Path:
        """Folder of the motion at a distance."""
        return self.root / f"MVmap_GOP{self.gop}_dist_{distance}"

    @abstractmethod
    def frames(self, distance: int) -> list[Path]:
        """The labelled frames as decoded at a distance, in order."""

    @abstractmethod
    def keyframe(self, frame: Path, distance: int) -> Path:
        """The frame's keyframe."""

    @abstractmethod
    def motion(self, frame: Path, distance: int) -> Path:
        """The frame's motion to its keyframe."""

    @abstractmethod
    def label(self, frame: Path, distance: int) -> Path:
        """The frame's label."""

    def _clip(self, frame: Path, distance: int) -> PreparedClip:
        label = _present(self.label(frame, distance), "label", frame, "name the labels' folder")
        if distance == 0:
            return PreparedClip((frame,), None, label, 0)
        keyframe = _present(self.keyframe(frame, distance), "keyframe", frame)
        motion = _present(self.motion(frame, distance), "motion", frame)
        return PreparedClip((keyframe, frame), motion, label, distance)


class PublishedCamVid(_PublishedLayout):
    """CamVid as the authors prepared it, with all 12 distances of the test split.

    ::

        root/decoded_GOP12_dist_0/test/0006R0_f00930.png        to …_dist_11
        root/decoded_GOP12_dist_0/test_labels_with_ignored/     0006R0_f00930_L.png, or without _L
        root/frames/0006R0/0006R0_000921.png                    numbered as in the recording, from 1
        root/MVmap_GOP12_dist_11/0006R0/0006R0_f00930.bin       from …_dist_1

    A keyframe is stored once, from one of the clips that begin with it.

    Args:
        root: The folder, such as ``camvid-sequence/3M-GOP12``.
        split: Which labelled frames; the authors made all distances of ``test`` only.
        labels: Folder of labels, if they are not next to the frames.
        gop: The number behind GOP in the folders' names.

    Source: THU-LYJ-Lab/AR-Seg, the layout that its preprocessing writes; 12 classes, void counts.
    """

    def __init__(
        self,
        root: Path,
        split: Literal["train", "val", "test"] = "test",
        labels: Path | None = None,
        gop: int = 12,
    ) -> None:
        super().__init__(root, split, labels, gop)
        self.classes = class_set("camvid12")

    def frames(self, distance: int) -> list[Path]:
        """The labelled frames as decoded at a distance, in order."""
        return files(self.decoded(distance) / self.split, (".png",), "decoded frames")

    def keyframe(self, frame: Path, distance: int) -> Path:
        """The frame's keyframe."""
        drive = frame.stem.split("_")[0]
        _, index = place_in_recording(frame)
        return self.root / "frames" / drive / f"{drive}_{index + 1 - distance:06d}.png"

    def motion(self, frame: Path, distance: int) -> Path:
        """The frame's motion to its keyframe."""
        return self.motion_folder(distance) / frame.stem.split("_")[0] / f"{frame.stem}.bin"

    def label(self, frame: Path, distance: int) -> Path:
        """The frame's label."""
        folder = self.labels or self.decoded(distance) / f"{self.split}_labels_with_ignored"
        plain = folder / f"{frame.stem}.png"
        return plain if plain.is_file() else folder / f"{frame.stem}_L.png"


class PublishedCityscapes(_PublishedLayout):
    """Cityscapes as the authors prepared it, with all 12 distances of the validation split.

    ::

        root/decoded_GOP12_dist_0/leftImg8bit/val/CITY/NAME_gtFine_leftImg8bit.png   to …_dist_11
        root/decoded_GOP12_dist_0/gtFine/val/CITY/NAME_gtFine_labelIds.png
        root/frames/val/CITY/CITY_000000_000008_leftImg8bit.png
        root/MVmap_GOP12_dist_11/val/CITY/NAME_gtFine_leftImg8bit.bin                from …_dist_1

    NAME stands for CITY_000000_000019.

    Args:
        root: The folder, such as ``leftImg8bit_sequence/5M-GOP12``.
        split: Which labelled frames; the authors made all distances of ``val`` only.
        labels: The folder ``gtFine``, if it is not next to the frames.
        gop: The number behind GOP in the folders' names.

    Source: THU-LYJ-Lab/AR-Seg, the layout that its preprocessing writes.
    """

    def __init__(
        self,
        root: Path,
        split: Literal["train", "val"] = "val",
        labels: Path | None = None,
        gop: int = 12,
    ) -> None:
        super().__init__(root, split, labels, gop)
        self.classes = class_set("cityscapes19")

    def frames(self, distance: int) -> list[Path]:
        """The labelled frames as decoded at a distance, in order."""
        split = self.decoded(distance) / "leftImg8bit" / self.split
        cities = sorted(path for path in split.glob("*") if path.is_dir())
        if not cities:
            raise FileNotFoundError(f"{split} holds no folder of a city with decoded frames in it")
        return [frame for city in cities for frame in files(city, (".png",), "decoded frames")]

    def keyframe(self, frame: Path, distance: int) -> Path:
        """The frame's keyframe."""
        drive, number = _name(frame).rsplit("_", 1)
        name = f"{drive}_{int(number) - distance:06d}_leftImg8bit.png"
        return self.root / "frames" / self.split / frame.parent.name / name

    def motion(self, frame: Path, distance: int) -> Path:
        """The frame's motion to its keyframe."""
        folder = self.motion_folder(distance) / self.split / frame.parent.name
        return folder / f"{frame.stem}.bin"

    def label(self, frame: Path, distance: int) -> Path:
        """The frame's label."""
        folder = self.labels or self.decoded(distance) / "gtFine"
        return folder / self.split / frame.parent.name / f"{_name(frame)}_gtFine_labelIds.png"


def _present(path: Path, what: str, frame: Path, remedy: str = "prepare it again") -> Path:
    """The path, if there is a file."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing, the {what} of {frame}; {remedy}, or remove the frame at every "
            f"distance"
        )
    return path


def _name(frame: Path) -> str:
    """Name of a Cityscapes frame without its endings: CITY_000000_000019."""
    ending = "_gtFine_leftImg8bit"
    if not frame.stem.endswith(ending):
        raise ValueError(f"{frame} should be called CITY_000000_000019{ending}.png")
    return frame.stem.removesuffix(ending)
