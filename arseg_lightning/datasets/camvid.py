"""CamVid in its published folder layout: stills, or clips cut from the 30 Hz recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.folder import CameraPath, StillFolder
from arseg_lightning.datasets.label_files import LabelFiles
from arseg_lightning.datasets.labelled_video import LabelledExcerpt
from arseg_lightning.datasets.layout import (
    IMAGE_SUFFIXES,
    FileLayout,
    Gap,
    Inventory,
    files,
    frame_number,
)
from arseg_lightning.ranges import check_words

__all__ = ["CamVid", "place_in_recording"]

Split = Literal["train", "val", "test"]
Frames = Literal["stills", "video"]

_RECORDINGS: dict[str, tuple[str, int]] = {
    "0001TP": ("01TP_extract.avi", -6660),
    "0006R0": ("0006R0.MXF", 1),
    "0016E5": ("0016E5.MXF", 1),
    "Seq05VD": ("0005VD.MXF", 1),
}
"""Recording of each sequence, and what turns a still's number into a frame index from 0.

Source: THU-LYJ-Lab/AR-Seg, preprocessing (their numbers count from 1).
"""


class CamVid(FileLayout):
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
            clip that ends at the still out of the recordings.
        camera: How stills become clips; its length also counts for cuts from the recordings.

    Raises:
        FileNotFoundError: If stills, labels or recordings are missing.
    """

    def __init__(
        self,
        root: Path,
        split: Split,
        protocol: Literal["camvid11", "camvid12"] = "camvid11",
        frames: Frames = "stills",
        camera: CameraPath = CameraPath(),  # noqa: B008
    ) -> None:
        check_words(split=(split, Split), frames=(frames, Frames))
        self.root = Path(root)
        self.split = split
        self.classes = class_set(protocol)
        self.frames = frames
        self.camera = camera
        self.stills = StillFolder(
            self.root, protocol, camera=camera, images=split, labels=f"{split}_labels"
        )

    def inventory(self) -> Inventory:
        """Look for stills, their labels and, for ``frames: video``, the recordings.

        Of the recordings, stills without enough past are left out.
        """
        stills = self.stills.inventory()
        if self.frames == "stills":
            return stills
        paths = files(self.root / self.split, IMAGE_SUFFIXES, "CamVid stills")
        known = LabelFiles(self.root / f"{self.split}_labels", paths)
        labels = {path: known.of(path) for path in paths}  # the gaps are those of the stills
        spans = [self._span(path, label) for path, label in labels.items() if label is not None]
        missing = sorted({span.recording for span in spans if not span.recording.is_file()})
        whole = [span for span in spans if span.start >= 0 and span.recording not in missing]
        remedy = (
            "data/README.md says where the recordings are from, or use frames: stills, which "
            "needs none"
        )
        gaps = [Gap("recording", path.name, f"{path} is missing; {remedy}") for path in missing]
        return Inventory(tuple(whole), (*gaps, *stills.gaps), stills.unused)

    def _span(self, still: Path, label: Path) -> LabelledExcerpt:
        file_name, index = place_in_recording(still)
        start, stop = index + 1 - self.camera.num_frames, index + 1
        recording = self.root / "videos" / file_name
        return LabelledExcerpt(still.stem, recording, start, stop, label, self.classes, fps=30.0)


def place_in_recording(still: Path) -> tuple[str, int]:
    """File name of the recording that a still is from, and its frame index there, from 0.

    Raises:
        ValueError: If its name is not one of CamVid's.
    """
    drive = still.stem.split("_")[0]
    if drive not in _RECORDINGS:
        raise ValueError(f"{still} belongs to none of the CamVid drives {sorted(_RECORDINGS)}")
    file_name, offset = _RECORDINGS[drive]
    return file_name, frame_number(still) + offset
