"""CamVid in its published folder layout: stills, alone, in a row, or as ends of clips."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Literal

from arseg_lightning.datasets.data_files import frame_number
from arseg_lightning.datasets.folder import StillFolder
from arseg_lightning.datasets.labelled_video import (
    LabelledImages,
    LabelledVideo,
    LabelledVideoFile,
)
from arseg_lightning.datasets.synthetic.still_clips import CameraPath
from arseg_lightning.ranges import check_words

__all__ = ["CamVid"]

Split = Literal["train", "val", "test"]
Frames = Literal["stills", "video", "consecutive"]

# Recording of each sequence, and what turns a still's number into a frame index from 0.
# Source: THU-LYJ-Lab/AR-Seg, preprocessing (their numbers count from 1).
_RECORDINGS: dict[str, tuple[str, int]] = {
    "0001TP": ("01TP_extract.avi", -6660),
    "0006R0": ("0006R0.MXF", 1),
    "0016E5": ("0016E5.MXF", 1),
    "Seq05VD": ("0005VD.MXF", 1),
}
# Where labels follow each other, every second frame of a recording has one.
_STEP, _LABELS_FPS = 2, 15.0


class CamVid(StillFolder):
    """CamVid: 720x960 stills of four drives, most of them one second apart.

    ::

        root/train/0006R0_f00930.png      root/train_labels/0006R0_f00930_L.png
        root/val/…  root/val_labels/…     root/test/…  root/test_labels/…
        root/videos/0005VD.MXF  0006R0.MXF  0016E5.MXF  01TP_extract.avi    (frames: video)

    Args:
        root: The folder.
        split: ``train``, ``val`` or ``test``.
        protocol: ``camvid11`` (related colours merged, void left out: the usual one) or
            ``camvid12`` (nothing merged, void counts: the paper's).
        frames: ``stills`` makes a clip from each still by a camera path; ``video`` cuts the
            clip that ends at the still out of the recordings; ``consecutive`` takes stills that
            are two frames of the recording apart as one clip at 15 Hz, every frame of which is
            labelled, and leaves out all others. The usual split has 101 in a row, in ``val``.
        camera: How stills become clips; its length also counts for cuts from the recordings.
        labels: Name of another folder of labels: of clicks, for instance.
    """

    def __init__(
        self,
        root: Path,
        split: Split,
        protocol: Literal["camvid11", "camvid12"] = "camvid11",
        frames: Frames = "stills",
        camera: CameraPath = CameraPath(),  # noqa: B008
        labels: str | None = None,
    ) -> None:
        check_words(split=(split, Split), frames=(frames, Frames))
        super().__init__(root, protocol, "all", camera, split, labels or f"{split}_labels")
        self.frames = frames

    def videos(self) -> list[LabelledVideo]:
        """List the clips: of all stills, of those in a row, or of those with enough past."""
        if self.frames == "stills":
            return super().videos()
        return self._runs() if self.frames == "consecutive" else self._excerpts()

    def _runs(self) -> list[LabelledVideo]:
        """The clips of stills that follow each other."""
        stills = [(still, label) for _, still, label in self.labelled_stills()]

        def start(place: int) -> tuple[str, int]:
            """Drive of a still, and what all stills of a run have in common."""
            still = stills[place][0]
            return still.stem.split("_")[0], frame_number(still) - _STEP * place

        videos: list[LabelledVideo] = []
        for (drive, _), places in groupby(range(len(stills)), start):
            run = [stills[place] for place in places]
            first, last = (frame_number(run[end][0]) for end in (0, -1))
            if first == last:
                continue
            labels = {index: label for index, (_, label) in enumerate(run)}
            images = [still for still, _ in run]
            name = f"{drive}_{first:05d}-{last:05d}"
            videos.append(LabelledImages(name, images, labels, self.classes, _LABELS_FPS))
        if not videos:
            raise FileNotFoundError(
                f"no two of the {len(stills)} stills in {self.root / self.images} are {_STEP} "
                f"frames apart, as frames: consecutive needs them; the usual split has such stills "
                f"in val (see data/README.md)"
            )
        return videos

    def _excerpts(self) -> list[LabelledVideo]:
        """The clips cut from the recordings."""
        videos: list[LabelledVideo] = []
        for _, still, label in self.labelled_stills():
            drive = still.stem.split("_")[0]
            if drive not in _RECORDINGS:
                raise ValueError(f"{still} belongs to none of CamVid's drives {[*_RECORDINGS]}")
            file_name, offset = _RECORDINGS[drive]
            recording = self.root / "videos" / file_name
            if not recording.is_file():
                raise FileNotFoundError(
                    f"{recording} is missing; data/README.md says where the recordings are from, "
                    f"or use frames: stills, which needs none"
                )
            index = frame_number(still) + offset
            start, stop = index + 1 - self.camera.num_frames, index + 1 + self.camera.future
            if start >= 0:
                labels = {index - start: label}
                excerpt = LabelledVideoFile(
                    still.stem, recording, labels, self.classes, start, stop
                )
                videos.append(excerpt)
        return videos
