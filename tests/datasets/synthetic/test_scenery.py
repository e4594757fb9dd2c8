import numpy as np
import pytest

from arseg_lightning.datasets.synthetic.scenery import SCENE_LENGTH, build_scenery


@pytest.fixture(scope="module")
def scenery():
    return build_scenery(64, 96, seed=0)


def test_billboards_are_always_ahead_by_less_than_the_scene(scenery):
    distances = [each.at(100.0, camera_z=700.0)[1] for each in scenery.billboards]
    assert all(0 <= distance < SCENE_LENGTH for distance in distances)


def test_cars_and_people_move_by_themselves_and_all_else_stands_still(scenery):
    moves = {each.kind for each in scenery.billboards if each.at(0.0, 0.0) != each.at(1.0, 0.0)}
    assert moves == {"car", "pedestrian"}


def test_texture_lines_repeat_with_the_scene(scenery):
    z, footprint, up = np.linspace(0, 50, 20), np.full(20, 0.3), np.full(20, 1, np.float32)
    _, wall, _ = scenery.walls[0]
    np.testing.assert_array_equal(
        wall.at(z, footprint, up), wall.at(z + 3 * SCENE_LENGTH, footprint, up)
    )


def test_far_texture_lines_come_from_coarser_levels(scenery):
    """Of a texture whose texels are numbered."""
    wall = scenery.walls[0][1]
    wall = wall._replace(texels=np.arange(len(wall.texels), dtype=np.uint32))
    texels = wall.at(np.zeros(12), np.geomspace(0.001, 100, 12), np.zeros(12, np.float32))
    assert (np.diff(texels.astype(int)) >= 0).all()
    assert texels[0] == 0
    assert texels[-1] >= wall.starts[-2]


def test_the_drive_goes_forward(scenery):
    z = [scenery.camera(seconds).z for seconds in np.arange(0, 20, 0.1)]
    assert (np.diff(z) > 0).all()
