import numpy as np
import pytest

from arseg_lightning.datasets.synthetic.still_clips import (
    camera_path,
    render_path,
    render_still_clip,
)

IDENTITY = np.eye(2, 3)


def still(height=60, width=80):
    """A picture whose red channel spells its label: 20 times the class, on tiles of 10 pixels."""
    rows, columns = np.indices((height, width)) // 10
    label = ((rows * 3 + columns) % 11).astype(np.uint8)
    image = np.stack([label * 20, np.full_like(label, 7), 255 - label], axis=2)
    return image, label


def pan(x, y):
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y]])


def test_the_last_frame_is_the_still_itself():
    image, label = still()
    images, labels = render_still_clip(image, label, num_frames=6, seed=(0, 1))
    assert images.shape == (6, 60, 80, 3)
    assert labels.shape == (6, 60, 80)
    np.testing.assert_array_equal(images[-1], image)
    np.testing.assert_array_equal(labels[-1], label)


def test_a_clip_of_one_frame_is_the_still():
    image, label = still()
    images, labels = render_still_clip(image, label, num_frames=1, seed=(0, 1))
    np.testing.assert_array_equal(images[0], image)
    np.testing.assert_array_equal(labels[0], label)


def test_labels_follow_images():
    image, label = still()
    images, labels = render_still_clip(image, label, num_frames=12, seed=(3, 4))
    spelled = images[..., 0] / 20
    # Between two tiles the bilinear image mixes; inside a tile the image must spell the label.
    inside = (np.abs(spelled - np.round(spelled)) < 0.01) & (labels != 255)
    agree = np.round(spelled[inside]) == labels[inside]
    assert inside.mean() > 0.5
    assert agree.mean() > 0.99  # a mix of two classes may spell a third by chance


def test_a_known_pan_is_a_shift():
    image, label = still()
    images, labels = render_path(image, label, np.stack([pan(3, -2), IDENTITY]))
    np.testing.assert_array_equal(images[0, 2:, :-3], image[:-2, 3:])
    np.testing.assert_array_equal(labels[0, 2:, :-3], label[:-2, 3:])


def test_beyond_the_border_the_picture_is_mirrored_and_ignored():
    image, label = still()
    images, labels = render_path(image, label, pan(3, 0)[None], ignore_index=11)
    np.testing.assert_array_equal(images[0, :, -3:], image[:, :-4:-1])
    assert (labels[0, :, -3:] == 11).all()
    assert (labels[0, :, :-3] != 11).all()


def test_half_a_pixel_of_pan_averages_neighbours():
    image, label = still()
    images, _ = render_path(image, label, pan(0.5, 0)[None])
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
    path = camera_path((0, index), 24, (height, width), max_pan=0.01, max_zoom=0.02)
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]).T
    steps = np.linalg.norm(np.diff(path @ corners, axis=0), axis=1)
    # Pan, zoom and rotation at their fastest, at the corner that is farthest away, with the
    # growth of up to 24 zooms on top.
    radius = np.hypot(height, width) * 0.65
    fastest = width * 0.01 * 1.1 + radius * (0.02 + np.deg2rad(0.1)) * 1.02**24
    assert steps.max() < fastest
    assert np.abs(np.diff(steps, axis=0)).max() < 0.5 * fastest


def test_no_freedom_leaves_the_still_alone():
    path = camera_path((0, 0), 5, (60, 80), max_pan=0, max_zoom=0, max_rotation=0)
    np.testing.assert_allclose(path, np.broadcast_to(IDENTITY, path.shape), atol=1e-12)


def test_most_paths_drive_forward():
    first = np.stack([camera_path((1, i), 12, (60, 80))[0] for i in range(200)])
    scale = np.sqrt(np.linalg.det(first[:, :, :2]))
    assert (scale > 1).mean() > 0.65  # more of the scene in view at the start
    assert scale.max() <= 1.014**11 + 1e-9


def test_an_empty_clip_is_refused():
    with pytest.raises(ValueError, match="num_frames=0"):
        camera_path((0, 0), 0, (60, 80))


def test_a_label_of_another_size_is_refused():
    image, label = still()
    with pytest.raises(ValueError, match="needs a label map"):
        render_path(image, label[1:], IDENTITY[None])
