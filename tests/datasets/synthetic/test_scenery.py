import numpy as np
import pytest

from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.synthetic.scenery import build_street
from arseg_lightning.datasets.synthetic.world import STREET_LENGTH


@pytest.fixture(scope="module")
def street():
    return build_street(64, 96, seed=0)


def test_surfaces_are_numbered_classes_first(street):
    classes = np.arange(DRIVING9.num_classes)
    np.testing.assert_array_equal(street.class_of[: len(classes)], classes)
    assert len(street.class_of) == len(classes) + len(street.cards.textures)


def test_cards_are_always_ahead_by_less_than_a_street(street):
    _, distance, lap = street.cards.at(seconds=100.0, camera_z=700.0)
    assert (distance >= 0).all()
    assert (distance < STREET_LENGTH).all()
    stands = street.cards.speed == 0
    assert lap[stands].max() < -4  # passed 5 or 6 times on 700 m


def test_texture_lines_repeat_with_the_street(street):
    z, footprint = np.linspace(0, 50, 20), np.full(20, 0.3)
    wall = street.walls[0]
    np.testing.assert_array_equal(
        wall.start_of(z, footprint), wall.start_of(z + 3 * STREET_LENGTH, footprint)
    )


def test_far_texture_lines_come_from_coarser_levels(street):
    start = street.walls[0].start_of(np.zeros(12), np.geomspace(0.001, 100, 12))
    assert (np.diff(start) >= 0).all()
    assert start[0] == 0
    assert start[-1] < len(street.walls[0].texels)


def test_the_drive_goes_forward(street):
    z = [street.drive.at(seconds).z for seconds in np.arange(0, 20, 0.1)]
    assert (np.diff(z) > 0).all()
