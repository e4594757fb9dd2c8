"""The colour wheel: published hues, white at rest, darker beyond the scale."""

import numpy as np
import pytest

from arseg_lightning.drawing import MotionScale, colour_wheel, motion_colours, wheel_legend


def colour(x, y, scale=10.0):
    return motion_colours(np.array([x, y], np.float32).reshape(2, 1, 1), scale)[0, 0].tolist()


def test_the_wheel_has_the_published_hues():
    wheel = colour_wheel()
    assert wheel.shape == (55, 3)
    corners = {
        0: (1, 0, 0),
        15: (1, 1, 0),
        21: (0, 1, 0),
        25: (0, 1, 1),
        36: (0, 0, 1),
        49: (1, 0, 1),
    }
    assert {place: tuple(wheel[place].tolist()) for place in corners} == corners


def test_rest_is_white():
    assert colour(0, 0) == [255, 255, 255]


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (10, 0, [255, 0, 0]),  # right
        (0, 10, [255, 229, 0]),  # down
        (-10, 0, [0, 208, 255]),  # left
        (0, -10, [88, 0, 255]),  # up
        (5, 0, [255, 127, 127]),  # half as far
        (20, 0, [191, 0, 0]),  # beyond the scale
    ],
)
def test_golden_colours(x, y, expected):
    assert np.abs(np.subtract(colour(x, y), expected)).max() <= 1


def test_opposite_directions_differ():
    angles = np.linspace(0, np.pi, 30, endpoint=False)
    field = 10 * np.stack([np.cos(angles), np.sin(angles)])[:, None].astype(np.float32)
    there, back = (motion_colours(each, 10.0).astype(int) for each in (field, -field))
    assert np.abs(there - back).max(-1).min() > 100


def test_a_scale_divides_lengths():
    assert colour(3, 4, 10.0) == colour(30, 40, 100.0) != colour(30, 40, 1000.0)


@pytest.mark.parametrize("scale", [0, -1, float("nan")])
def test_a_scale_that_is_none_is_refused(scale):
    with pytest.raises(ValueError, match="scale is a finite number above 0"):
        colour(1, 0, scale)


def uniform(length):
    return np.stack([np.full((16, 16), length), np.zeros((16, 16))]).astype(np.float32)


def test_the_scale_grows_in_round_steps_and_never_shrinks():
    scales = MotionScale()
    assert [scales.add(uniform(each)) for each in (0, 1.5, 4, 9, 30, 0)] == [1, 2, 5, 10, 50, 50]
    assert MotionScale(7).add(uniform(30)) == 7


def test_few_wild_vectors_do_not_set_the_scale():
    field = uniform(1)
    field[0, 0, 0] = 500
    assert MotionScale().add(np.pad(field, ((0, 0), (0, 112), (0, 112)))) == 1


def test_the_legend_is_the_wheel_itself():
    legend = wheel_legend(41, 10.0)
    assert legend.shape[0] == 41 < legend.shape[1]
    assert legend[0, 0].tolist() == [255, 255, 255]
    assert np.abs(legend[38, 20].astype(int) - colour(0, 9)).max() <= 6  # down
