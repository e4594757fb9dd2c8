"""Layouts of rendered driving videos, from which networks adapt to real ones: VIPER, SYNTHIA."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import ndimage

from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.data_files import frame_number, present
from arseg_lightning.datasets.folder import labelled_frames
from arseg_lightning.datasets.labelled_video import LabelledImages, LabelledVideo, Layout, Pixels
from arseg_lightning.ranges import check_range, check_words

__all__ = ["SynthiaSequences", "Viper"]

_FPS = 15.0


class Viper(Layout):
    """VIPER: videos of a game, 1080x1920 at 15 Hz, with labels of every frame, or of some.

    ::

        root/train/img/001/001_00001.jpg
        root/train/cls/001/001_00010.png

    Args:
        root: The folder.
        split: ``train`` or ``val``.
        classes: ``viper15``, or a YAML file (see ``class_set``).
        ego_vehicle: Whether the camera's own vehicle is a car; it is left out by default.

    Source: Richter et al., Playing for Benchmarks, ICCV 2017; what is left out, and the 15
        classes, as in the published code of DA-VSN (Guan et al., ICCV 2021).
    """

    def __init__(
        self,
        root: Path,
        split: Literal["train", "val"] = "train",
        classes: str = "viper15",
        ego_vehicle: bool = False,
    ) -> None:
        check_words(split=(split, Literal["train", "val"]))
        self.root, self.split, self.ego_vehicle = Path(root), split, ego_vehicle
        self.classes = class_set(classes)

    def videos(self) -> list[LabelledVideo]:
        """List the sequences that have labels, by number."""
        images, labels = (self.root / self.split / kind for kind in ("img", "cls"))
        names = sorted(path.name for path in present(labels, "labels") if path.is_dir())
        if not names:
            raise FileNotFoundError(
                f"{labels} holds no folder of a sequence, such as 001; unpack the semantic class "
                f"labels of VIPER there (see data/README.md)"
            )
        found: list[LabelledVideo] = []
        for name in names:
            paths, numbered = labelled_frames(images / name, labels / name)
            _check_neighbours(paths)
            is_car = self.ego_vehicle or "car" not in self.classes.names
            clip = LabelledImages if is_car else _WithoutEgoVehicle
            found.append(clip(name, paths, numbered, self.classes, _FPS))
        return found


class _WithoutEgoVehicle(LabelledImages):
    """Frames whose labels leave out the car in the middle of the lowest row."""

    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Read a label, (H, W)."""
        label = super().label(index, size).copy()
        cars, _ = ndimage.label(label == self.classes.names.index("car"), np.ones((3, 3)))
        if own := cars[-1, size[1] // 2]:
            label[cars == own] = self.classes.ignore_index
        return label


class SynthiaSequences(Layout):
    """The videos of SYNTHIA, 760x1280, one folder a sequence and weather; every frame has a label.

    ::

        root/SYNTHIA-SEQS-04-DAWN/RGB/Stereo_Left/Omni_F/000000.png
        root/SYNTHIA-SEQS-04-DAWN/GT/LABELS/Stereo_Left/Omni_F/000000.png

    Args:
        root: The folder.
        sequences: Names of the folders; all that are there by default.
        camera: Which of the cameras.
        classes: ``synthia12``, or a YAML file (see ``class_set``).
        cut_rows: Rows that are cut off below, where the camera's own vehicle is; an even number.

    Source: Ros et al., The SYNTHIA Dataset, CVPR 2016; rows and classes as in the published code
        of DA-VSN (Guan et al., ICCV 2021), which trains on SYNTHIA-SEQS-04-DAWN.
    """

    def __init__(
        self,
        root: Path,
        sequences: list[str] | None = None,
        camera: str = "Stereo_Left/Omni_F",
        classes: str = "synthia12",
        cut_rows: int = 120,
    ) -> None:
        check_range(0, cut_rows=cut_rows)
        self.root, self.sequences, self.camera = Path(root), sequences, camera
        self.classes, self.cut_rows = class_set(classes), cut_rows

    def videos(self) -> list[LabelledVideo]:
        """List the sequences, by name."""
        names = self.sequences or sorted(
            path.name for path in present(self.root, "sequences") if (path / "GT").is_dir()
        )
        if not names:
            raise FileNotFoundError(
                f"{self.root} holds no sequence, such as SYNTHIA-SEQS-04-DAWN with its folders RGB "
                f"and GT; unpack one there (see data/README.md)"
            )
        found: list[LabelledVideo] = []
        for name in names:
            folders = (self.root / name / kind / self.camera for kind in ("RGB", "GT/LABELS"))
            paths, numbered = labelled_frames(*folders)
            _check_neighbours(paths)
            clip = _CutBelow(name, paths, numbered, self.classes, _FPS)
            clip.cut_rows = self.cut_rows
            found.append(clip)
        return found


class _CutBelow(LabelledImages):
    """Frames without their lowest rows."""

    cut_rows = 0

    @property
    def identity(self) -> str:
        """The stamps of all files, and what is cut off."""
        return f"{super().identity}|cut|{self.cut_rows}"

    def read(self, indices: Iterable[int]) -> Pixels:
        """Read some frames, (T, H, W, 3)."""
        frames = super().read(indices)
        return frames[:, : frames.shape[1] - self.cut_rows]

    def label(self, index: int, size: tuple[int, int]) -> Pixels:
        """Read a label, (H, W)."""
        return super().label(index, (size[0] + self.cut_rows, size[1]))[: size[0]]


def _check_neighbours(paths: list[Path]) -> None:
    """Refuse frames that are missing: motion leads from each frame to the next."""
    for one, other in pairwise(paths):
        if frame_number(other) != frame_number(one) + 1:
            raise FileNotFoundError(
                f"{one.parent} has no frame between {one.name} and {other.name}; download all "
                f"frames of the sequence, or take it away"
            )
