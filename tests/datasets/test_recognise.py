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
    assert kinds(tmp_path) == {"videos": VideoFolder}


def test_images_may_be_one_clip_or_stills(tmp_path):
    images_and_labels(tmp_path, ("a", "b"))
    assert kinds(tmp_path) == {"as the frames of one clip": FrameFolder, "as stills": StillFolder}


def test_another_folder_is_refused_with_the_known_layouts(tmp_path):
    with pytest.raises(ValueError, match=r"none of the known layouts: .*gtFine/.*images/ and lab"):
        recognise(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone is no folder; give the folder of a data"):
        recognise(tmp_path / "gone")
