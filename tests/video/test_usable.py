"""A video is used as it is, refused with the remedy, or copied once so that it can be used."""

import av
import pytest

from arseg_lightning.video.cache import MotionCache
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.errors import NoMotionVectors
from arseg_lightning.video.probe import probe
from arseg_lightning.video.usable import usable_video
from tests.video.hand_made import pan


def write(path, right=2, **settings):
    encode_frames(pan(8, 64, 80, right, 0), path, EncodeSettings(fps=12, **settings))
    return path


def test_a_video_that_can_be_used_is_used_itself(tmp_path):
    video = write(tmp_path / "clip.mp4", references=3, b_frames=2)
    for motion in ("codec", "reencode"):
        assert usable_video(video, tmp_path / "copies", motion) == video
    assert not (tmp_path / "copies").exists()


VP9 = {"codec": "libvpx-vp9"}


@pytest.mark.parametrize("settings", [{"codec": "libx265"}, VP9])
def test_a_copy_is_made_on_request_and_can_be_followed(tmp_path, settings):
    if settings.get("codec", "libx264") not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg has no {settings['codec']}")
    video, copies = write(tmp_path / "clip.mp4", **settings), tmp_path / "copies"
    with pytest.raises(NoMotionVectors, match="--motion reencode"):
        usable_video(video, copies)
    copy = usable_video(video, copies, "reencode")
    assert copy.parent == copies
    assert (probe(copy).size, probe(copy).fps) == ((64, 80), 12)
    cache = MotionCache(tmp_path / "motion")
    cache.ensure(copy)
    assert cache.read(copy).picture_types == "IPPPPPPP"  # one long GOP, every frame of it


def test_a_copy_is_made_once_for_each_content(tmp_path):
    video, copies = write(tmp_path / "clip.mp4", **VP9), tmp_path / "copies"
    first = usable_video(video, copies, "reencode")
    time = first.stat().st_mtime_ns
    assert usable_video(video, copies, "reencode") == first
    assert first.stat().st_mtime_ns == time
    write(video, right=-2, **VP9)
    assert usable_video(video, copies, "reencode") != first


def test_the_progress_of_a_copy_is_told(tmp_path):
    video = write(tmp_path / "clip.mp4", **VP9)
    told = []
    usable_video(video, tmp_path, "reencode", lambda *counts: told.append(counts))
    assert told == [(done, 8) for done in range(1, 9)]


def test_an_interrupted_copy_leaves_nothing(tmp_path):
    video, copies = write(tmp_path / "clip.mp4", **VP9), tmp_path / "copies"

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        usable_video(video, copies, "reencode", interrupt)
    assert not list(copies.iterdir())
