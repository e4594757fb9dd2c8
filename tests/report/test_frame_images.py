"""The colours of motion."""

import numpy as np
import pytest

from arseg_lightning.report.frame_images import motion_colours
from arseg_lightning.types import Motion


@pytest.mark.parametrize(
    ("vector", "colour"),
    [
        pytest.param((8, 0), (255, 0, 0), id="right is red"),
        pytest.param((-8, 0), (0, 255, 255), id="left is its opposite"),
        pytest.param((80, 0), (255, 0, 0), id="longer than the longest"),
        pytest.param((0, 0), (255, 255, 255), id="still is white"),
        pytest.param((4, 0), (255, 128, 128), id="half as long is half as saturated"),
    ],
)
def test_motion_shows_direction_as_hue_and_length_as_saturation(vector, colour):
    xy = np.array(vector, np.float32).reshape(2, 1, 1)
    motion = Motion(xy, np.ones((1, 1), np.bool_))
    assert motion_colours(motion, longest=8).reshape(3).tolist() == list(colour)
