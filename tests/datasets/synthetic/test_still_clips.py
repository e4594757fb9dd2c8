import numpy as np
import pytest

from arseg_lightning.datasets.synthetic.still_clips import camera_path, render_path

IDENTITY = np.eye(2, 3)


def still(height=60, width=80):
    """An image of tiles of 10 pixels, each of another colour."""
    rows, columns = np.indices((height, width)) // 10
    tile = ((rows * 3 + columns) % 11).astype(np.uint8)
    return np.stack([tile * 20, np.full_like(tile, 7), 255 - tile], axis=2)


def pan(x, y):
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y]])


@pytest.mark.parametrize("num_frames", [1, 6])
def test_the_last_frame_is_the_still_itself(num_frames):
    image = still()
    images = render_path(image, camera_path((0, 1), num_frames, (60, 80)))
    assert images.shape == (num_frames, 60, 80, 3)
    np.testing.assert_array_equal(images[-1], image)


def test_a_known_pan_is_a_shift():
    image = still()
    images = render_path(image, np.stack([pan(3, -2), IDENTITY]))
    np.testing.assert_array_equal(images[0, 2:, :-3], image[:-2, 3:])


def test_beyond_the_border_the_image_is_mirrored():
    image = still()
    images = render_path(image, pan(3, 0)[None])
    np.testing.assert_array_equal(images[0, :, -3:], image[:, :-4:-1])


def test_half_a_pixel_of_pan_averages_neighbours():
    image = still()
    images = render_path(image, pan(0.5, 0)[None])
    expected = (image[:, :-1].astype(float) + image[:, 1:]) / 2
    assert np.abs(images[0, :, :-1] - expected).max() <= 0.5


def test_the_same_seed_gives_the_same_path_and_each_still_its_own():
    size = (60, 80)
    np.testing.assert_array_equal(camera_path((5, 2), 12, size), camera_path((5, 2), 12, size))
    assert not np.allclose(camera_path((5, 2), 12, size), camera_path((5, 3), 12, size))
    assert not np.allclose(camera_path((5, 2), 12, size), camera_path((6, 2), 12, size))


@pytest.mark.parametrize("index", range(20))
def test_the_path_is_smooth_and_keeps_its_limits(index):
    height, width = 360, 480
    path = camera_path((0, index), 24, (height, width))
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]).T
    steps = np.linalg.norm(np.diff(path @ corners, axis=0), axis=1)
    # Pan, zoom and rotation at their fastest, at the corner that is farthest away, with the
    # growth of up to 24 zooms on top.
    radius = np.hypot(height, width) * 0.65
    fastest = width * 0.007 * 1.1 + radius * (0.014 + np.deg2rad(0.1)) * 1.014**24
    assert steps.max() < fastest
    assert np.abs(np.diff(steps, axis=0)).max() < 0.5 * fastest


def test_most_paths_drive_forward():
    first = np.stack([camera_path((1, i), 12, (60, 80))[0] for i in range(200)])
    scale = np.sqrt(np.linalg.det(first[:, :, :2]))
    assert (scale > 1).mean() > 0.65  # more of the scene in view at the start
    assert scale.max() <= 1.014**11 + 1e-9
