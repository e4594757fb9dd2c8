"""Decoded frames on disk: exact, whole or absent, and never in the way."""

import numpy as np
import pytest

from arseg_lightning.video import frame_cache
from arseg_lightning.video.decode import decode
from arseg_lightning.video.frame_cache import FrameCache, FrameCacheWarning
from tests.small_disk import on_a_small_disk
from tests.video.small_videos import write_video

FRAME_BYTES = 64 * 96 * 3


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "clip.mp4")


@pytest.fixture(scope="module")
def images(video):
    return {frame.index: frame.image for frame in decode(video)}


@pytest.fixture
def cache(tmp_path, video, images):
    cache = FrameCache(tmp_path)
    cache.write(video, {index: images[index] for index in (3, 7)})
    return cache


def test_frames_come_back_as_they_were_decoded(cache, video, images):
    for index, image in zip((7, 3), cache.read(video, (7, 3)), strict=True):
        np.testing.assert_array_equal(image, images[index])


def test_only_all_frames_together_are_an_answer(cache, video):
    assert cache.read(video, (3, 4)) is None


def test_another_video_of_the_same_name_has_frames_of_its_own(cache, tmp_path):
    other = write_video(tmp_path / "clip.mp4", num_frames=12)
    assert cache.read(other, (3,)) is None


def wiped(content):
    return content[:-FRAME_BYTES] + bytes(FRAME_BYTES)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        wiped,
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content.replace(b"arseg-frame-1", b"arseg-frame-0"),
    ],
    ids=["empty", "no header", "cut", "longer", "wiped", "one bit", "other version"],
)
def test_a_damaged_entry_does_not_answer_and_is_replaced(cache, video, images, damage):
    entry = cache.entry(video, 3)
    entry.write_bytes(damage(entry.read_bytes()))
    assert cache.read(video, (3,)) is None
    cache.write(video, {3: images[3]})
    np.testing.assert_array_equal(cache.read(video, (3,))[0], images[3])


def test_what_is_there_is_not_written_again(cache, video, images):
    before = cache.entry(video, 3).stat().st_mtime_ns
    cache.write(video, {3: images[3]})
    assert cache.entry(video, 3).stat().st_mtime_ns == before


def warnings_of_writing(root, video, images):
    cache = FrameCache(root)
    with pytest.warns() as caught:
        cache.write(video, images)
    cache.write(video, images)  # says nothing more
    return [str(each.message) for each in caught if each.category is FrameCacheWarning]


def test_a_full_disk_is_said_once_and_leaves_nothing_half(tmp_path, video, images):
    (said,) = on_a_small_disk(FRAME_BYTES // 2, warnings_of_writing, tmp_path, video, images)
    assert "File too large; training continues and decodes them each time" in said
    assert "data.frame_cache_gib" in said
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_some_of_the_disk_is_left_to_others(tmp_path, video, images, monkeypatch):
    monkeypatch.setattr(frame_cache, "_RESERVED_BYTES", 2**60)
    (said,) = warnings_of_writing(tmp_path / "frames", video, images)
    assert "GiB would be left free; training continues" in said
    assert not list((tmp_path / "frames").rglob("*.rgb"))


def test_an_end_while_writing_leaves_no_entry(cache, video, images, monkeypatch):
    monkeypatch.setattr(frame_cache.zlib, "crc32", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cache.write(video, {4: images[4]})
    assert len(list(cache.root.glob("*/*"))) == 2
