"""Frames that are left out: motion still leads to what was given last."""

import numpy as np

from arseg_lightning.types import Frame
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.live import SourceFrame
from arseg_lightning.video.live.frame import skip
from tests.video.hand_made import random_motion, shift

HEIGHT, WIDTH = 24, 40


def streamed(index, step, restart=None):
    frame = Frame(index, index / 25, "P", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    return SourceFrame(frame, step, restart)


def composed(step, start=0):
    chain = MotionChain((HEIGHT, WIDTH), start=start)
    chain.push(step)
    return chain.motion()


def test_motion_leads_past_the_frames_that_are_left_out():
    steps = [random_motion(HEIGHT, WIDTH, seed) for seed in range(3)]
    chain = MotionChain((HEIGHT, WIDTH))
    for step in steps:
        chain.push(step)
    first, second, third = (streamed(i + 1, step) for i, step in enumerate(steps))
    found = composed(skip(skip(first, second), third).step)
    np.testing.assert_array_equal(found.xy, chain.motion().xy)
    np.testing.assert_array_equal(found.valid, chain.motion().valid)


def test_what_is_kept_of_frames_that_are_left_out_is_bounded():
    last = streamed(1, shift(0, 0, HEIGHT, WIDTH))
    for index in range(2, 66):
        last = skip(last, streamed(index, shift(0, 0, HEIGHT, WIDTH)))
    assert (last.restart, len(last.step.earlier)) == (None, 64)
    last = skip(last, streamed(66, shift(0, 0, HEIGHT, WIDTH)))
    assert (last.restart, last.step) == ("more than 64 frames were dropped", None)


def test_no_motion_leads_past_a_restart_or_an_i_frame():
    rest = shift(0, 0, HEIGHT, WIDTH)
    behind = skip(streamed(1, None, "reconnected"), streamed(2, rest))
    assert (behind.step, behind.restart) == (None, "reconnected")
    onto = skip(streamed(1, rest), streamed(2, None, "size changed"))
    assert (onto.step, onto.restart) == (None, "size changed")
    across = skip(streamed(1, None), streamed(2, rest))
    assert (across.step, across.restart) == (None, None)
