"""The check of data: complete and incomplete layouts, and their uses."""

import re

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
from arseg_lightning.datasets.layout import PreparedClip, PreparedLayout
from arseg_lightning.video import decode
from tests.datasets.trees import (
    SIZE,
    camvid_recording,
    camvid_stills,
    cityscapes_image,
    cityscapes_snippet,
    frame,
    images_and_labels,
    save,
    video_and_labels,
)

PHASE_1, STILLS, VIDEO = "phase 1", "phase 2 from camera paths", "phase 2 from real video"


def protocol(num_frames, interval=12):
    return f"the paper's protocol (every distance at L={interval}, on {num_frames} frames)"


@pytest.fixture
def cityscapes(tmp_path):
    cityscapes_snippet(tmp_path, "aachen_000000_000019")
    return tmp_path


def test_a_whole_data_set_is_good_for_everything(cityscapes):
    check = check_split("train", Cityscapes(cityscapes, "train"))
    assert check.summary == "Cityscapes, 1 labelled frame of 48x96, real video at 17 fps"
    assert check.uses == [PHASE_1, VIDEO, protocol(1)]
    (line,) = check.lines
    assert line.startswith("absent: no pixel of sidewalk, building, wall, ")
    assert line.endswith(" in 1 label; 17% is left out")


def test_a_past_that_is_too_short_does_not_serve_the_protocol(cityscapes):
    layout = Cityscapes(cityscapes, "train", past=5)
    assert check_split("train", layout).uses == [PHASE_1, VIDEO]
    assert check_split("train", layout, 6).uses == [PHASE_1, VIDEO, protocol(1, 6)]
    alone = Cityscapes(cityscapes, "train", past=0)
    assert check_split("train", alone).uses == [PHASE_1]


def test_missing_neighbours_are_listed_and_the_stills_still_serve(cityscapes):
    for number in (3, 4):
        cityscapes_image(cityscapes, f"aachen_000000_{number:06d}").unlink()
    check = check_split("train", Cityscapes(cityscapes, "train"))
    assert check.uses == []
    assert check.lines[0].startswith(
        "missing: 2 files: aachen_000000_000003_leftImg8bit, aachen_00"
    )
    assert re.match(
        r"missing: aachen_000000_000003_leftImg8bit is missing in .*; unpa", check.lines[1]
    )
    stills = check_split("train", Cityscapes(cityscapes, "train", frames="stills"))
    assert stills.uses == [PHASE_1, STILLS]


def test_missing_folders_are_gaps(tmp_path):
    check = check_split("val", StillFolder(tmp_path, "camvid11"))
    assert check.uses == []
    assert "images is missing; stills should be there" in check.lines[0]


def test_stills_serve_by_camera_paths(tmp_path):
    images_and_labels(tmp_path, ("a", "b"))
    check = check_split("train", StillFolder(tmp_path, "camvid11"))
    assert check.uses == [PHASE_1, STILLS]


def test_missing_and_unused_labels_are_listed(tmp_path):
    images_and_labels(tmp_path, ("a", "b", "c"))
    (tmp_path / "images" / "a.png").unlink()
    (tmp_path / "labels" / "b.png").unlink()
    check = check_split("train", StillFolder(tmp_path, "camvid11"))
    assert re.match(
        r"missing: .*b\.png has no label: neither b\.png nor b_L\.png is", check.lines[0]
    )
    assert check.lines[1] == "unused: 1 label without a frame: a.png"
    assert check.uses == []


def test_unknown_label_values_are_found_in_samples(tmp_path):
    images_and_labels(tmp_path, ("a", "b"), value=40)
    check = check_split("train", StillFolder(tmp_path, "camvid11"))
    assert "holds the value(s) [40], but camvid11 has the classes 0 to 10" in check.lines[0]
    assert check.uses == []


def test_only_a_few_of_many_labels_are_read(tmp_path):
    images_and_labels(tmp_path, [f"still_{i}" for i in range(20)])
    (tmp_path / "labels" / "still_1.png").write_bytes(b"no image")
    assert check_split("train", StillFolder(tmp_path, "camvid11")).uses
    check = check_split("train", StillFolder(tmp_path, "camvid11"), every_label=True)
    assert "still_1.png is not an image that can be read" in check.lines[0]
    assert check.uses == []


