"""Warped labels: exact where motion is exact, counted as the protocol says."""

from pathlib import Path

import numpy as np
import pytest

from arseg_lightning.types import Motion
from arseg_lightning.video.cache import MotionCache
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.images import image_files, read_image
from arseg_lightning.video.motion import BlockMotion
from arseg_lightning.video.quality import measure_motion, warp_label
from tests.video.hand_made import motion_file, shift

SIZE = (32, 48)
CAMVID = Path(__file__).resolve().parents[3] / "shared" / "camvid" / "clip"


def stripes(t, right=4):
    """Two classes in stripes that move; what comes in at the left is void."""
    columns = np.arange(SIZE[1]) - right * t
    label = np.where(columns >= 0, columns // 8 % 2, 255).astype(np.uint8)
    return np.tile(label, (SIZE[0], 1))


@pytest.fixture
def motion(tmp_path):
    return motion_file(tmp_path / "a.motion", [shift(-4, 0, *SIZE)] * 7, SIZE)


def test_motion_at_rest_warps_a_label_as_it_is():
    label = np.random.default_rng(0).integers(0, 9, SIZE, np.uint8)
    assert (warp_label(label, Motion.zero(*SIZE)) == label).all()


@pytest.mark.parametrize("xy", [(3, 0), (-2, 5), (2.75, -0.25)])
def test_a_label_is_taken_from_the_pixel_that_motion_leads_to(xy):
    label = np.random.default_rng(0).integers(0, 250, SIZE, np.uint8)
    zero = Motion.zero(*SIZE)
    field = Motion(zero.xy + np.array(xy, np.float32)[:, None, None], zero.valid)
    warped = warp_label(label, field)
    x, y = np.rint(xy).astype(int)
    assert (warped[8:-8, 8:-8] == label[8 + y : SIZE[0] - 8 + y, 8 + x : SIZE[1] - 8 + x]).all()


def test_a_label_from_outside_is_taken_from_the_border():
    label = np.arange(48, dtype=np.uint8)[None].repeat(32, axis=0)
    field = Motion(np.full((2, *SIZE), -1000, np.float32), np.ones(SIZE, np.bool_))
    assert not warp_label(label, field).any()


def test_exact_motion_warps_everything_and_copies_lose(motion):
    quality = measure_motion(motion, [0], stripes, 2)
    assert [entry.distance for entry in quality.distances] == [1, 2, 3, 4, 5, 6]
    assert all(entry.miou_warped == 1 for entry in quality.distances)
    assert quality.distances[1].miou_copied == 0  # the stripes have moved by their width
    assert 0 < quality.mean_copied < quality.mean_warped == 1


def test_motion_of_the_wrong_sign_fails(tmp_path):
    wrong = motion_file(tmp_path / "a.motion", [shift(4, 0, *SIZE)] * 7, SIZE)
    quality = measure_motion(wrong, [0], stripes, 2)
    assert quality.distances[0].miou_warped < 0.5


def test_each_keyframe_serves_the_frames_up_to_the_next(motion):
    quality = measure_motion(motion, [0, 3, 6], stripes, 2)
    assert [(entry.distance, entry.num_frames) for entry in quality.distances] == [(1, 2), (2, 2)]


def test_frames_and_keyframes_without_label_are_left_out(motion):
    labels = {frame: stripes(frame) for frame in (0, 2, 4, 5)}
    quality = measure_motion(motion, [0, 3], labels.get, 2)
    assert [(entry.distance, entry.num_frames) for entry in quality.distances] == [(2, 1)]


def test_void_is_left_out_and_a_void_that_is_warped_is_a_miss(tmp_path):
    still = motion_file(tmp_path / "a.motion", [shift(0, 0, *SIZE)] * 2, SIZE)
    key, label = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    key[:8] = 255  # a quarter: warped onto class 0
    label[16:] = 255  # a half: left out
    quality = measure_motion(still, [0], [key, label].__getitem__, 3)
    assert quality.distances[0].miou_warped == 0.5  # and classes 1 and 2 are in no mean


def test_all_frames_of_a_distance_share_one_matrix(tmp_path):
    still = motion_file(tmp_path / "a.motion", [shift(0, 0, *SIZE)] * 4, SIZE, "IPIP")
    ones, zeros = np.ones(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    quality = measure_motion(still, [0, 2], [zeros, zeros, zeros, ones].__getitem__, 2)
    assert quality.distances[0].miou_warped == 0.25  # class 0: 1/2, class 1: 0


def test_the_share_of_holes_is_told(tmp_path):
    intra = np.zeros((8, 12), np.bool_)
    intra[:2] = True
    hole = BlockMotion(np.zeros((2, 8, 12), np.int16), intra)
    motion = motion_file(tmp_path / "a.motion", [hole, hole, shift(0, 0, *SIZE)], SIZE)
    quality = measure_motion(motion, [0], lambda _: np.zeros(SIZE, np.uint8), 1)
    assert quality.intra_share == 0.125  # of the two predicted frames
    assert [entry.filled_share for entry in quality.distances] == [0.25, 0.25]


def test_nothing_to_measure_is_an_error_with_the_remedy(motion):
    for label_of in ({0: stripes(0)}.get, lambda _: np.full(SIZE, 255, np.uint8)):
        with pytest.raises(ValueError, match=r"2 keyframes \(0, 3\).*keyframe_interval"):
            measure_motion(motion, [0, 3], label_of, 2)


def test_labels_of_another_size_are_refused_with_the_remedy(motion):
    labels = [stripes(0), np.zeros((16, 24), np.uint8)]
    message = "label of frame 1 is 16x24, the video is 32x48 .*nearest neighbour"
    with pytest.raises(ValueError, match=message):
        measure_motion(motion, [0], labels.__getitem__, 2)


@pytest.mark.skipif(not CAMVID.is_dir(), reason="the labelled CamVid clip is not there")
def test_real_motion_warps_real_labels(tmp_path):
    """Percent at distances 1, 5, 6, 9 and 11, with 11 classes and void left out."""
    video = tmp_path / "clip.mp4"
    images = (read_image(path) for path in image_files(CAMVID / "images"))
    encode_frames(images, video, EncodeSettings(keyframe_interval=12, crf=23, fps=15))
    cache = MotionCache(tmp_path)
    cache.ensure(video)
    motion, labels = cache.read(video), image_files(CAMVID / "labels")
    assert motion.intra_frames == (0, 12, 24, 36, 48)
    quality = measure_motion(
        motion, motion.intra_frames, lambda frame: read_image(labels[frame])[..., 0], 11
    )
    reached = {e.distance: (100 * e.miou_warped, 100 * e.miou_copied) for e in quality.distances}
    expected = {
        1: (84.5, 74.5),
        5: (77.0, 53.2),
        6: (75.5, 51.8),
        9: (71.0, 47.3),
        11: (69.0, 44.9),
    }
    for distance, (warped, copied) in expected.items():
        assert reached[distance][0] >= warped
        assert reached[distance][1] == pytest.approx(copied, abs=0.06)
