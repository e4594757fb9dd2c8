"""Images of motion: direction is hue, length is saturation, filled in is dark."""

import warnings

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.report.frame_images import motion_colours
from arseg_lightning.report.motion_quality import draw_motion, plot_quality, quality_table
from arseg_lightning.types import Motion
from arseg_lightning.video.quality import DistanceQuality, MotionQuality

QUALITY = MotionQuality(
    (DistanceQuality(1, 5, 0.851, 0.745, 0.03), DistanceQuality(11, 4, 0.711, 0.449, 0.19)), 0.04
)


def constant(x, y, valid=True):
    xy = np.zeros((2, 6, 8), np.float32)
    xy[0], xy[1] = x, y
    return Motion(xy, np.full((6, 8), valid))


def test_no_motion_is_white():
    assert (motion_colours(Motion.zero(6, 8), 10) == 255).all()


def test_directions_differ_in_colour_and_lengths_in_its_strength():
    right, left, far = (motion_colours(constant(x, 0), 10)[0, 0] for x in (5, -5, 10))
    assert right[0] == left[1] == 255
    assert right[0] > right[1]
    assert left[0] < left[1]
    assert far.min() < right.min()


def test_what_was_filled_in_is_darker():
    known, filled = (motion_colours(constant(3, 4, valid), 10) for valid in (True, False))
    assert filled.max() < 0.7 * known.max()


def test_the_table_has_a_line_a_distance_and_the_means():
    first, *lines, mean = quality_table(QUALITY).splitlines()
    assert first.split() == ["distance", "frames", "warped", "copied", "filled", "in"]
    assert [line.split() for line in lines] == [
        ["1", "5", "85.1", "74.5", "3.0", "%"],
        ["11", "4", "71.1", "44.9", "19.0", "%"],
    ]
    assert mean.split() == ["mean", "78.1", "59.7"]


@pytest.mark.parametrize("motion", [Motion.zero(60, 80), Motion.zero(33, 17)])
def test_plots_are_drawn(tmp_path, motion):
    image = np.full((*motion.size, 3), 100, np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_motion(image, motion, tmp_path / "field.png", "a title")
        plot_quality(QUALITY, tmp_path / "plot.png", "a title")
    for name in ("field.png", "plot.png"):
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 300
            assert len(picture.convert("L").getcolors()) > 10
