"""The folders that the paper's authors prepared: decoded frames, keyframes and motion, no video."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Literal

from arseg_lightning.datasets.camvid import recorded_frame
from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.data_files import files
from arseg_lightning.datasets.layout import PreparedClip, PreparedLayout

__all__ = ["PublishedCamVid", "PublishedCityscapes"]


class _PublishedLayout(PreparedLayout):
    """A folder for each distance, and one for all keyframes."""

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
        folders = [self._decoded(distance) for distance in range(keyframe_interval)]
        for folder in folders:
            if not folder.is_dir():
                raise FileNotFoundError(
                    f"{folder} is missing; keyframe_interval={keyframe_interval} "
                    f"measures the distances 0 to {keyframe_interval - 1}: use one that the "
                    f"prepared distances cover"
                )
        frames = [self._frames(folder) for folder in folders]
        expected = {path.stem for path in frames[0]}
        for folder, paths in zip(folders, frames, strict=True):
            odd = {path.stem for path in paths} ^ expected
            if odd:
                raise FileNotFoundError(
                    f"{folder} and {folders[0]} hold different frames: "
                    f"{min(odd)} is in one only; every distance is measured on the same frames: "
                    f"prepare it again, or remove it everywhere"
                )
        return [self._clip(frame, d) for d, paths in enumerate(frames) for frame in paths]

    def _decoded(self, distance: int) -> Path:
        """Folder of the labelled frames as decoded at a distance from their keyframes."""
        return self.root / f"decoded_GOP{self.gop}_dist_{distance}"

    @abstractmethod
    def _frames(self, decoded: Path) -> list[Path]:
        """The labelled frames in the folder of a distance, in order."""

    @abstractmethod
    def _belonging(self, frame: Path, distance: int) -> tuple[Path, Path, Path]:
        """Files of a frame's label, keyframe and, in the folder of its distance, motion."""

    def _clip(self, frame: Path, distance: int) -> PreparedClip:
        label, keyframe, motion = self._belonging(frame, distance)
        motion = self.root / f"MVmap_GOP{self.gop}_dist_{distance}" / motion
        wanted = {"label": label, "keyframe": keyframe, "motion": motion}
        for what, path in wanted.items():
            if not path.is_file() and (distance > 0 or what == "label"):
                remedy = "name the labels' folder" if what == "label" else "prepare it again"
                raise FileNotFoundError(
                    f"{path} is missing, the {what} of {frame}; {remedy}, or remove the frame at "
                    f"every distance"
                )
        if distance == 0:
            return PreparedClip((frame,), None, label, 0)
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
        gop: The number after GOP in the folders' names.

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

    def _frames(self, decoded: Path) -> list[Path]:
        return files(decoded / self.split, (".png",), "decoded frames")

    def _belonging(self, frame: Path, distance: int) -> tuple[Path, Path, Path]:
        folder = self.labels or self._decoded(distance) / f"{self.split}_labels_with_ignored"
        label = folder / f"{frame.stem}.png"
        if not label.is_file():
            label = folder / f"{frame.stem}_L.png"
        drive = frame.stem.split("_")[0]
        number = recorded_frame(frame)[1] + 1 - distance if distance else 0
        keyframe = self.root / "frames" / drive / f"{drive}_{number:06d}.png"
        return label, keyframe, Path(drive) / f"{frame.stem}.bin"


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
        gop: The number after GOP in the folders' names.

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

    def _frames(self, decoded: Path) -> list[Path]:
        split = decoded / "leftImg8bit" / self.split
        cities = sorted(path for path in split.glob("*") if path.is_dir())
        if not cities:
            raise FileNotFoundError(f"{split} holds no folder of a city with decoded frames in it")
        return [frame for city in cities for frame in files(city, (".png",), "decoded frames")]

    def _belonging(self, frame: Path, distance: int) -> tuple[Path, Path, Path]:
        ending = "_gtFine_leftImg8bit"
        name = frame.stem.removesuffix(ending)
        if name == frame.stem:
            raise ValueError(f"{frame} should be called CITY_000000_000019{ending}.png")
        folder = Path(self.split) / frame.parent.name
        labels = self.labels or self._decoded(distance) / "gtFine"
        drive, number = name.rsplit("_", 1)
        keyframe = f"{drive}_{int(number) - distance:06d}_leftImg8bit.png"
        return (
            labels / folder / f"{name}_gtFine_labelIds.png",
            self.root / "frames" / folder / keyframe,
            folder / f"{frame.stem}.bin",
        )
