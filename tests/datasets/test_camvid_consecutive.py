"""CamVid's frames that are labelled in a row, on a made tree and on real ones where they are."""

from pathlib import Path

import numpy as np
import pytest
import torch

from arseg_lightning.datasets import CamVid, ClipDataModule, FrameFolder
from arseg_lightning.datasets.check import check_split
from arseg_lightning.datasets.preparation import prepare_missing
from arseg_lightning.metrics import VideoConsistency
from arseg_lightning.tasks.experiment import Experiment
from tests.datasets.trees import SIZE, camvid_run, camvid_stills, frame

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
REAL = Path(__file__).resolve().parents[3] / "shared" / "camvid720" / "clip"
FIRST = 7959


def consecutive(root, split="val", **options):
    return CamVid(root, split, frames="consecutive", **options)


def test_stills_two_frames_apart_are_one_clip_of_which_all_is_labelled(tmp_path):
    camvid_run(tmp_path, range(FIRST, FIRST + 24, 2))
    (clip,) = consecutive(tmp_path).videos()
    assert (clip.name, clip.length, clip.fps) == ("0016E5_07959-07981", 12, 15)
    assert clip.labelled == tuple(range(12))
    assert [int(clip.label(index, SIZE)[0, 0]) for index in range(12)] == [*range(11), 0]
    assert np.array_equal(clip.image(5), frame(5))


def test_other_stills_are_left_out_and_a_gap_parts_clips(tmp_path):
    camvid_run(tmp_path, [7920, *range(7959, 7973, 2), 8000, 9998, 10000])
    camvid_stills(tmp_path, "val", (30, 60))
    clips = {clip.name: clip.length for clip in consecutive(tmp_path).videos()}
    assert clips == {"0016E5_07959-07971": 7, "0016E5_09998-10000": 2}
    (tmp_path / "val" / "0016E5_07963.png").unlink()
    clips = {clip.name: clip.length for clip in consecutive(tmp_path).videos()}
    assert clips == {"0016E5_07959-07961": 2, "0016E5_07965-07971": 4, "0016E5_09998-10000": 2}


def test_runs_of_two_drives_are_two_clips(tmp_path):
    camvid_run(tmp_path, (1, 3))
    camvid_stills(tmp_path, "val", (5, 7))
    names = sorted(clip.name for clip in consecutive(tmp_path).videos())
    assert names == ["0016E5_00001-00003", "Seq05VD_00005-00007"]


def test_stills_of_which_none_follow_each_other_are_refused(tmp_path):
    camvid_stills(tmp_path, "train", (30, 60))
    message = r"no two of the 2 stills in .*train are 2 frames apart, .* has such stills in val"
    with pytest.raises(FileNotFoundError, match=message):
        consecutive(tmp_path, "train").videos()


def test_a_still_without_its_label_is_named(tmp_path):
    camvid_run(tmp_path, (1, 3, 5))
    (tmp_path / "val_labels" / "0016E5_00003_L.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 3 stills have no label: of .*00003\.png"):
        consecutive(tmp_path).videos()


@pytest.mark.parametrize("count", [7, 8, 15, 16, 31])
def test_the_check_counts_the_windows_of_video_consistency(tmp_path, count):
    camvid_run(tmp_path, range(FIRST, FIRST + 2 * count, 2))
    lines = check_split(consecutive(tmp_path))
    found = []
    for size in (8, 16):
        meter = VideoConsistency(size)
        for _ in range(count):
            meter.update(*2 * [torch.zeros(SIZE, dtype=torch.int64)])
        found.append(f"{int(meter.windows)} of {size}")
    line = f"windows of consecutive labels, for VC: {' and '.join(found)} frames; "
    assert [each for each in lines if each.startswith(line)] == [
        f"{line}at most {count} in a row" for _ in range(count >= 8)
    ]


def test_every_frame_counts_once_and_in_order(tmp_path):
    camvid_run(tmp_path, range(FIRST, FIRST + 36, 2))
    data = ClipDataModule(test=consecutive(tmp_path), store=tmp_path / "store", num_workers=0)
    prepare_missing(data.store, data.videos("test"))
    frames = [each for clip in data.test_dataloader() for each in clip.frames]
    tested = [each for each in frames if each.label is not None]
    assert [each.streamed.frame.index for each in tested] == [*range(18)]
    assert [int(each.label[0, 0]) for each in tested] == [index % 11 for index in range(18)]


def test_the_overlay_tests_on_them(tmp_path, monkeypatch):
    monkeypatch.setenv("CAMVID_ROOT", str(tmp_path))
    monkeypatch.setenv("RESNET18_INIT", "never-read")
    camvid_run(tmp_path, range(FIRST, FIRST + 24, 2))
    files = [EXPERIMENTS / "camvid" / f"{name}.yaml" for name in ("bise18_ar", "consecutive")]
    data = Experiment(files).data
    assert (data.layouts["val"], data.test_pairs) == (None, "stream")
    (clip,) = data.videos("test")
    assert len(clip.labelled) == 12
    assert data.classes.name == "camvid11"


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real consecutive frames in {REAL}")
def test_real_frames_are_one_clip_in_the_published_colours(tmp_path):
    for folder, name in (("images", "val"), ("labels", "val_labels")):
        (tmp_path / name).symlink_to(REAL / folder)
    (clip,) = consecutive(tmp_path).videos()
    (same,) = FrameFolder(REAL, "camvid11", fps=15).videos()
    assert clip.labelled == same.labelled == tuple(range(60))
    assert (clip.name, clip.paths[0].stem) == ("0016E5_07959-08077", "0016E5_07959")
    label = clip.label(30, (720, 960))
    assert {*np.unique(label).tolist()} <= {*range(11), 255}
    assert (label != 255).mean() > 0.9
    lines = check_split(consecutive(tmp_path))
    assert lines[0] == "CamVid, labelled frames: 60 of 720x960 at 15 fps"
    assert lines[2].endswith("VC: 53 of 8 and 45 of 16 frames; at most 60 in a row")
