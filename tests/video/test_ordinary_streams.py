"""The law of motion, whatever way a scene of known motion was encoded in."""

import numpy as np
import pytest

from arseg_lightning.video.cache import MotionCache
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.decode import decode_motion
from arseg_lightning.video.live import open_live
from tests.video.hand_made import pan
from tests.video.small_videos import write_stream

SIZE, NUM_FRAMES, RIGHT, DOWN, DISTANCE = (144, 208), 25, 3, 1, 11

P_FRAMES = {
    "1 reference": ("mp4", "libx264", "bframes=0:ref=1"),
    "2 references": ("mkv", "libx264", "bframes=0:ref=2"),
    "5 references": ("ts", "libx264", "bframes=0:ref=5"),
    "weighted": ("h264", "libx264", "bframes=0:ref=3:weightp=2"),
    "mpeg4": ("avi", "mpeg4", {"g": "100", "bf": "0"}),
    "mpeg2": ("mpg", "mpeg2video", {"g": "100", "bf": "0"}),
}
B_FRAMES = {
    "defaults": ("mp4", "libx264", ""),
    "one B": ("mkv", "libx264", "bframes=1:b-adapt=0:ref=1"),
    "three B": ("ts", "libx264", "bframes=3:b-adapt=0:b-pyramid=none:ref=2"),
    "pyramid": ("mp4", "libx264", "bframes=3:b-adapt=0:b-pyramid=strict:ref=5"),
    "open GOP": ("mp4", "libx264", "bframes=2:b-adapt=0:open-gop=1:keyint=14:ref=3"),
    "mpeg2 B": ("ts", "mpeg2video", {"g": "100", "bf": "2"}),
}
WAYS = P_FRAMES | B_FRAMES
WRONG = ("mp4", "mpeg4", {"g": "100", "bf": "2"})
"""FFmpeg exports zero for the direct blocks of MPEG-4's B-frames."""


@pytest.fixture(scope="module")
def streams(tmp_path_factory):
    """Each way: its file, and its motion from the cache."""
    folder = tmp_path_factory.mktemp("ways")
    frames, cache, made = (
        list(pan(NUM_FRAMES, *SIZE, RIGHT, DOWN)),
        MotionCache(folder / "motion"),
        {},
    )

    def make(way):
        if way not in made:
            ending, encoder, options = WAYS.get(way, WRONG)
            if isinstance(options, str):
                options = {"x264-params": "scenecut=0:keyint=100:" + options, "crf": "20"}
            elif encoder.startswith("mpeg"):
                options |= {"qmin": "3", "qmax": "5", "sc_threshold": "1000000000"}
            path = folder / f"{len(made)}.{ending}"
            write_stream(path, encoder, options, frames=frames)
            cache.ensure(path)
            made[way] = path, cache.read(path)
        return made[way]

    return make


def median_error(motion, distance):
    """Of the pixels that the keyframe shows too, at some distance from what is newly seen."""
    height, width = SIZE
    inside = motion.xy[:, 8 : height - DOWN * distance - 24, 8 : width - RIGHT * distance - 24]
    expected = np.array([RIGHT, DOWN]).reshape(2, 1, 1) * distance
    return np.median(np.hypot(*(inside - expected)))


def test_streams_are_what_they_are_called(streams):
    types = {way: streams(way)[1].picture_types for way in WAYS}
    assert all("B" in types[way] for way in B_FRAMES)
    assert all("B" not in types[way] for way in P_FRAMES)
    assert types["open GOP"].count("I") == 2
    references = {
        way: {each for i in range(NUM_FRAMES) for each in streams(way)[1].block_motion(i).leads_to}
        for way in WAYS
    }
    assert references["1 reference"] == {-1}
    assert min(references["5 references"]) < -1
    assert max(references["pyramid"]) > 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("keyframe", [0, 1, 2, 8])
def test_the_composed_field_is_the_scenes_motion(streams, way, keyframe):
    _, motion = streams(way)
    for frame in range(keyframe + 1, keyframe + DISTANCE + 1):
        if motion.picture_types[frame] == "I":
            break
        error = median_error(motion.motion(frame, keyframe), frame - keyframe)
        assert error <= (2 if way in B_FRAMES else 1), (frame, error)


@pytest.mark.parametrize("way", WAYS)
def test_motion_to_the_frame_shown_before_is_the_scenes_motion(streams, way):
    _, motion = streams(way)
    for frame in range(1, NUM_FRAMES - 3):  # FFmpeg exports none for the last P-frame of MPEG-2
        if motion.picture_types[frame] != "I":
            assert median_error(motion.motion_to(frame, frame - 1), 1) <= 0.5, frame


@pytest.mark.parametrize("way", ["5 references", "defaults", "pyramid", "open GOP", "mpeg2 B"])
def test_a_stream_gives_in_display_order_what_the_cache_gives(streams, way):
    path, motion = streams(way)
    chain, single, keyframe = MotionChain(SIZE), MotionChain(SIZE), 0
    with open_live(path) as live:
        found = list(live)
    assert [each.frame.index for each in found] == list(range(NUM_FRAMES))
    assert [each.frame.picture_type for each in found] == list(motion.picture_types)
    for each in found:
        index = each.frame.index
        if each.step is None:
            chain.reset(index)
            single.reset(index)
            keyframe = index
            continue
        single.restart(index - 1, each.step)
        for one in (chain, single):
            one.push(each.step)
        assert np.array_equal(single.motion(index).xy, motion.motion_to(index, index - 1).xy)
        expected = motion.motion(index, keyframe)
        assert np.array_equal(chain.motion(index).xy, expected.xy)
        assert np.array_equal(chain.motion(index).valid, expected.valid)
        if index == 9:  # whatever it is
            chain.restart(index)
            keyframe = index


@pytest.mark.parametrize("way", WAYS)
def test_most_of_a_moving_scene_is_known(streams, way):
    valid = streams(way)[1].motion(DISTANCE, 0).valid[8:-24, 8:-64]
    assert valid.mean() > (0.45 if way in B_FRAMES else 0.8)


@pytest.mark.parametrize("cut", ["0,0,0,0", "0,0,0,20"])  # at the right and the bottom
def test_cropped_pictures_have_their_motion_where_it_belongs(tmp_path, cut):
    """Two halves move apart, so that vectors in the wrong place lead to nothing alike."""
    right, left = (list(pan(8, 80, 208, by, 0)) for by in (4, -4))
    frames = [np.concatenate(both) for both in zip(right, left, strict=True)]
    options = {"x264-params": f"scenecut=0:bframes=0:ref=1:crop-rect={cut}", "crf": "15"}
    path = write_stream(tmp_path / "clip.mp4", "libx264", options, frames=frames)
    for _, step in list(decode_motion(path))[2:]:
        edge = 80 // 4
        middle = slice(12, -12)
        above, below = step.quarter_pixels[0, : edge - 2], step.quarter_pixels[0, edge + 2 :]
        assert (above[:, middle] == 16).mean() > 0.9
        assert (below[:-6, middle] == -16).mean() > 0.9
        assert step.intra[:, middle].mean() < 0.05


def test_vectors_that_no_block_follows_are_not_taken_for_motion(streams):
    _, motion = streams("wrong")
    for frame in range(1, NUM_FRAMES):
        step = motion.block_motion(frame)
        if motion.picture_types[frame] == "B":
            assert step.intra.mean() > 0.9
        elif not step.intra.all():
            speed = step.quarter_pixels[:, ~step.intra] / 4 / -step.references[~step.intra]
            assert np.median(abs(speed.T - (RIGHT, DOWN))) < 0.5
