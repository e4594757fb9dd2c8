"""Clocks: their laws, on frames made by hand."""

import numpy as np
import pytest

from arseg_lightning.methods import Adaptive, CodecKeyframes, EveryL, FrameInfo
from arseg_lightning.types import Motion

HEIGHT, WIDTH = 72, 96  # a diagonal of 120 pixels


def frame_info(distance=1, kind="P", intra=0.0, lost=0.0, pixels=0.0):
    """A frame with such a share of intra-coded blocks, whose motion is such."""

    def compose():
        xy = np.zeros((2, HEIGHT, WIDTH), np.float32)
        xy[1] = pixels
        valid = np.ones((HEIGHT, WIDTH), np.bool_)
        valid[:, : round(WIDTH * lost)] = False
        return Motion(xy, valid)

    size = HEIGHT, WIDTH
    return FrameInfo(distance, distance, None, size, kind == "I", intra, compose)


def keyframes(clock, **frame):
    """Distances at which a stream of equal frames gets its keyframes."""
    found, distance = [], 0
    for _ in range(100):
        distance += 1
        if clock.reason(frame_info(distance, **frame)):
            found.append(distance)
            distance = 0
    return set(found)


def test_the_statistics_are_what_they_say():
    frame = frame_info(lost=0.25, pixels=12.0)
    assert frame.lost_share == 0.25
    assert frame.motion_energy == pytest.approx(0.1)


def test_motion_is_composed_once_and_only_if_asked_for():
    calls = []
    frame = FrameInfo(1, 1, compose=lambda: calls.append(1) or Motion.zero(4, 4))
    EveryL(3).reason(frame)
    assert calls == []
    assert frame.motion is frame.motion
    assert calls == [1]


@pytest.mark.parametrize("interval", [1, 2, 12])
def test_every_l_is_every_l(interval):
    assert keyframes(EveryL(interval)) == {interval}


@pytest.mark.parametrize(("clock", "reason"), [(EveryL(9), "I-frame"), (EveryL(9, False), None)])
def test_an_intra_frame_is_a_keyframe_if_wanted(clock, reason):
    assert clock.reason(frame_info(1, "I")) == reason


def test_the_frame_that_is_no_b_frame_is_taken_and_said():
    clock, told, distance = EveryL(4), [], 0
    for index in range(1, 14):
        distance += 1
        reason = clock.choose(FrameInfo(index, distance, is_anchor=index % 3 == 0))
        if reason:
            told.append((index, reason))
            distance = 0
    assert told == [(6, "interval, then no B-frame"), (12, "interval, then no B-frame")]
    assert clock.choose(FrameInfo(4, 4)) == "interval"


def test_the_codecs_keyframes_are_bounded():
    clock = CodecKeyframes(max_interval=30)
    assert clock.reason(frame_info(3, "I")) == "I-frame"
    assert keyframes(clock) == {30}


@pytest.mark.parametrize(
    ("frame", "interval"),
    [
        ({}, 30),
        ({"lost": 0.5}, 4),
        ({"pixels": 12.0}, 4),
        ({"intra": 0.5}, 30),
        ({"intra": 0.8}, 1),
    ],
    ids=["rest", "lost motion", "far motion", "some intra blocks", "scene cut"],
)
def test_an_adaptive_interval_follows_the_motion_within_its_bounds(frame, interval):
    clock = Adaptive(min_interval=4, max_interval=30)
    assert keyframes(clock, **frame) == {interval}


def test_more_motion_means_no_fewer_keyframes():
    clock = Adaptive(min_interval=2, max_interval=20, motion_energy=0.05)

    def interval(speed):
        """Motion grows by so many pixels a frame."""
        return next(d for d in range(1, 99) if clock.reason(frame_info(d, pixels=speed * d)))

    intervals = [interval(speed) for speed in (0.0, 0.25, 0.5, 1.0, 2.0, 50.0)]
    assert intervals == sorted(intervals, reverse=True)
    assert (intervals[0], intervals[-1]) == (20, 2)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: EveryL(0), "keyframe_interval is at least 1, got 0"),
        (lambda: CodecKeyframes(0), "max_interval is at least 1, got 0"),
        (lambda: Adaptive(9, 4), "min_interval is at most max_interval, got 9 and 4"),
        (lambda: Adaptive(scene_cut=1.5), r"scene_cut lies in \[0, 1\], got 1.5"),
    ],
)
def test_impossible_settings_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
