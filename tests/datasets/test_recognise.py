"""Folders are recognised by what is in them."""

import pytest

from arseg_lightning.datasets import CamVid, Cityscapes, FrameFolder, StillFolder, VideoFolder
from arseg_lightning.datasets.recognise import recognise
from tests.datasets.trees import (
    camvid_stills,
    cityscapes_snippet,
    images_and_labels,
    video_and_labels,
)

STILLS = {"": StillFolder}
CLIP_OR_STILLS = {"one clip": FrameFolder, "stills": StillFolder}


def kinds(folder):
    return {name: type(layout) for name, layout in recognise(folder).items()}


def test_camvid_is_recognised_with_both_kinds_of_frames(tmp_path):
    camvid_stills(tmp_path)
    found = recognise(tmp_path)
    assert {type(layout) for layout in found.values()} == {CamVid}
    assert [name for name in found if name.startswith("train")] == [
        "train, frames: stills",
        "train, frames: video",
    ]
    assert [layout.frames for layout in found.values()] == ["stills", "video"] * 3


def test_cityscapes_is_recognised_by_any_of_its_packages(tmp_path):
    cityscapes_snippet(tmp_path / "all", "ulm_000000_000019", split="val")
    (tmp_path / "images only" / "leftImg8bit").mkdir(parents=True)
    for folder in ("all", "images only"):
        found = kinds(tmp_path / folder)
        assert set(found.values()) == {Cityscapes}
        assert len(found) == 4


def test_custom_videos_are_recognised(tmp_path):
    video_and_labels(tmp_path)
    assert kinds(tmp_path) == {"": VideoFolder}


@pytest.mark.parametrize(
    ("names", "layouts"),
    [
        ([f"0016E5_{number:05d}" for number in range(7959, 7979, 2)], CLIP_OR_STILLS),
        ([f"{number}" for number in range(8, 12)], CLIP_OR_STILLS),
        ([f"0001TP_{number:06d}" for number in range(6690, 7000, 30)], STILLS),
        (["a_1", "a_2", "b_3", "b_4"], STILLS),
        (["boat", "harbour", "buoy"], STILLS),
        (["IMG_1", "IMG_2", "IMG_9", "IMG_13"], STILLS),
        (["alone_1"], STILLS),
    ],
)
def test_a_clip_counts_in_small_equal_steps_and_so_may_stills(tmp_path, names, layouts):
    images_and_labels(tmp_path, names)
    assert kinds(tmp_path) == layouts


def test_folders_of_a_folder_are_parts(tmp_path):
    images_and_labels(tmp_path / "clip", ["f_1", "f_2", "f_3"])
    images_and_labels(tmp_path / "stills", ["x", "y"])
    assert kinds(tmp_path) == {
        "clip/ one clip": FrameFolder,
        "clip/ stills": StillFolder,
        "stills/": StillFolder,
    }


def test_another_folder_is_refused_with_the_known_layouts(tmp_path):
    with pytest.raises(ValueError, match=r"none of the known layouts: .*gtFine/.*images/ and lab"):
        recognise(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone is no folder; give the folder of a data"):
        recognise(tmp_path / "gone")