def test_a_labelled_clip_serves_the_protocol_where_it_has_a_past(tmp_path):
    images_and_labels(tmp_path, [f"frame_{t}" for t in range(14)])
    check = check_split("train", FrameFolder(tmp_path, "camvid11"))
    assert check.uses == [PHASE_1, VIDEO, protocol(3)]


def test_a_video_is_probed_and_not_decoded(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("decoded")

    video_and_labels(tmp_path)
    monkeypatch.setattr(decode, "decode", refuse)
    check = check_split("train", VideoFolder(tmp_path, "camvid11"))
    assert check.summary == "VideoFolder, 2 labelled frames of 48x96, real video at 25 fps"
    assert check.uses == [PHASE_1, VIDEO, protocol(1)]


def test_a_label_after_the_end_of_its_video_is_a_problem(tmp_path):
    video_and_labels(tmp_path, labelled=(2, 14))
    check = check_split("train", VideoFolder(tmp_path, "camvid11"))
    assert "wrong: a label belongs to frame 14 of" in check.lines[0]
    assert "which has 14 frames, counted from 0" in check.lines[0]


def test_videos_without_labels_and_labels_without_videos_are_listed(tmp_path):
    video_and_labels(tmp_path)
    video_and_labels(tmp_path, "other", num_frames=2, labelled=())
    save(tmp_path / "labels" / "third" / "0.png", np.zeros(SIZE))
    check = check_split("train", VideoFolder(tmp_path, "camvid11"))
    assert "labels/other is missing; labels of other.mp4 should be there" in check.lines[0]
    assert check.lines[1] == "unused: 1 label without a frame: third"


def test_a_broken_video_is_a_problem(tmp_path):
    video_and_labels(tmp_path, labelled=(0,))
    (tmp_path / "videos" / "drive.mp4").write_bytes(b"no video")
    check = check_split("train", VideoFolder(tmp_path, "camvid11"))
    assert "is not a video that can be read" in check.lines[0]


def test_camvid_lists_all_missing_recordings(tmp_path):
    camvid_stills(tmp_path)
    save(tmp_path / "train" / "0016E5_00390.png", frame(0))
    save(tmp_path / "train_labels" / "0016E5_00390_L.png", np.zeros((*SIZE, 3)))
    check = check_split("train", CamVid(tmp_path, "train", frames="video"))
    assert check.lines[0] == "missing: 2 files: 0005VD.MXF, 0016E5.MXF"
    assert check.uses == []


def test_camvid_with_its_recordings_serves_the_protocol(tmp_path):
    camvid_stills(tmp_path)
    camvid_recording(tmp_path)
    check = check_split("train", CamVid(tmp_path, "train", frames="video"))
    assert any(line.endswith("; 50% is left out") for line in check.lines)
    assert check.uses == [PHASE_1, VIDEO, protocol(2)]


def test_a_still_after_the_end_of_its_recording_is_a_problem(tmp_path):
    camvid_stills(tmp_path, numbers=(30, 90))
    camvid_recording(tmp_path)
    check = check_split("train", CamVid(tmp_path, "train", frames="video"))
    assert "a label belongs to frame 91 of" in check.lines[0]


def test_a_driving_scene_is_there_without_any_file():
    check = check_split("train", SyntheticDriving(1, num_frames=4, height=48, width=64), 4)
    assert check.uses == [PHASE_1, "phase 2 from synthetic video", protocol(1, 4)]


class Prepared(PreparedLayout):
    """One labelled frame, prepared at every distance."""

    def __init__(self, root):
        self.root = root
        self.classes = StillFolder(root, "camvid11").classes

    def clips(self, keyframe_interval):
        image, label = (self.root / name / "a.png" for name in ("images", "labels"))
        return [PreparedClip((image,), None, label, d) for d in range(keyframe_interval)]


def test_prepared_pairs_serve_evaluation_alone(tmp_path):
    images_and_labels(tmp_path, "a")
    check = check_split("test", Prepared(tmp_path))
    assert check.summary == "Prepared, 1 labelled frame of 48x96, prepared files"
    assert check.uses == [protocol(1)]
