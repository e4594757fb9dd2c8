"""A read never decodes, a stale entry never answers, and what is not finished is not there."""

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np
import pytest

from arseg_lightning.video import cache as cache_module
from arseg_lightning.video.cache import MotionCache, NotCached
from arseg_lightning.video.chain import Chaining, MotionChain
from arseg_lightning.video.decode import decode, decode_motion
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.errors import CannotWrite, NoMotionVectors
from tests.small_disk import on_a_small_disk
from tests.video.hand_made import motion_file, pan, random_motion
from tests.video.small_videos import write_stream

NUM_FRAMES = 14


def write_pan(path, right=2, **settings):
    encode_frames(pan(NUM_FRAMES, 64, 80, right, 1), path, EncodeSettings(**settings))
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_pan(tmp_path_factory.mktemp("video") / "pan.mp4")


@pytest.fixture
def cache(tmp_path):
    return MotionCache(tmp_path / "motion")


def ensure(root, video):
    MotionCache(root).ensure(video)


def test_the_cache_gives_what_decoding_gives(cache, video):
    cache.ensure(video)
    motion = cache.read(video)
    assert (motion.num_frames, motion.size, motion.fps) == (NUM_FRAMES, (64, 80), 25.0)
    assert motion.picture_types == "I" + (NUM_FRAMES - 1) * "P"
    for index, (_, expected) in enumerate(decode_motion(video)):
        read = motion.block_motion(index)
        assert (read.quarter_pixels == expected.quarter_pixels).all()
        assert (read.intra == expected.intra).all()


def test_reading_never_decodes(cache, video, monkeypatch):
    cache.ensure(video)

    def refuse(*_, **__):
        raise AssertionError("decoded")

    for name in ("decode_motion", "probe", "require_motion"):
        monkeypatch.setattr(cache_module, name, refuse)
    cache.ensure(video)  # it is there
    assert cache.read(video).motion(5, 0).size == (64, 80)


def test_what_is_not_there_is_named_with_the_remedy(cache, video):
    with pytest.raises(NotCached, match=r"pan\.mp4 is not in .*motion; .*prepare_data"):
        cache.read(video)


def test_a_stale_entry_never_answers(cache, video, tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(video.read_bytes())
    cache.ensure(path)
    write_pan(path, right=-3)
    with pytest.raises(NotCached):
        cache.read(path)
    cache.ensure(path)
    assert np.median(cache.read(path).motion(1, 0).xy[0]) == -3


def test_content_decides_and_not_the_name(cache, video, tmp_path):
    copy = tmp_path / "another name.mp4"
    copy.write_bytes(video.read_bytes())
    cache.ensure(video)
    assert cache.entry(copy) == cache.entry(video)
    assert cache.read(copy).num_frames == NUM_FRAMES


def test_an_entry_of_an_older_version_never_answers(cache, video, monkeypatch):
    cache.ensure(video)
    monkeypatch.setattr(cache_module, "_VERSION", cache_module._VERSION + 1)
    with pytest.raises(NotCached, match="is not in"):
        cache.read(video)


def test_of_four_that_start_at_once_one_builds_the_entry(cache, video):
    barrier = threading.Barrier(4)

    def ensure_together(_):
        barrier.wait()
        return MotionCache(cache.root).ensure(video)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ensure_together, range(4))) == [False, False, False, True]
    assert list(cache.root.iterdir()) == [cache.entry(video)]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_build_leaves_nothing_and_the_next_goes_on(cache, video, failure):
    def interrupt(done, total):
        assert total == NUM_FRAMES
        if done == 7:
            raise failure

    with pytest.raises(failure):
        cache.ensure(video, interrupt)
    assert not list(cache.root.iterdir())
    with pytest.raises(NotCached):
        cache.read(video)
    cache.ensure(video)
    assert cache.read(video).num_frames == NUM_FRAMES


def test_what_a_killed_build_left_behind_does_not_answer(cache, video):
    cache.root.mkdir()
    entry = cache.entry(video)
    left = entry.with_name(f".{entry.stem}.1-00000000.motion")
    left.write_bytes(b"the start of an entry")
    with pytest.raises(NotCached):
        cache.read(video)


def test_a_folder_that_cannot_be_made_is_named_with_the_remedy(video, tmp_path):
    (tmp_path / "file").write_text("")
    root = tmp_path / "file" / "motion"
    with pytest.raises(CannotWrite, match=r"pan\.mp4 to .*file/motion: Not a directory; one of"):
        MotionCache(root).ensure(video)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_cache_answers_but_is_not_written(cache, video, tmp_path):
    cache.ensure(video)
    other = write_pan(tmp_path / "other.mp4", right=1)
    cache.root.chmod(0o500)
    try:
        assert cache.read(video).num_frames == NUM_FRAMES
        with pytest.raises(CannotWrite, match="make room, repair the folder"):
            cache.ensure(other)
    finally:
        cache.root.chmod(0o700)


def test_a_disk_that_is_full_leaves_nothing_and_names_the_remedy(cache, video):
    cache.root.mkdir()
    with pytest.raises(CannotWrite, match="File too large; make room") as caught:
        on_a_small_disk(16, ensure, cache.root, video)
    assert os.strerror(errno.EFBIG) in str(caught.value)
    assert not list(cache.root.iterdir())


