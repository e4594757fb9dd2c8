"""Frames as images: colours of classes, errors and motion, and tiles that keep their pixels."""

import numpy as np
import pytest

from arseg_lightning.report.frame_images import class_colours, error_map, motion_colours, tiled
from arseg_lightning.types import ClassSet, Motion

CLASSES = ClassSet("two", ("road", "car"), ((10, 20, 30), (40, 50, 60)))


def test_classes_have_their_colours_and_what_is_left_out_is_black():
    colours = class_colours(np.array([[0, 1, 255, 7]], np.uint8), CLASSES)
    assert colours.tolist() == [[[10, 20, 30], [40, 50, 60], [0, 0, 0], [0, 0, 0]]]


def test_the_error_map_is_red_where_wrong_grey_where_right_black_where_left_out():
    image = np.full((1, 3, 3), 100, np.uint8)
    predicted, labels = np.array([[0, 0, 0]]), np.array([[0, 1, 255]])
    right, wrong, ignored = error_map(image, predicted, labels, 255)[0].tolist()
    assert right == [114, 114, 114]
    assert wrong == [220, 30, 30]
    assert ignored == [0, 0, 0]


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


def test_tiles_keep_their_pixels():
    tiles = {f"tile {i}": np.full((20, 40, 3), 40 * i + 40, np.uint8) for i in range(5)}
    sheet = tiled(tiles, columns=3)
    assert sheet.shape == (2 * 34, 3 * 42 - 2, 3)
    assert (sheet[14:34, :40] == tiles["tile 0"]).all()
    assert (sheet[34 + 14 :, 42:82] == tiles["tile 4"]).all()


@pytest.mark.parametrize("sizes", [[], [(2, 2, 3), (2, 4, 3)]])
def test_tiles_of_several_sizes_are_refused(sizes):
    with pytest.raises(ValueError, match="tiles are one or more images of one size"):
        tiled({str(size): np.zeros(size, np.uint8) for size in sizes})
