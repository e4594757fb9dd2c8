"""Frames that are left out: motion still leads to what was given last."""

import numpy as np

from arseg_lightning.types import Frame
from arseg_lightning.video.live import StreamedFrame
from arseg_lightning.video.live.skipping import skip
from tests.video.hand_made import random_motion, shift

HEIGHT, WIDTH = 24, 40


def streamed(index, step, restart=None):
    frame = Frame(index, index / 25, "P", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    return StreamedFrame(frame, step, restart)


def test_shifts_add_up():
    found = skip(
        streamed(1, shift(2, -1, HEIGHT, WIDTH)), streamed(2, shift(0.5, 3, HEIGHT, WIDTH))
    )
    assert found.frame.index == 2
    expected = shift(2.5, 2, HEIGHT, WIDTH)
    np.testing.assert_array_equal(found.step.quarter_pixels, expected.quarter_pixels)
    assert not found.step.intra.any()


def test_motion_is_looked_up_where_a_cell_came_from():
    dropped = random_motion(HEIGHT, WIDTH)
    found = skip(streamed(1, dropped), streamed(2, shift(-8, 4, HEIGHT, WIDTH))).step
    inside = (slice(0, -1), slice(2, None))  # what came from within the picture
    for channel, by in enumerate((-32, 16)):
        moved = dropped.quarter_pixels[channel, 1:, :-2] + by
        np.testing.assert_array_equal(found.quarter_pixels[channel][inside], moved)
    np.testing.assert_array_equal(found.intra[inside], dropped.intra[1:, :-2])


def test_what_was_intra_coded_on_the_way_stays_unknown():
    step = random_motion(HEIGHT, WIDTH)
    found = skip(streamed(1, shift(0, 0, HEIGHT, WIDTH)), streamed(2, step)).step
    np.testing.assert_array_equal(found.quarter_pixels, step.quarter_pixels)
    np.testing.assert_array_equal(found.intra, step.intra)


def test_no_motion_leads_past_a_restart_or_an_i_frame():
    rest = shift(0, 0, HEIGHT, WIDTH)
    behind = skip(streamed(1, None, "reconnected"), streamed(2, rest))
    assert (behind.step, behind.restart) == (None, "reconnected")
    onto = skip(streamed(1, rest), streamed(2, None, "size changed"))
    assert (onto.step, onto.restart) == (None, "size changed")
    across = skip(streamed(1, None), streamed(2, rest))
    assert (across.step, across.restart) == (None, None)