def test_streams_that_cannot_be_followed_leave_no_entry(cache, tmp_path):
    video = write_stream(
        tmp_path / "clip.webm", "libvpx-vp9", {"cpu-used": "8"}, pan(4, 64, 80, 1, 0)
    )
    with pytest.raises(NoMotionVectors, match="--motion reencode"):
        cache.ensure(video)
    assert not cache.root.exists()


def test_motion_is_the_chain_of_the_frames_between(tmp_path):
    fields = [random_motion(24, 32, seed=seed) for seed in range(50)]
    motion = motion_file(tmp_path / "a.motion", fields, (24, 32))
    for keyframe, frame in [(0, 3), (29, 34), (29, 33), (3, 3), (29, 40), (0, 1)]:
        chain = MotionChain((24, 32))
        for field in fields[keyframe + 1 : frame + 1]:
            chain.push(field)
        composed = motion.motion(frame, keyframe)
        assert (composed.xy == chain.motion().xy).all()
        assert (composed.valid == chain.motion().valid).all()


@pytest.mark.parametrize("sizes", [((24, 32), (24, 32)), ((24, 32), (32, 24))])
def test_videos_that_work_in_the_same_memory_keep_their_motion(tmp_path, sizes):
    shared, alone = (
        [
            motion_file(tmp_path / f"{kind}{i}.motion", [random_motion(*size, seed=i)] * 9, size)
            for i, size in enumerate(sizes)
        ]
        for kind in "ab"
    )
    last = 0
    for number, frame, keyframe in [(0, 3, 0), (1, 4, 1), (1, 5, 1), (0, 5, 0), (0, 2, 2)]:
        if number != last:
            shared[number].take_over(shared[last])
            last = number
        expected = alone[number].motion(frame, keyframe)
        assert (shared[number].motion(frame, keyframe).xy == expected.xy).all()
        assert sum(video._chain is not None for video in shared) == 1


def test_no_motion_leads_across_an_intra_frame(tmp_path):
    fields = [random_motion(24, 32)] * 9
    motion = motion_file(tmp_path / "a.motion", fields, (24, 32), "IPPPIPPPP")
    assert motion.motion(3, 0).size == motion.motion(8, 4).size == (24, 32)
    for frame, keyframe in [(4, 0), (5, 3), (8, 0)]:
        message = rf"frame {frame} to keyframe {keyframe}: frame 4 is an I-frame; .*one long GOP"
        with pytest.raises(ValueError, match=message):
            motion.motion(frame, keyframe)


def test_motion_leads_backwards_and_inside_the_video(tmp_path):
    motion = motion_file(tmp_path / "a.motion", [random_motion(24, 32)] * 5, (24, 32))
    with pytest.raises(ValueError, match="keyframe 3 is behind frame 2"):
        motion.motion(2, 3)
    for frame in (5, 99):
        with pytest.raises(IndexError, match=f"frame {frame} of 5"):
            motion.motion(frame, 0)
    with pytest.raises(IndexError):
        motion.block_motion(-1)
    assert motion.motion(4, 0).size == (24, 32)  # nothing is remembered of what failed


def test_one_entry_serves_every_keyframe_interval(cache, video):
    cache.ensure(video)
    for interval in (3, 7, 12):
        motion = cache.read(video)
        for frame in range(NUM_FRAMES):
            distance = frame % interval
            x, y = motion.motion(frame, frame - distance).xy[:, 24:40, 32:48]
            assert abs(np.median(x) - 2 * distance) <= 0.5
            assert abs(np.median(y) - distance) <= 0.5


def test_one_entry_serves_every_chaining(cache, video):
    cache.ensure(video)
    fields = {name: cache.read(video, name).motion(9, 0).xy for name in get_args(Chaining)}
    assert fields["subpixel"].any()
    assert (fields["subpixel"] == fields["integer"]).all()  # the camera pans by whole pixels
    assert not fields["none"].any()
    assert list(cache.root.iterdir()) == [cache.entry(video)]


def test_composed_motion_takes_the_keyframe_to_the_frame(cache, video):
    cache.ensure(video)
    images = [frame.image.astype(int) for frame in decode(video)]
    motion = cache.read(video).motion(6, 0)
    y, x = np.mgrid[:64, :80]
    rows = np.rint(y + motion.xy[1]).clip(0, 63).astype(int)
    columns = np.rint(x + motion.xy[0]).clip(0, 79).astype(int)
    moved, still = images[0][rows, columns] - images[6], images[0] - images[6]
    inside = np.s_[:48, :56]  # what has come in since is in no keyframe
    assert abs(moved[inside]).mean() < 0.2 * abs(still[inside]).mean()


def test_motion_that_is_refined_otherwise_is_another_entry(tmp_path):
    options = {"x264-params": "keyint=30:bframes=2:b-adapt=0:scenecut=0"}
    video = write_stream(tmp_path / "b.mp4", "libx264", options)
    caches = {word: MotionCache(tmp_path, word) for word in ("auto", "always", "never")}
    fields = {}
    for word, cache in caches.items():
        assert cache.ensure(video)
        fields[word] = cache.read(video).motion(8, 0).xy
    assert len({cache.entry(video) for cache in caches.values()}) == 3
    assert not np.array_equal(fields["always"], fields["never"])
    assert not np.array_equal(fields["auto"], fields["never"])
    with pytest.raises(ValueError, match="refinement is one of auto, always, never"):
        MotionCache(tmp_path, "sometimes")
