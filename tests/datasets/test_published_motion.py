"""The authors' motion files: what their bytes mean, and files that belong to something else."""

import numpy as np
import pytest

from arseg_lightning.datasets.published_motion import read_published_motion
from arseg_lightning.types import BLOCK_SIZE
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.errors import VideoError
from tests.video.hand_made import random_motion


def test_a_file_holds_x_and_y_of_each_pixel_in_quarter_pixels(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(np.array([4, -8, 1, 0, -1, 32767, 0, 6], "<i2").tobytes())
    motion = read_published_motion(path, (1, 4))
    assert motion.xy.tolist() == [[[1, 0.25, -0.25, 0]], [[-2, 0, 8191.75, 1.5]]]
    assert motion.valid.all()


def test_motion_that_is_chained_in_whole_pixels_survives_the_file(tmp_path):
    size = (24, 32)
    assert all(side % BLOCK_SIZE == 0 for side in size)
    chain = MotionChain(size, "integer")
    for seed in range(3):
        chain.push(random_motion(*size, seed=seed))
    expected = chain.motion().xy
    path = tmp_path / "a.bin"
    (4 * expected).astype("<i2").transpose(1, 2, 0).tofile(path)
    assert (read_published_motion(path, size).xy == expected).all()


@pytest.mark.parametrize("count", [0, 23, 36])
def test_a_file_of_another_size_is_refused_with_both_sizes(tmp_path, count):
    path = tmp_path / "a.bin"
    np.zeros(count, "<i2").tofile(path)
    message = rf"a\.bin has {2 * count} bytes, .* a 3x4 frame .* takes 48: .*at this size"
    with pytest.raises(VideoError, match=message):
        read_published_motion(path, (3, 4))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.bin is missing; each frame behind a keyframe"):
        read_published_motion(tmp_path / "a.bin", (3, 4))
