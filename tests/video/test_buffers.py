"""Memory is used again when nobody holds it, and never before."""

import gc

import numpy as np
import pytest
import torch

from arseg_lightning.video.buffers import Buffers
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.decode import decode
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from tests.video.hand_made import pan, random_motion

SHAPE = (30, 40, 3)
either_size = pytest.mark.parametrize("shape", [SHAPE, (1000, 1000, 3)], ids=["small", "large"])


def address(array):
    return array.ctypes.data


@either_size
def test_what_was_dropped_is_used_again(shape):
    buffers = Buffers()
    first = address(buffers.take(shape, np.uint8))
    assert address(buffers.take(shape, np.uint8)) == first


@either_size
def test_what_is_held_is_left_alone(shape):
    buffers = Buffers(kept=2)
    held = [buffers.take(shape, np.uint8) for _ in range(5)]
    assert len({address(array) for array in held}) == 5


@either_size
def test_views_and_tensors_hold_it_too(shape):
    buffers = Buffers()
    view = buffers.take(shape, np.uint8)[:, ::2].T[1:]
    tensor = torch.from_numpy(buffers.take(shape, np.uint8))[1]
    turned = np.rot90(buffers.take(shape, np.uint8)).view(np.int8)
    gc.collect()
    view[:], tensor[:], turned[:] = 1, 2, 3
    for _ in range(3):
        buffers.take(shape, np.uint8)[:] = 9
    assert (view == 1).all()
    assert (tensor == 2).all()
    assert (turned == 3).all()


def test_shapes_and_types_are_as_asked_for():
    buffers = Buffers()
    for shape, dtype in [((2, 5, 7), np.float32), ((5, 7), np.bool_), ((2, 3, 7), np.float32)]:
        array = buffers.take(shape, dtype)
        assert (array.shape, array.dtype) == (shape, dtype)
        assert array.flags.c_contiguous
        assert array.flags.writeable


def test_no_more_than_asked_for_is_kept():
    buffers = Buffers(kept=3)
    held = [buffers.take((1000 + i,), np.uint8) for i in range(10)]
    assert len(buffers._buffers) == 3
    assert len(held) == 10


def test_frames_that_are_held_keep_their_pictures(tmp_path):
    path = tmp_path / "pan.mp4"
    encode_frames(pan(9, 64, 80, 3, 1), path, EncodeSettings())
    copies = [frame.image.copy() for frame in decode(path)]
    held = [frame.image for frame in decode(path)]
    assert all((image == copy).all() for image, copy in zip(held, copies, strict=True))


def test_fields_that_are_held_keep_their_motion():
    chain, held, copies = MotionChain((24, 32)), [], []
    for seed in range(9):
        chain.push(random_motion(24, 32, seed=seed))
        held.append(chain.motion())
        copies.append((held[-1].xy.copy(), held[-1].valid.copy()))
    for motion, (xy, valid) in zip(held, copies, strict=True):
        assert (motion.xy == xy).all()
        assert (motion.valid == valid).all()
