"""A video is used as it is, refused with the remedy, or copied once so that it can be used."""

import pytest

from arseg_lightning.datasets.classes import class_set
from arseg_lightning.datasets.labelled_video import LabelledVideoFile
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.video.cache import MotionCache, usable_video
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.errors import NoMotionVectors
from arseg_lightning.video.probe import probe
from tests.video.hand_made import pan
from tests.video.small_videos import write_stream, write_vp9


def write(path, right=2, **settings):
    encode_frames(pan(8, 64, 80, right, 0), path, EncodeSettings(fps=12, **settings))
    return path


def vp9(path, right=2):
    return write_vp9(path, pan(8, 64, 80, right, 0), rate=12)


def test_a_video_that_can_be_used_is_used_itself(tmp_path):
    video = write(tmp_path / "clip.mp4", references=3, b_frames=2)
    for motion in ("codec", "reencode"):
        cache = MotionCache(tmp_path / "motion")
        assert usable_video(video, tmp_path / "copies", cache, motion) == video
        assert cache.read(video).evidence.share > 0.94
    assert not (tmp_path / "copies").exists()


def test_a_copy_is_made_on_request_and_can_be_followed(tmp_path):
    video, copies = vp9(tmp_path / "clip.mp4"), tmp_path / "copies"
    cache = MotionCache(tmp_path / "motion")
    with pytest.raises(NoMotionVectors, match="--motion reencode"):
        usable_video(video, copies, cache)
    copy = usable_video(video, copies, cache, "reencode")
    assert copy.parent == copies
    assert (probe(copy).size, probe(copy).fps) == ((64, 80), 12)
    cache.ensure(copy)
    assert cache.read(copy).picture_types == "IPPPPPPP"  # one long GOP, every frame of it


def test_a_copy_is_made_once_for_each_content(tmp_path):
    video, copies = vp9(tmp_path / "clip.mp4"), tmp_path / "copies"
    cache = MotionCache(tmp_path / "motion")
    first = usable_video(video, copies, cache, "reencode")
    time = first.stat().st_mtime_ns
    assert usable_video(video, copies, cache, "reencode") == first
    assert first.stat().st_mtime_ns == time
    vp9(video, right=-2)
    assert usable_video(video, copies, cache, "reencode") != first


def test_the_progress_of_a_copy_is_told(tmp_path):
    video = vp9(tmp_path / "clip.mp4")
    told, cache = [], MotionCache(tmp_path / "motion")
    usable_video(video, tmp_path, cache, "reencode", lambda *counts: told.append(counts))
    assert told == [(done, 8) for done in range(1, 9)]


def test_an_interrupted_copy_leaves_nothing(tmp_path):
    video, copies = vp9(tmp_path / "clip.mp4"), tmp_path / "copies"
    cache = MotionCache(tmp_path / "motion")

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        usable_video(video, copies, cache, "reencode", interrupt)
    assert not list(copies.iterdir())


def test_vectors_that_are_no_motion_are_refused_or_replaced_by_a_copys(tmp_path):
    """FFmpeg exports zero for the direct blocks of MPEG-4's B-frames."""
    options, frames = {"g": "30", "bf": "2"}, pan(20, 96, 128, 4, 2)
    video = write_stream(tmp_path / "clip.mp4", "mpeg4", options, frames=frames)
    store = ClipStore(tmp_path / "store", EncodeSettings())
    sequence = LabelledVideoFile("clip", video, {}, class_set("camvid11"))
    with pytest.raises(NoMotionVectors, match=r"clip.mp4 has .* only \d+ % lead .*--motion reenc"):
        store.prepare(sequence)
    store = ClipStore(tmp_path / "store", EncodeSettings(), "reencode")
    assert store.prepare(sequence)
    assert not store.prepare(sequence)
    assert store.video(sequence).parent == tmp_path / "store" / "copies"
    assert store.motion_of(store.video(sequence)).evidence.share > 0.94
