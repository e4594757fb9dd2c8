"""Layouts of data folders, recognised by the folders in them."""

from __future__ import annotations

from pathlib import Path

from arseg_lightning.datasets.camvid import CamVid
from arseg_lightning.datasets.cityscapes import Cityscapes
from arseg_lightning.datasets.folder import FrameFolder, StillFolder, VideoFolder
from arseg_lightning.datasets.layout import Layout

__all__ = ["recognise"]


def recognise(folder: Path, classes: str = "camvid11") -> dict[str, Layout]:
    """Name the layouts that a folder may have.

    Args:
        folder: A folder of data.
        classes: Class set of data in one of the layouts for custom data.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has none of the layouts.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder; give the folder of a data set")
    there = {path.name for path in folder.iterdir()}
    if there & {"train_labels", "val_labels", "test_labels"}:
        return {
            f"{split}, frames: {frames}": CamVid(folder, split, frames=frames)
            for split in ("train", "val", "test")
            for frames in ("stills", "video")
        }
    if there & {"gtFine", "leftImg8bit", "leftImg8bit_sequence"}:
        return {
            f"{split}, frames: {frames}": Cityscapes(folder, split, frames)
            for split in ("train", "val")
            for frames in ("stills", "video")
        }
    if "videos" in there:
        return {"videos": VideoFolder(folder, classes)}
    if "images" in there:
        clip, stills = FrameFolder(folder, classes), StillFolder(folder, classes)
        return {"as the frames of one clip": clip, "as stills": stills}
    raise ValueError(
        f"{folder} has none of the known layouts: train/ and train_labels/ (CamVid), gtFine/ "
        f"(Cityscapes), videos/ and labels/, or images/ and labels/; data/README.md shows them"
    )
