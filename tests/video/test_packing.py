"""What is packed comes back, whoever unpacks it."""

import numpy as np
import pytest

from arseg_lightning.video import packing
from arseg_lightning.video.motion import BlockMotion
from arseg_lightning.video.packing import pack, unpack
from tests.video.hand_made import random_motion, shift

PLANES = ("quarter_pixels", "intra", "references")
GRIDS = [(1, 1), (4, 4), (5, 3), (18, 24), (16, 9)]


@pytest.fixture(params=["kernels", "numpy"], autouse=True)
def unpacked_by(request, monkeypatch):
    if request.param == "numpy":
        monkeypatch.setattr(packing, "motion_kernels", lambda: None)


def in_blocks(grid, side, seed=0, several=False):
    """Motion that squares of some cells share."""
    generator = np.random.default_rng(seed)
    coarse = -(-grid[0] // side), -(-grid[1] // side)

    def spread(values):
        return values.repeat(side, -2).repeat(side, -1)[..., : grid[0], : grid[1]]

    field = spread(generator.integers(-32768, 32768, (2, *coarse)).astype(np.int16))
    references = spread(generator.integers(-5, 4, coarse).astype(np.int8)) if several else None
    return BlockMotion(field, spread(generator.random(coarse) < 0.3), references)


def same(one, other):
    pairs = ((getattr(one, name), getattr(other, name)) for name in PLANES)
    return all(np.array_equal(a, b) if a is not None else b is None for a, b in pairs)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("side", [1, 2, 3, 4])
@pytest.mark.parametrize("several", [False, True])
def test_motion_comes_back_as_it_was(grid, side, several):
    motion = in_blocks(grid, side, several=several)
    assert same(unpack(pack(motion), grid), motion)


def test_blocks_of_all_sizes_in_one_frame_come_back():
    parts = [in_blocks((16, 24), side, seed) for seed, side in enumerate((4, 2, 1))]
    chosen = np.random.default_rng(5).integers(0, 3, (16, 24))
    field = np.choose(chosen, [part.quarter_pixels for part in parts])
    motion = BlockMotion(field, np.choose(chosen, [part.intra for part in parts]))
    assert same(unpack(pack(motion), (16, 24)), motion)


def test_cells_that_differ_in_one_value_only_stay_apart():
    for plane in range(4):
        field, intra = np.zeros((2, 4, 4), np.int16), np.zeros((4, 4), np.bool_)
        references = np.full((4, 4), -1, np.int8)
        (*field, intra, references)[plane][2, 3] = 1
        motion = BlockMotion(field, intra, references)
        assert same(unpack(pack(motion), (4, 4)), motion)


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
