"""A run prepares what it lacks, and all that can be."""

import pytest

from arseg_lightning.datasets import SyntheticDriving, class_set
from arseg_lightning.datasets.labelled_video import LabelledImages, LabelledVideoFile
from arseg_lightning.datasets.preparation import prepare_missing
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.errors import VideoDamageWarning
from tests.video.hand_made import pan
from tests.video.small_videos import write_vp9

CLASSES = class_set("camvid12")


@pytest.fixture
def store(tmp_path):
    return ClipStore(tmp_path / "store", EncodeSettings())


def write_pan(path, **settings):
    encode_frames(pan(8, 64, 80, 2, 1), path, EncodeSettings(**settings))
    return LabelledVideoFile(path.stem, path, {}, CLASSES)


def broken(path):
    path.write_bytes(b"no video at all")
    return LabelledVideoFile(path.stem, path, {}, CLASSES)


def test_what_is_there_is_known_to_be(store, tmp_path):
    frames = SyntheticDriving(1, num_frames=3, height=32, width=48).videos()[0]
    clips = [frames, write_pan(tmp_path / "video.mp4")]
    prepare_missing(store, clips)
    assert [store.prepare(clip) for clip in clips] == [False, False]


def test_a_copy_that_stands_for_a_video_is_known_to_be_there(tmp_path):
    video = write_vp9(tmp_path / "video.mp4", pan(8, 64, 80, 2, 1))
    clip = LabelledVideoFile("video", video, {}, CLASSES)
    store = ClipStore(tmp_path, EncodeSettings(), "reencode")
    assert store.prepare(clip)
    assert not store.prepare(clip)


def test_all_that_cannot_be_prepared_is_named_and_all_else_is_there(store, tmp_path):
    gone = LabelledImages("gone", (tmp_path / "gone.png",), {}, CLASSES)
    good = write_pan(tmp_path / "good.mp4")
    with pytest.raises(ValueError, match="of 3 clips") as caught:
        prepare_missing(store, [gone, broken(tmp_path / "broken.mp4"), good])
    lines = str(caught.value).splitlines()
    assert lines[0] == "2 of 3 clips cannot be prepared:"
    assert lines[1].startswith(f"broken: {tmp_path}/broken.mp4 is not a video that can be read")
    assert "No such file or directory" in lines[2]
    assert lines[3].endswith("what is ready is kept, and the same command continues with the rest")
    assert not store.prepare(good)


def test_thousands_of_failures_are_counted(store, tmp_path):
    clips = [broken(tmp_path / f"{n}.mp4") for n in range(13)]
    with pytest.raises(ValueError, match=r"13 of 13 clips [\s\S]*\nand 3 more\nmend or replace"):
        prepare_missing(store, clips)


def test_damage_that_is_worked_around_is_said(store, tmp_path):
    clip = write_pan(tmp_path / "video.mp4")
    clip.path.write_bytes(clip.path.read_bytes()[:-400])
    with pytest.warns(VideoDamageWarning, match=r"video\.mp4 is damaged"):
        prepare_missing(store, [clip])
