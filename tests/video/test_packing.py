"""What is packed comes back, whoever unpacks it."""

import numpy as np
import pytest

from arseg_lightning.video import packing
from arseg_lightning.video.motion import BlockMotion
from arseg_lightning.video.packing import pack, unpack
from tests.video.hand_made import random_motion, shift

GRIDS = [(1, 1), (4, 4), (5, 3), (18, 24), (16, 9)]


@pytest.fixture(params=["kernels", "numpy"], autouse=True)
def unpacked_by(request, monkeypatch):
    if request.param == "numpy":
        monkeypatch.setattr(packing, "motion_kernels", lambda: None)


def in_blocks(grid, side, seed=0):
    """Motion that squares of some cells share."""
    generator = np.random.default_rng(seed)
    coarse = -(-grid[0] // side), -(-grid[1] // side)

    def spread(values):
        return values.repeat(side, -2).repeat(side, -1)[..., : grid[0], : grid[1]]

    field = spread(generator.integers(-32768, 32768, (2, *coarse)).astype(np.int16))
    return BlockMotion(field, spread(generator.random(coarse) < 0.3))


def same(one, other):
    return (one.quarter_pixels == other.quarter_pixels).all() and (one.intra == other.intra).all()


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_motion_comes_back_as_it_was(grid, side):
    motion = in_blocks(grid, side)
    assert same(unpack(pack(motion), grid), motion)


def test_blocks_of_all_sizes_in_one_frame_come_back():
    parts = [in_blocks((16, 24), side, seed) for seed, side in enumerate((4, 2, 1))]
    chosen = np.random.default_rng(5).integers(0, 3, (16, 24))
    field = np.choose(chosen, [part.quarter_pixels for part in parts])
    motion = BlockMotion(field, np.choose(chosen, [part.intra for part in parts]))
    assert same(unpack(pack(motion), (16, 24)), motion)


def test_cells_that_differ_in_one_value_only_stay_apart():
    for plane in range(3):
        field, intra = np.zeros((2, 4, 4), np.int16), np.zeros((4, 4), np.bool_)
        (*field, intra)[plane][2, 3] = 1
        assert same(unpack(pack(BlockMotion(field, intra)), (4, 4)), BlockMotion(field, intra))


def test_a_macroblock_of_one_motion_is_one_value():
    assert len(pack(shift(1, 2, 64, 96))) == 3 + 24 * 4 + 3
    assert len(pack(random_motion(64, 96))) > 24 * 16 * 4


@pytest.mark.parametrize("length", [0, 1, 40, -1])
def test_other_bytes_are_refused(length):
    content = pack(random_motion(32, 64))
    with pytest.raises(ValueError, match="are no motion of 8x16 cells"):
        unpack(content[:length], (8, 16))
    with pytest.raises(ValueError, match="are no motion of 8x16 cells"):
        unpack(content + b"0", (8, 16))
