"""Keyframes, streams of evaluation, and frames of training clips."""

import numpy as np
import pytest

from arseg_lightning.datasets import Needs
from arseg_lightning.datasets.clips import (
    ClipSpec,
    every_distance,
    every_start,
    keyframes,
    reach,
    streams,
)
from arseg_lightning.datasets.training_clips import ClipSpans


def test_every_interval_starts_with_a_keyframe():
    assert keyframes([0], num_frames=10, keyframe_interval=4) == [0, 4, 8]


def test_an_i_frame_starts_a_new_count():
    assert keyframes([0, 5], num_frames=12, keyframe_interval=4) == [0, 4, 5, 9]


def test_a_b_frame_is_no_keyframe_unless_no_other_comes_for_long():
    anchors = {0, 3, 6, 9, 10, 13}
    assert keyframes([0], 16, 4, anchors) == [0, 6, 10]
    assert keyframes([0], 16, 1, anchors) == list(range(16))  # all frames are asked for
    assert keyframes([0], 50, 4, {0}) == [0, 20, 40]


def test_a_stream_is_cut_so_that_every_frame_counts_once():
    clips = streams(2, keyframes([0, 5], 12, 4), labelled=range(12))
    assert [frame for clip in clips for frame in clip.shown] == list(range(12))
    assert [frame for clip in clips for frame in clip.scored] == list(range(12))
    assert all(clip.distance(frame) < 4 for clip in clips for frame in clip.shown)
    assert {clip.video for clip in clips} == {2}


def test_periods_without_a_label_are_left_out():
    assert streams(0, keyframes([0], 12, 4), labelled=[6, 9]) == [
        ClipSpec(0, (4, 6), (6,), (4,)),
        ClipSpec(0, (8, 9), (9,), (8,)),
    ]


def test_a_whole_stream_shows_every_frame_up_to_the_last_label():
    (clip,) = streams(0, [0, 4, 8], labelled=[6, 9], whole=True)
    assert clip.shown == tuple(range(10))
    assert clip.scored == (6, 9)
    assert [clip.distance(frame) for frame in (3, 4, 6, 9)] == [3, 0, 2, 1]
    assert streams(0, [0, 4, 8], labelled=[], whole=True) == []


def test_every_distance_is_measured_on_the_same_frames():
    clips = every_distance(0, [0], keyframe_interval=4, labelled=[2, 3, 7])
    assert [clip.distance(clip.shown[-1]) for clip in clips] == [0, 1, 2, 3] * 2
    assert [clip.scored for clip in clips] == [(3,)] * 4 + [(7,)] * 4
    assert {len(clip.shown) for clip in clips} == {1, 2}


def test_every_distance_shows_all_frames_to_methods_that_remember_them():
    """Cityscapes: label 19, L = 12; a recurrent method was shown frames 12 and 19 alone."""
    clips = every_distance(0, [0], 12, labelled=[19], every_frame=True)
    assert [clip.shown for clip in clips] == [tuple(range(19 - d, 20)) for d in range(12)]


def test_from_every_start_each_label_is_seen_at_every_distance_once():
    labelled, intra = (2, 3, 7, 12, 20), [0, 10]
    clips = every_start(0, intra, 4, labelled)
    seen = sorted((frame, clip.distance(frame)) for clip in clips for frame in clip.scored)
    assert seen == [(frame, d) for frame in (3, 7, 20) for d in range(4)]
    pairs = every_distance(0, intra, 4, labelled)
    assert seen == sorted((*clip.scored, clip.distance(clip.scored[0])) for clip in pairs)
    starts = [clip.shown[0] for clip in clips]
    assert starts == [0, 1, 2, 3, 10, 11, 12, 13]
    assert all(clip.shown == tuple(range(clip.shown[0], clip.scored[-1] + 1)) for clip in clips)


def test_motion_reaches_back_to_the_last_i_frame():
    assert [reach(frame, [0, 5]) for frame in (0, 4, 5, 9)] == [0, 4, 0, 4]


PAIRS = Needs(frames=2, spacing="keyframe")


def test_the_paper_trains_the_last_distance_only():
    generator = np.random.default_rng(0)
    assert {ClipSpans(PAIRS, 12, "last").draw(40, 40, generator) for _ in range(5)} == {(29, 40)}


@pytest.mark.parametrize(("past", "largest"), [(40, 11), (3, 3)])
def test_uniform_distances_cover_what_motion_reaches(past, largest):
    generator = np.random.default_rng(0)
    spans = ClipSpans(PAIRS, 12, "uniform")
    drawn = {40 - spans.draw(40, past, generator)[0] for _ in range(300)}
    assert drawn == set(range(1, largest + 1))


AROUND = Needs(frames=3, frames_after=1, spacing="keyframe")


def test_a_clip_around_a_label_ends_with_the_next_keyframe_as_far_as_there_is_one():
    generator, spans = np.random.default_rng(0), ClipSpans(AROUND, 12, "uniform")
    drawn = {spans.draw(40, 40, generator, future=40) for _ in range(300)}
    assert drawn == {(40 - d, 40, 52 - d) for d in range(1, 12)}
    assert {spans.draw(40, 40, generator, future=3)[2] for _ in range(300)} == {41, 42, 43}
    assert spans.window(40, 5, 3) == tuple(range(35, 44))
    anchors = {32, 36, 40, 44, 48, 52}
    drawn = {spans.draw(40, 40, generator, anchors, 40) for _ in range(100)}
    assert drawn == {(32, 40, 44), (36, 40, 48)}
    assert (spans.least, spans.least_future) == (1, 1)


def test_consecutive_clips_may_go_on_after_the_label():
    generator = np.random.default_rng(0)
    spans = ClipSpans(Needs(frames=5, frames_after=2, spacing=(1, 3)), 12, "uniform")
    drawn = {spans.draw(40, 9, generator, future=5) for _ in range(50)}
    assert drawn == {(38, 39, 40, 41, 42), (36, 38, 40, 42, 44)}


def test_the_keyframe_of_a_training_pair_is_no_b_frame_unless_there_is_no_other():
    spans, generator = ClipSpans(PAIRS, 12, "uniform"), np.random.default_rng(0)
    drawn = {spans.draw(40, 40, generator, anchors={24, 28, 32, 36, 40})[0] for _ in range(100)}
    assert drawn == {32, 36}
    assert {spans.draw(2, 2, generator, anchors={5})[0] for _ in range(30)} == {0, 1}
