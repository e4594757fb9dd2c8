"""Names of points cover neither each other nor a point, and stay near and inside."""

import itertools
import random

import pytest

from arseg_lightning.report.labels import Box, place_labels

AREA = Box(0, 0, 970, 670)


def test_a_lone_point_is_named_right_beside_it():
    (box,) = place_labels([(100, 200)], [(60, 10)], AREA)
    assert (box.left, box.bottom) == (112, 195)


def test_at_the_right_edge_the_name_is_on_the_left():
    (box,) = place_labels([(960, 200)], [(60, 10)], AREA)
    assert box.left + box.width == 948


def points_of(kind):
    draw = random.Random(0)
    return {
        "one cost": [(500, 60 + 12 * i) for i in range(30)],
        "one place": [(500, 300)] * 12,
        "anywhere": [(draw.uniform(20, 950), draw.uniform(20, 650)) for _ in range(40)],
    }[kind]


@pytest.mark.parametrize("kind", ["one cost", "one place", "anywhere"])
def test_no_name_covers_another_or_a_point(kind):
    points = points_of(kind)
    boxes = place_labels(points, [(150, 16)] * len(points), AREA)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    for box, (x, y) in itertools.product(boxes, points):
        assert not box.overlaps(Box(x, y, 0.1, 0.1))
    assert all(box.is_inside(AREA) for box in boxes)


def test_where_there_is_no_room_every_point_still_has_its_name():
    boxes = place_labels([(50, 50)] * 20, [(80, 40)] * 20, Box(0, 0, 100, 100))
    assert boxes[-1] == Box(62, 30, 80, 40)
