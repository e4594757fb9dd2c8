"""The folders that the paper's authors prepared: decoded frames, keyframes and motion, no video."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.datasets.camvid import recorded_frame
from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.layout import PreparedClip, PreparedLayout
from arseg_lightning.types import Motion
from arseg_lightning.video.errors import VideoError

__all__ = ["PublishedCamVid", "PublishedCityscapes", "read_published_motion"]


class _PublishedLayout(PreparedLayout):
    """A folder for each distance, ``decoded_GOP12_dist_0`` and so on, and one for all keyframes.

    Args:
        root: The folder, such as ``camvid-sequence/3M-GOP12``.
        split: Which labelled frames; the authors made all distances of one split only.
        labels: Folder of labels, if they are not next to the frames.
        gop: The number after GOP in the folders' names.

    Source: THU-LYJ-Lab/AR-Seg, the layout that its preprocessing writes.
    """

    frames: ClassVar[str]  # pattern of the labelled frames in the folder of a distance
    protocol: ClassVar[str]  # class set

    def __init__(self, root: Path, split: str, labels: Path | None, gop: int) -> None:
        self.root = Path(root)
        self.split, self.labels, self.gop = split, labels, gop
        self.classes = class_set(self.protocol)

    def clips(self, keyframe_interval: int) -> list[PreparedClip]:
        """List the labelled frames at each distance 0..L-1.

        Raises:
            FileNotFoundError: If a distance, or a file of it, is missing.
        """
        clips, expected = [], set[str]()
        for distance in range(keyframe_interval):
            folder = self.root / f"decoded_GOP{self.gop}_dist_{distance}"
            frames = sorted(folder.glob(self.frames.format(split=self.split)))
            if not frames:
                raise FileNotFoundError(
                    f"{folder} is missing or holds no frames of {self.split}; "
                    f"keyframe_interval={keyframe_interval} measures the distances 0 to "
                    f"{keyframe_interval - 1}: use one that the prepared distances cover"
                )
            expected = expected or {path.stem for path in frames}
            odd = {path.stem for path in frames} ^ expected
            if odd:
                raise FileNotFoundError(
                    f"{folder} holds other frames than distance 0: {min(odd)} is in one only; "
                    f"every distance is measured on the same frames: prepare it again, or remove "
                    f"it everywhere"
                )
            clips += [self._clip(frame, folder, distance) for frame in frames]
        return clips

    @abstractmethod
    def _belonging(self, frame: Path, folder: Path, distance: int) -> tuple[Path, Path, Path]:
        """Files of a frame's label, of its keyframe in ``root/frames``, and of its motion."""

    def _clip(self, frame: Path, folder: Path, distance: int) -> PreparedClip:
        label, keyframe, motion = self._belonging(frame, folder, distance)
        keyframe = self.root / "frames" / keyframe
        motion = self.root / f"MVmap_GOP{self.gop}_dist_{distance}" / motion
        for path in (label, keyframe, motion) if distance else (label,):
            if not path.is_file():
                raise FileNotFoundError(
                    f"{path} is missing, which belongs to {frame}; prepare it again, name the "
                    f"labels' folder, or remove the frame at every distance"
                )
        if distance == 0:
            return PreparedClip((frame,), None, label, 0)
        return PreparedClip((keyframe, frame), motion, label, distance)


class PublishedCamVid(_PublishedLayout):
    """CamVid as the authors prepared it, with all 12 distances of the test split; void counts.

    ::

        root/decoded_GOP12_dist_0/test/0006R0_f00930.png        to …_dist_11
        root/decoded_GOP12_dist_0/test_labels_with_ignored/     0006R0_f00930_L.png, or without _L
        root/frames/0006R0/0006R0_000921.png                    numbered as in the recording, from 1
        root/MVmap_GOP12_dist_11/0006R0/0006R0_f00930.bin       from …_dist_1

    The arguments are those of ``_PublishedLayout``.
    """

    frames, protocol = "{split}/*.png", "camvid12"

    def __init__(
        self,
        root: Path,
        split: Literal["train", "val", "test"] = "test",
        labels: Path | None = None,
        gop: int = 12,
    ) -> None:
        super().__init__(root, split, labels, gop)

    def _belonging(self, frame: Path, folder: Path, distance: int) -> tuple[Path, Path, Path]:
        labels = self.labels or folder / f"{self.split}_labels_with_ignored"
        label = labels / f"{frame.stem}.png"
        if not label.is_file():
            label = labels / f"{frame.stem}_L.png"
        drive = frame.stem.split("_")[0]
        number = recorded_frame(frame)[1] + 1 - distance
        return label, Path(drive, f"{drive}_{number:06d}.png"), Path(drive, f"{frame.stem}.bin")


class PublishedCityscapes(_PublishedLayout):
    """Cityscapes as the authors prepared it, with all 12 distances of the validation split.

    ::

        root/decoded_GOP12_dist_0/leftImg8bit/val/CITY/NAME_gtFine_leftImg8bit.png   to …_dist_11
        root/decoded_GOP12_dist_0/gtFine/val/CITY/NAME_gtFine_labelIds.png
        root/frames/val/CITY/CITY_000000_000008_leftImg8bit.png
        root/MVmap_GOP12_dist_11/val/CITY/NAME_gtFine_leftImg8bit.bin                from …_dist_1

    NAME stands for CITY_000000_000019. The arguments are those of ``_PublishedLayout``.
    """

    frames, protocol = "leftImg8bit/{split}/*/*_gtFine_leftImg8bit.png", "cityscapes19"

    def __init__(
        self,
        root: Path,
        split: Literal["train", "val"] = "val",
        labels: Path | None = None,
        gop: int = 12,
    ) -> None:
        super().__init__(root, split, labels, gop)

    def _belonging(self, frame: Path, folder: Path, distance: int) -> tuple[Path, Path, Path]:
        name = frame.stem.removesuffix("_gtFine_leftImg8bit")
        city = Path(self.split, frame.parent.name)
        drive, number = name.rsplit("_", 1)
        return (
            (self.labels or folder / "gtFine") / city / f"{name}_gtFine_labelIds.png",
            city / f"{drive}_{int(number) - distance:06d}_leftImg8bit.png",
            city / f"{frame.stem}.bin",
        )


def read_published_motion(path: Path, size: tuple[int, int]) -> Motion:
    """Read the motion of one frame to its keyframe from a published file.

    A file is raw int16, little-endian, of shape (H, W, 2): x and y in quarter pixels at full
    resolution. It does not know which blocks were intra-coded, so all of the motion is valid.

    Args:
        path: The file.
        size: Height and width of the frame that it belongs to.

    Raises:
        VideoError: If its size is not that of the frame's motion.
    """
    height, width = size
    expected, found = 2 * 2 * height * width, path.stat().st_size
    if found != expected:
        raise VideoError(
            f"{path} has {found} bytes, but the motion of a {height}x{width} frame (height x "
            f"width) takes {expected}: 2 int16 a pixel; take the file that was made from this "
            f"frame at this size"
        )
    quarters: NDArray[np.int16] = np.fromfile(path, "<i2").reshape(height, width, 2)
    pixels = quarters.transpose(2, 0, 1).astype(np.float32) * np.float32(0.25)  # (2, H, W)
    return Motion(np.ascontiguousarray(pixels), np.ones(size, np.bool_))
