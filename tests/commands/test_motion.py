"""The command motion: labels find their frames, and what does not fit is named."""

import json

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.commands import COMMANDS
from arseg_lightning.commands.motion import match_labels, motion
from arseg_lightning.datasets.labels import LabelError
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.errors import NoMotionVectors, NotAVideo
from tests.video.hand_made import pan

SIZE = (64, 80)
NUM_FRAMES = 8


def label(t):
    """Two classes in a chequered pattern that goes with the camera."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return ((x + 2 * t) // 16 + y // 16) % 2


def write_label(path, values):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "clip.mp4"
    encode_frames(pan(NUM_FRAMES, *SIZE, 2, 0), path, EncodeSettings(keyframe_interval=4))
    return path


@pytest.fixture
def labels(tmp_path):
    for t in range(NUM_FRAMES):
        write_label(tmp_path / "labels" / f"Seq_{100 + t}_L.png", label(t))
    return tmp_path / "labels"


def run(video, labels, **options):
    settings = {"keyframe_interval": 4, "store": video.parent / "store"} | options
    return motion(video, labels, **settings)


def test_the_command_is_on_the_command_line():
    assert COMMANDS["motion"] is motion


def test_motion_warps_labels_and_the_result_is_told(video, labels, capsys):
    quality = run(video, labels)
    assert [(e.distance, e.num_frames) for e in quality.distances] == [(1, 2), (2, 2), (3, 2)]
    assert quality.mean_warped > 0.85 > 0.7 > quality.mean_copied
    assert "intra-coded blocks" in capsys.readouterr().out


def test_the_result_and_its_pictures_are_written(video, labels, tmp_path, capsys):
    output = tmp_path / "runs" / "motion"
    quality = run(video, labels, output=output)
    assert str(output) in capsys.readouterr().out
    result = json.loads((output / "motion.json").read_text())
    assert result["mean_warped"] == quality.mean_warped
    assert len(result["distances"]) == 3
    assert result["provenance"]["config"]["keyframe_interval"] == 4
    for name in ("motion.png", "field.png"):
        with Image.open(output / name) as picture:
            picture.verify()


def test_i_frames_are_keyframes_whatever_the_interval(video, labels):
    assert [e.distance for e in run(video, labels, keyframe_interval=8).distances] == [1, 2, 3]


def test_a_video_without_usable_motion_is_refused_and_copied_on_request(tmp_path, labels):
    video = tmp_path / "vp9.mp4"
    encode_frames(pan(NUM_FRAMES, *SIZE, 2, 0), video, EncodeSettings(codec="libvpx-vp9"))
    with pytest.raises(NoMotionVectors, match="--motion reencode"):
        run(video, labels)
    assert run(video, labels, motion="reencode", output=tmp_path / "out").mean_warped > 0.85


@pytest.mark.parametrize("settings", [{"references": 3}, {"b_frames": 2}])
def test_motion_of_an_ordinary_file_warps_labels(tmp_path, labels, settings):
    video = tmp_path / "ordinary.mp4"
    encode_frames(pan(NUM_FRAMES, *SIZE, 2, 0), video, EncodeSettings(**settings))
    assert run(video, labels).mean_warped > 0.85


@pytest.mark.parametrize("interval", [0, 1, 9])
def test_a_keyframe_interval_that_does_not_fit_is_refused(video, labels, interval):
    message = rf"keyframe_interval is {interval}, .*8 frames; give a number from 2 to 8"
    with pytest.raises(ValueError, match=message):
        run(video, labels, keyframe_interval=interval)


def test_as_many_labels_as_frames_belong_together_in_order(tmp_path):
    for name in ("f10", "f9", "f200"):
        write_label(tmp_path / f"{name}.png", label(0))
    found = match_labels(tmp_path, 3)
    assert [found[frame].stem for frame in range(3)] == ["f9", "f10", "f200"]


def test_some_labels_are_named_after_their_frames(tmp_path):
    for name in ("a_0", "a_00007"):
        write_label(tmp_path / f"{name}.png", label(0))
    assert {frame: path.stem for frame, path in match_labels(tmp_path, 8).items()} == {
        0: "a_0",
        7: "a_00007",
    }


def test_labels_that_belong_to_no_frame_or_to_one_twice_are_refused(tmp_path):
    write_label(tmp_path / "a_000012.png", label(0))
    with pytest.raises(ValueError, match=r"a_000012.png .*frame 12, but the video has 8 frames"):
        match_labels(tmp_path, 8)
    write_label(tmp_path / "a_12.png", label(0))
    with pytest.raises(ValueError, match="are both labels of frame 12"):
        match_labels(tmp_path, 20)
    write_label(tmp_path / "more" / "label.png", label(0))
    with pytest.raises(ValueError, match=r"label\.png should be named after its frame number"):
        match_labels(tmp_path / "more", 20)


def test_bad_input_is_named(video, labels, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run(video, tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no\.mp4 does not exist"):
        run(tmp_path / "no.mp4", labels)
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with pytest.raises(NotAVideo, match=r"text\.mp4 is not a video"):
        run(text, labels)
    with pytest.raises(ValueError, match="no class set 'camvid'"):
        run(video, labels, classes="camvid")


def test_labels_of_another_size_or_class_are_named(video, labels):
    second = labels / "Seq_101_L.png"
    write_label(second, label(1) + 50)
    with pytest.raises(LabelError, match=r"Seq_101_L\.png holds the value\(s\) \[50, 51\]"):
        run(video, labels)
    write_label(second, label(1)[:10])
    with pytest.raises(LabelError, match=r"Seq_101_L\.png is 10x80 .*its frame is 64x80"):
        run(video, labels)
