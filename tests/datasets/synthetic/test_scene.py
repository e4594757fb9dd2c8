import numpy as np
import pytest

from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.synthetic.scene import DrivingScene

POLE = DRIVING9.names.index("pole")


@pytest.fixture(scope="module", params=[0, 1], ids="seed{}".format)
def scene(request):
    return DrivingScene(seed=request.param)


@pytest.fixture(scope="module")
def scenes():
    return [DrivingScene(seed=seed) for seed in range(2, 5)]


def test_images_come_with_a_class_in_every_pixel():
    scene = DrivingScene(height=45, width=77)
    image, label = scene.image(3), scene.label(3)
    assert image.shape == (45, 77, 3)
    assert image.dtype == np.uint8
    assert label.shape == (45, 77)
    assert label.dtype == np.uint8
    assert label.max() < DRIVING9.num_classes


def test_any_frame_alone_equals_the_sequence():
    whole = DrivingScene(num_frames=12, seed=4)
    images = list(whole.images())
    assert len(images) == 12
    alone = DrivingScene(num_frames=12, seed=4)
    for index in (7, 0, 11):
        np.testing.assert_array_equal(alone.image(index), images[index])
        np.testing.assert_array_equal(alone.label(index), whole.label(index))


def test_a_longer_video_starts_with_the_shorter_one(scene):
    longer = DrivingScene(seed=scene.seed, num_frames=1000)
    np.testing.assert_array_equal(longer.image(9), scene.image(9))


def test_twice_the_frame_rate_shows_the_same_drive(scene):
    faster = DrivingScene(seed=scene.seed, fps=2 * scene.fps)
    np.testing.assert_array_equal(faster.image(14), scene.image(7))


def test_twice_the_size_shows_the_same_road():
    label = DrivingScene(seed=0).label(5)
    large = DrivingScene(height=320, width=480, seed=0).label(5)
    assert (large[::2, ::2] == label).mean() > 0.95


def test_every_seed_is_another_road(scene):
    image, label = scene.image(0), scene.label(0)
    other = DrivingScene(seed=scene.seed + 1)
    other_image, other_label = other.image(0), other.label(0)
    assert np.abs(image.astype(int) - other_image).mean() > 20
    assert 0.05 < (label != other_label).mean() < 0.8


def test_every_class_occurs(scenes):
    labels = np.stack([each.label(index) for each in scenes for index in (0, 50)])
    counts = np.bincount(labels.ravel(), minlength=DRIVING9.num_classes)
    assert (counts / counts.sum() > 0.002).all()


def test_poles_are_thin(scenes):
    pole = np.stack([each.label(20) for each in scenes]) == POLE
    square = np.lib.stride_tricks.sliding_window_view(pole, (1, 4, 4)).all(axis=(3, 4, 5))
    assert pole.any()
    assert square.sum() <= 0.02 * pole.sum()  # where two of them overlap


@pytest.mark.parametrize("index", [-1, 5])
def test_a_frame_outside_the_video_is_refused(index):
    with pytest.raises(IndexError, match="of a video of 5 frames"):
        DrivingScene(num_frames=5).image(index)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"height": 16}, "height is at least 32, got 16"),
        ({"num_frames": 0}, "num_frames is at least 1, got 0"),
        ({"fps": 0.0}, r"fps is a finite number above 0, got 0\.0"),
        ({"seed": -1}, "seed is at least 0, got -1"),
    ],
)
def test_impossible_videos_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        DrivingScene(**wrong)
