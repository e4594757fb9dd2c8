"""Runs of pixels and polygons: by hand, and as COCO's own reader has them."""

import numpy as np
import pytest
from pycocotools import mask as coco

from arseg_lightning.datasets.label_sources.masks import (
    polygon_mask,
    run_length_mask,
    text_counts,
)

SQUARE = [1, 0, 3, 0, 3, 2, 1, 2]


def test_runs_go_down_the_columns():
    mask = run_length_mask([1, 2, 2, 1], (2, 3))
    assert mask.astype(int).tolist() == [[0, 1, 0], [1, 0, 1]]


def test_the_first_run_is_outside_and_may_be_empty():
    assert run_length_mask([0, 4], (2, 2)).all()
    assert not run_length_mask([4], (2, 2)).any()


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("0", [0]),
        ("o0", [31]),  # 31 does not fit into 5 bits with a sign
        ("PP1", [1024]),  # the third character has bits 10 to 14
        ("1234", [1, 2, 3, 6]),  # the fourth number is added to the second
        ("55NN", [5, 5, -2, 3]),  # "N" is -2
    ],
)
def test_packed_numbers_by_hand(text, counts):
    assert text_counts(text).tolist() == counts


def test_packed_runs_are_those_of_cocos_own_reader():
    generator = np.random.default_rng(0)
    for share in np.linspace(0, 1, 40):
        size = tuple(generator.integers(1, 70, 2).tolist())
        mask = generator.random(size) < share
        packed = coco.encode(np.asfortranarray(mask, np.uint8))
        counts = text_counts(packed["counts"].decode())
        np.testing.assert_array_equal(run_length_mask(counts, size), mask)


def test_a_pixel_is_inside_if_its_centre_is():
    expected = np.zeros((3, 4), bool)
    expected[0:2, 1:3] = True
    np.testing.assert_array_equal(polygon_mask([SQUARE], (3, 4)), expected)
    shrunk = [1.4, 0.4, 2.6, 0.4, 2.6, 1.6, 1.4, 1.6]  # around the same four centres
    np.testing.assert_array_equal(polygon_mask([shrunk], (3, 4)), expected)
    assert not polygon_mask([[1.6, 0.6, 2.4, 0.6, 2.4, 1.4, 1.6, 1.4]], (3, 4)).any()


def test_several_polygons_are_one_mask_and_what_lies_outside_is_cut_off():
    beside = [-5, -5, 1, -5, 1, 9, -5, 9]
    assert polygon_mask([SQUARE, SQUARE, beside], (2, 3)).all()


def test_polygons_that_share_an_edge_share_no_pixel():
    generator = np.random.default_rng(1)
    a, b, c, d = generator.random((4, 2)) * 40
    halves = [polygon_mask([[*a, *b, *end]], (40, 40)).astype(int) for end in (c, d)]
    other = [polygon_mask([[*c, *d, *end]], (40, 40)).astype(int) for end in (a, b)]
    np.testing.assert_array_equal(sum(halves) % 2, sum(other) % 2)


def distance_to_edges(points, polygon):
    """Distance of each point to the nearest edge of a polygon."""
    start, step = polygon, np.roll(polygon, -1, axis=0) - polygon
    along = ((points[:, None] - start) * step).sum(-1) / (step**2).sum(-1)
    nearest = start + along.clip(0, 1)[..., None] * step
    return np.linalg.norm(points[:, None] - nearest, axis=-1).min(axis=1)


# pycocotools 2.0.11 asks NumPy 2 for arrays in the old way
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_polygons_differ_from_cocos_own_reader_by_its_rounding_alone():
    generator = np.random.default_rng(0)
    for number in range(3, 33):
        size = generator.integers(20, 200, 2)
        polygon = generator.random((number, 2)) * size[::-1] * 1.2 - 0.1 * size[::-1]
        flat = polygon.ravel().tolist()
        theirs = coco.decode(coco.frPyObjects([flat], *size.tolist()))[..., 0].astype(bool)
        rows, columns = np.nonzero(polygon_mask([flat], tuple(size.tolist())) != theirs)
        centres = np.stack([columns, rows], axis=1) + 0.5
        assert (distance_to_edges(centres, polygon) < 0.3).all()  # the diagonal of a fifth


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: run_length_mask([1, 2], (2, 2)), r"add up to 3 pixels, and an image of 2x2"),
        (lambda: run_length_mask([-1, 5], (2, 2)), r"whole numbers from 0, got \[-1, 5\]"),
        (lambda: run_length_mask([0.5, 3.5], (2, 2)), r"whole numbers from 0, got \[0.5"),
        (lambda: text_counts(""), r"characters from '0' to 'o', got ''"),
        (lambda: text_counts("1z"), r"characters from '0' to 'o', got '1z'"),
        (lambda: text_counts("1P"), r"characters from '0' to 'o', got '1P'"),
        (lambda: text_counts("P" * 20 + "1"), r"too long for an image"),
        (lambda: polygon_mask([[0, 0, 1, 1]], (2, 2)), r"three or more points, got \[0, 0, 1, 1\]"),
        (lambda: polygon_mask([[0, 0, 1, 1, 2]], (2, 2)), r"three or more points"),
        (lambda: polygon_mask([[0, 0, 1, 1, 2, "x"]], (2, 2)), r"three or more points"),
        (lambda: polygon_mask([[0, 0, 1, 1, 2, float("nan")]], (2, 2)), r"three or more points"),
    ],
)
def test_what_is_no_mask_is_refused_with_its_rule(read, message):
    with pytest.raises(ValueError, match=message):
        read()
