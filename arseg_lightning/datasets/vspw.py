"""VSPW in its published folder layout: short videos of all kinds, every frame labelled."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.data_files import IMAGE_SUFFIXES, LABEL_SUFFIX, files, one_per_name
from arseg_lightning.datasets.labelled_video import LabelledImages, LabelledVideo, Layout
from arseg_lightning.files import natural_key
from arseg_lightning.ranges import check_words

__all__ = ["VSPW"]

Split = Literal["train", "val", "test"]

_FPS = 15.0
_SEE = "(see data/README.md)"


class VSPW(Layout):
    """VSPW: videos at 15 Hz with labels of every frame, in the release whose shorter side is 480.

    ::

        root/train.txt  root/val.txt  root/test.txt        (a name of a video a line)
        root/data/VIDEO/origin/00000123.jpg
        root/data/VIDEO/mask/00000123.png

    Args:
        root: The folder.
        split: ``train``, ``val`` or ``test``; results are usually reported on ``val``.
        classes: ``vspw124``, or a YAML file (see ``class_set``).

    Raises:
        ValueError: If there is no such split or class set.

    Source: Miao et al., VSPW: A Large-scale Dataset for Video Scene Parsing in the Wild, CVPR 2021.
    """

    def __init__(self, root: Path, split: Split, classes: str = "vspw124") -> None:
        check_words(split=(split, Split))
        self.root, self.split = Path(root), split
        self.classes = class_set(classes)

    def videos(self) -> list[LabelledVideo]:
        """List the videos in the order of the split's file.

        Raises:
            FileNotFoundError: If the split's file, a folder, a frame or a label is missing.
            ValueError: If the split's file names a video twice.
        """
        found: list[LabelledVideo] = []
        for name in self._names():
            frames, labels = self._frames(name)
            found.append(LabelledImages(name, frames, labels, self.classes, _FPS))
        return found

    @property
    def _list(self) -> Path:
        """The file that names the split's videos."""
        return self.root / f"{self.split}.txt"

    def _names(self) -> list[str]:
        """Names of the split's videos."""
        if not self._list.is_file():
            raise FileNotFoundError(
                f"{self._list} is missing; it names the {self.split} videos, one a line, and comes "
                f"with the data set: root is the folder that holds it beside data {_SEE}"
            )
        lines = self._list.read_text(encoding="utf-8").splitlines()
        names = [line.strip() for line in lines if line.strip()]
        if not names:
            raise FileNotFoundError(
                f"{self._list} names no video; take the published file, with a name of a folder of "
                f"{self.root / 'data'} a line {_SEE}"
            )
        if len({*names}) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(
                f"{self._list} names {twice} twice, and each video counts once; take one of the "
                f"lines away"
            )
        return names

    def _frames(self, name: str) -> tuple[list[Path], dict[int, Path]]:
        """The frames of a video, in order, and the labels of all by their index."""
        origin, mask = (self.root / "data" / name / kind for kind in ("origin", "mask"))
        if not origin.is_dir():
            raise FileNotFoundError(
                f"{origin} is missing, and {self._list} names {name}; unpack its frames there, or "
                f"take the name out of that file {_SEE}"
            )
        if not mask.is_dir():
            raise FileNotFoundError(
                f"{mask} is missing, and every frame needs its label; unpack the masks there, or "
                f"use a split that has them: train or val {_SEE}"
            )
        frames = one_per_name(files(origin, IMAGE_SUFFIXES, "frames"))
        labels = {path.stem: path for path in files(mask, (LABEL_SUFFIX,), "masks")}
        _check_pairs(origin, {path.stem for path in frames}, mask, {*labels})
        return frames, {index: labels[path.stem] for index, path in enumerate(frames)}


def _check_pairs(origin: Path, frames: set[str], mask: Path, labels: set[str]) -> None:
    """Refuse frames without label and, as motion leads from frame to frame, labels without one."""
    for folder, names, other, others, file in (
        (origin, frames, mask, labels, f"mask NAME{LABEL_SUFFIX}"),
        (mask, labels, origin, frames, "frame NAME.jpg"),
    ):
        missing = sorted(names - others, key=natural_key)
        if missing:
            raise FileNotFoundError(
                f"{len(missing)} of {len(names)} files in {folder} have no {file} in {other}, the "
                f"first {missing[0]}; every frame has its label: unpack the video again {_SEE}"
            )
