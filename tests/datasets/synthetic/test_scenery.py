import numpy as np
import pytest

from arseg_lightning.datasets.synthetic.billboards import SCENE_LENGTH, positions
from arseg_lightning.datasets.synthetic.scenery import build_scenery


@pytest.fixture(scope="module")
def scenery():
    return build_scenery(64, 96, seed=0)


def test_billboards_are_always_ahead_by_less_than_the_scene(scenery):
    _, distance = positions(scenery.billboards, seconds=100.0, camera_z=700.0)
    assert (distance >= 0).all()
    assert (distance < SCENE_LENGTH).all()


def test_texture_lines_repeat_with_the_scene(scenery):
    z, footprint = np.linspace(0, 50, 20), np.full(20, 0.3)
    wall = scenery.walls[0]
    np.testing.assert_array_equal(
        wall.start_of(z, footprint), wall.start_of(z + 3 * SCENE_LENGTH, footprint)
    )


def test_far_texture_lines_come_from_coarser_levels(scenery):
    start = scenery.walls[0].start_of(np.zeros(12), np.geomspace(0.001, 100, 12))
    assert (np.diff(start) >= 0).all()
    assert start[0] == 0
    assert start[-1] < len(scenery.walls[0].texels)


def test_the_drive_goes_forward(scenery):
    z = [scenery.drive.at(seconds).z for seconds in np.arange(0, 20, 0.1)]
    assert (np.diff(z) > 0).all()
