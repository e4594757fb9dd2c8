"""The check of data: what a split holds, or what is missing or wrong."""

import numpy as np
import pytest

from arseg_lightning.datasets import (
    CamVid,
    Cityscapes,
    FrameFolder,
    StillFolder,
    SyntheticDriving,
    VideoFolder,
)
from arseg_lightning.datasets.check import check_split
from tests.datasets.trees import (
    SIZE,
    camvid_recording,
    camvid_stills,
    cityscapes_snippet,
    images_and_labels,
    save,
    video_and_labels,
)


def protocol(num_frames, interval=12):
    return (
        f"with the {interval - 1} frames before them that keyframe_interval={interval} needs to "
        f"measure every distance: {num_frames}"
    )


def test_a_whole_data_set_is_described(tmp_path):
    cityscapes_snippet(tmp_path, "aachen_000000_000019")
    first, second, absent = check_split(Cityscapes(tmp_path, "train"))
    assert (first, second) == ("Cityscapes, labelled frames: 1 of 48x96 at 17 fps", protocol(1))
    assert absent.startswith("no pixel of sidewalk, building, wall, ")
    assert absent.endswith(" in 1 labels (--all: in all); 17% is left out")


def test_a_past_that_is_too_short_does_not_serve_the_protocol(tmp_path):
    cityscapes_snippet(tmp_path, "aachen_000000_000019")
    layout = Cityscapes(tmp_path, "train", past=5)
    assert check_split(layout)[1] == protocol(0)
    assert check_split(layout, 6)[1] == protocol(1, 6)


def test_unknown_label_values_are_found_in_samples(tmp_path):
    images_and_labels(tmp_path, ("a", "b"), value=40)
    message = r"holds the value\(s\) \[40\], but camvid11 has the classes 0 to 10"
    with pytest.raises(ValueError, match=message):
        check_split(StillFolder(tmp_path, "camvid11"))


def test_only_a_few_of_many_labels_are_read(tmp_path):
    images_and_labels(tmp_path, [f"still_{i}" for i in range(20)])
    (tmp_path / "labels" / "still_1.png").write_bytes(b"no image")
    assert check_split(StillFolder(tmp_path, "camvid11"))
    with pytest.raises(ValueError, match=r"still_1\.png is not an image that can be read"):
        check_split(StillFolder(tmp_path, "camvid11"), every_label=True)


def test_labels_without_a_pixel_that_counts_are_refused_if_all_are(tmp_path):
    images_and_labels(tmp_path, [f"still {n}x" for n in range(12)], value=255)
    with pytest.raises(ValueError, match="no pixel counts; store the index"):
        check_split(StillFolder(tmp_path, "camvid11"))
    save(tmp_path / "labels" / "still 1x.png", np.zeros(SIZE))  # the first few hold nothing
    absent = check_split(StillFolder(tmp_path, "camvid11"))[2]
    assert absent.startswith("no pixel of building")
    assert absent.endswith("in 12 labels (--all: in all); 92% is left out")


def test_frames_of_a_clip_have_those_before_them(tmp_path):
    images_and_labels(tmp_path, [f"frame_{t}" for t in range(14)])
    assert check_split(FrameFolder(tmp_path, "camvid11"))[1] == protocol(3)


def test_a_video_is_described(tmp_path):
    video_and_labels(tmp_path)
    lines = check_split(VideoFolder(tmp_path, "camvid11"))
    assert lines[:2] == ["VideoFolder, labelled frames: 2 of 48x96 at 25 fps", protocol(1)]


def test_a_label_after_the_end_of_its_video_is_refused(tmp_path):
    video_and_labels(tmp_path, labelled=(2, 14))
    with pytest.raises(IndexError, match=r"drive\.mp4 has no frame 14; its frames"):
        check_split(VideoFolder(tmp_path, "camvid11"))


def test_a_broken_video_is_refused(tmp_path):
    video_and_labels(tmp_path, labelled=(0,))
    (tmp_path / "videos" / "drive.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match="is not a video that can be read"):
        check_split(VideoFolder(tmp_path, "camvid11"))


def test_excerpts_of_camvids_recordings_are_described(tmp_path):
    camvid_stills(tmp_path)
    camvid_recording(tmp_path)
    lines = check_split(CamVid(tmp_path, "train", frames="video"))
    assert lines[1] == protocol(2)
    assert lines[2].endswith("; 50% is left out")


def test_a_driving_scene_is_there_without_any_file():
    lines = check_split(SyntheticDriving(1, num_frames=4, height=48, width=64), 4)
    assert lines[:2] == [
        "SyntheticDriving, labelled frames: 4 of 48x64 at 25 fps",
        protocol(1, 4),
    ]
