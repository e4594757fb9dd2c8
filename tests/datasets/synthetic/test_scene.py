import numpy as np
import pytest

from arseg_lightning.datasets.classes import DRIVING9
from arseg_lightning.datasets.synthetic.scene import DrivingScene

POLE = DRIVING9.names.index("pole")
PAIRS = [(1, 0), (11, 0), (40, 29), (5, 8)]


@pytest.fixture(scope="module", params=[0, 1], ids="seed{}".format)
def scene(request):
    return DrivingScene(seed=request.param)


@pytest.fixture(scope="module")
def streets():
    return [DrivingScene(seed=seed) for seed in range(2, 5)]


def nearest(values, motion):
    """The reference's value at the pixel to which the motion points."""
    rows, columns = np.indices(motion.size)
    row = np.rint(rows + motion.xy[1]).clip(0, motion.size[0] - 1).astype(int)
    column = np.rint(columns + motion.xy[0]).clip(0, motion.size[1] - 1).astype(int)
    return values[row, column]


def test_frames_are_pictures_with_a_class_in_every_pixel():
    image, label = DrivingScene(height=45, width=77).frame(3)
    assert image.shape == (45, 77, 3)
    assert image.dtype == np.uint8
    assert label.shape == (45, 77)
    assert label.dtype == np.uint8
    assert label.max() < DRIVING9.num_classes


def test_any_frame_alone_equals_the_sequence():
    sequence = list(DrivingScene(num_frames=12, seed=4).frames())
    assert len(sequence) == 12
    for index in (7, 0, 11):
        image, label = DrivingScene(num_frames=12, seed=4).frame(index)
        np.testing.assert_array_equal(image, sequence[index][0])
        np.testing.assert_array_equal(label, sequence[index][1])


def test_a_longer_video_starts_with_the_shorter_one(scene):
    longer = DrivingScene(seed=scene.seed, num_frames=1000)
    np.testing.assert_array_equal(longer.frame(9)[0], scene.frame(9)[0])


def test_twice_the_frame_rate_shows_the_same_drive(scene):
    faster = DrivingScene(seed=scene.seed, fps=2 * scene.fps)
    np.testing.assert_array_equal(faster.frame(14)[0], scene.frame(7)[0])


def test_twice_the_size_shows_the_same_street(scene):
    label = scene.frame(5)[1]
    large = DrivingScene(height=320, width=480, seed=scene.seed).frame(5)[1]
    assert (large[::2, ::2] == label).mean() > 0.95


def test_every_seed_is_another_street(scene):
    image, label = scene.frame(0)
    other_image, other_label = DrivingScene(seed=scene.seed + 1).frame(0)
    assert np.abs(image.astype(int) - other_image).mean() > 20
    assert 0.05 < (label != other_label).mean() < 0.8


def test_every_class_occurs(streets):
    labels = np.stack([street.frame(index)[1] for street in streets for index in (0, 50)])
    counts = np.bincount(labels.ravel(), minlength=DRIVING9.num_classes)
    assert (counts / counts.sum() > 0.002).all()


def test_poles_are_thin(streets):
    pole = np.stack([street.frame(20)[1] for street in streets]) == POLE
    square = np.lib.stride_tricks.sliding_window_view(pole, (1, 4, 4)).all(axis=(3, 4, 5))
    assert pole.any()
    assert square.sum() <= 0.02 * pole.sum()  # where two of them overlap


@pytest.mark.parametrize(("index", "reference"), PAIRS)
def test_labels_are_equal_where_motion_leads(scene, index, reference):
    motion = scene.motion(index, reference)
    label, carried = scene.frame(index)[1], nearest(scene.frame(reference)[1], motion)
    assert motion.valid.mean() > 0.3
    np.testing.assert_array_equal(label[motion.valid], carried[motion.valid])


@pytest.mark.parametrize(("index", "reference"), PAIRS)
def test_pictures_are_alike_where_motion_leads(scene, index, reference):
    motion, image = scene.motion(index, reference), scene.frame(index)[0].astype(float)
    held = scene.frame(reference)[0].astype(float)
    carried = np.abs(nearest(held, motion) - image)[motion.valid].mean()
    copied = np.abs(held - image)[motion.valid].mean()
    assert carried < 0.6 * copied


def test_motion_to_itself_is_zero(scene):
    motion = scene.motion(6, 6)
    np.testing.assert_allclose(motion.xy, 0, atol=1e-4)
    assert motion.valid.all()


def test_motion_there_and_back_is_none(scene):
    there, back = scene.motion(10, 8), scene.motion(8, 10)
    returned = there.xy + nearest(np.moveaxis(back.xy, 0, -1), there).transpose(2, 0, 1)
    close = np.abs(returned[:, there.valid]).max(axis=0) < 1.0
    assert close.mean() > 0.97  # motion differs between a point and its nearest pixel


def test_what_comes_into_view_has_no_valid_motion(scene):
    assert 0.5 < scene.motion(11, 0).valid.mean() < 0.99


def test_a_whole_lap_later_nothing_is_the_same():
    scene = DrivingScene(num_frames=3000, fps=30)
    assert scene.motion(2000, 0).valid.mean() < 0.5  # all but the sky


@pytest.mark.parametrize("index", [-1, 5])
def test_a_frame_outside_the_video_is_refused(index):
    with pytest.raises(IndexError, match="of a video of 5 frames"):
        DrivingScene(num_frames=5).frame(index)


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
