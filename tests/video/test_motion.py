"""From vectors to the grid of the smallest blocks: every block where it belongs, and no others."""

import numpy as np
import pytest

from arseg_lightning.video.decode import decode_motion
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.motion import BlockMotion, fill_intra
from tests.video.hand_made import motion_of, pan, vector
from tests.video.small_videos import write_stream


@pytest.mark.parametrize("width", [4, 8, 16])
@pytest.mark.parametrize("height", [4, 8, 16])
def test_a_block_of_any_size_covers_its_cells_and_no_others(height, width):
    motion = motion_of([vector(16, 32, width, height, 5, -7)], 64, 48)
    expected = np.zeros((16, 12), np.bool_)
    expected[8 : 8 + height // 4, 4 : 4 + width // 4] = True
    assert (motion.intra == ~expected).all()
    assert (motion.quarter_pixels[:, expected].T == (5, -7)).all()


def test_blocks_of_different_sizes_do_not_mix():
    blocks = [vector(0, 0, 16, 8, 1, 0), vector(0, 8, 8, 8, 2, 0), vector(8, 8, 8, 8, 3, 0)]
    motion = motion_of(blocks, 16, 16)
    assert motion.quarter_pixels[0].tolist() == [[1] * 4, [1] * 4, [2, 2, 3, 3], [2, 2, 3, 3]]
    assert not motion.quarter_pixels[1].any()


@pytest.mark.parametrize(("height", "width"), [(18, 33), (20, 36), (1, 1), (15, 17)])
def test_blocks_may_reach_beyond_pictures_of_any_size(height, width):
    origins = [(x, y) for y in range(0, height, 16) for x in range(0, width, 16)]
    blocks = [vector(x, y, 16, 16, x, y) for x, y in origins]
    motion = motion_of(blocks, height, width)
    y, x = 4 * np.mgrid[: -(-height // 4), : -(-width // 4)]
    assert not motion.intra.any()
    assert (motion.quarter_pixels == np.stack([x // 16 * 16, y // 16 * 16])).all()


@pytest.mark.parametrize(("scale", "expected"), [(1, (12, -8)), (2, (6, -4)), (4, (3, -2))])
def test_vectors_of_any_scale_become_quarter_pixels(scale, expected):
    blocks = [vector(0, 0, 16, 16, 3, -2, scale=scale)]
    motion = motion_of(blocks, 16, 16)
    assert tuple(motion.quarter_pixels[:, 0, 0]) == expected


def test_far_vectors_keep_their_size():
    motion = motion_of([vector(0, 0, 16, 16, -8192, 2047)], 16, 16)
    assert tuple(motion.quarter_pixels[:, 0, 0]) == (-8192, 2047)


def test_a_hole_gets_the_mean_of_its_surroundings_and_stays_marked():
    blocks = [vector(0, 0, 8, 16, 8, 0), vector(16, 0, 8, 16, 16, 4)]
    motion = motion_of(blocks, 16, 24)
    assert motion.intra.tolist() == [[False, False, True, True, False, False]] * 4
    assert motion.quarter_pixels[0].tolist() == [[8, 8, 8, 16, 16, 16]] * 4
    assert motion.quarter_pixels[1].tolist() == [[0, 0, 0, 4, 4, 4]] * 4


def test_filling_changes_no_known_cell_and_stays_within_their_range():
    generator = np.random.default_rng(3)
    field = generator.integers(-90, 91, (2, 24, 31)).astype(np.int16)
    intra = generator.random((24, 31)) < 0.7
    back = np.full(intra.shape, -1, np.int8)
    filled, _ = fill_intra(field, intra, back)
    assert (filled[:, ~intra] == field[:, ~intra]).all()
    assert abs(filled).max() <= abs(field[:, ~intra]).max()


def test_filling_does_not_depend_on_what_stands_in_the_holes():
    field = np.arange(2 * 5 * 6, dtype=np.int16).reshape(2, 5, 6)
    intra = np.arange(30).reshape(5, 6) % 3 == 0
    back = np.full(intra.shape, -1, np.int8)
    garbage = np.where(intra, np.int16(-32768), field)
    assert (fill_intra(garbage, intra, back)[0] == fill_intra(field, intra, back)[0]).all()


def test_a_frame_without_vectors_is_intra_and_at_rest():
    motion = motion_of([], 32, 32)
    assert motion.intra.all()
    assert not motion.quarter_pixels.any()


def test_fields_of_the_wrong_shape_or_type_are_refused():
    intra = np.zeros((4, 5), np.bool_)
    with pytest.raises(ValueError, match=r"int16 \(2, h, w\)"):
        BlockMotion(np.zeros((2, 5, 4), np.int16), intra)
    with pytest.raises(ValueError, match="float32"):
        BlockMotion(np.zeros((2, 4, 5), np.float32), intra)


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"crf": "15", "x264-params": "ref=1:bframes=0"}),
        ("mpeg4", {"qmin": "2", "qmax": "2", "g": "300"}),
    ],
)
@pytest.mark.parametrize(("right", "down"), [(3, 1), (-2, 4)])
def test_a_pan_is_recovered_from_a_real_stream(tmp_path, codec, options, right, down):
    path = write_stream(tmp_path / "pan.mp4", codec, options, pan(4, 98, 130, right, down))
    for _, motion in list(decode_motion(path))[1:]:
        known = ~motion.intra[4:-4, 4:-4]  # nothing is known of what comes in at the rim
        vectors = motion.quarter_pixels[:, 4:-4, 4:-4][:, known] / 4
        assert known.mean() > 0.9
        assert (abs(vectors.T - (right, down)).max(1) <= 0.5).mean() > 0.98


def test_a_stream_at_rest_has_a_zero_vector_everywhere(tmp_path):
    path = tmp_path / "still.mp4"
    encode_frames(pan(3, 64, 80, 0, 0), path, EncodeSettings())
    for _, motion in list(decode_motion(path))[1:]:  # skipped blocks count as predicted
        assert not motion.intra.any()
        assert not motion.quarter_pixels.any()
