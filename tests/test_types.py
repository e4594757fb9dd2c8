"""Shared data types: their shapes and types are checked."""

import numpy as np
import pytest
import torch
from lightning.fabric.utilities import move_data_to_device
from lightning.pytorch.plugins.precision import HalfPrecision

from arseg_lightning.types import ClassSet, Clip, ClipBatch, Frame, Motion, size_text


def make_clip(**changes):
    parts = {
        "images": torch.zeros(2, 3, 4, 6),
        "motion": torch.zeros(2, 2, 4, 6),
        "labels": torch.zeros(2, 4, 6, dtype=torch.int64),
        "distances": torch.tensor([0, 3]),
        "names": ("a", "b"),
    }
    return Clip(**(parts | changes))


def test_a_clip_names_the_part_that_does_not_fit():
    with pytest.raises(ValueError, match=r"motion should be \(2, 2, 4, 6\), got \(2, 2, 4, 5\)"):
        make_clip(motion=torch.zeros(2, 2, 4, 5))


def test_lightning_moves_and_converts_a_batch_and_keeps_its_names():
    clip = make_clip()
    names = ("images", "motion", "labels", "distances")
    parts = {name: getattr(clip, name)[None] for name in names}
    batch = ClipBatch(**parts, names=(clip.names,))
    moved = move_data_to_device(batch, torch.device("meta"))
    assert type(moved) is type(batch)
    assert all(getattr(moved, name).is_meta for name in names)
    assert moved.names == batch.names
    assert not batch.images.is_meta
    halved = HalfPrecision("bf16-true").convert_input(batch)
    assert halved.images.dtype == halved.motion.dtype == torch.bfloat16
    assert halved.labels.dtype == torch.int64


def test_a_frame_is_an_rgb_image():
    with pytest.raises(ValueError, match=r"uint8 array of shape \(H, W, 3\), got float64"):
        Frame(0, 0.0, "I", np.zeros((4, 4, 3)))


def test_motion_says_which_shape_it_wants():
    with pytest.raises(ValueError, match=r"float32 of shape \(2, H, W\), got float64"):
        Motion(np.zeros((2, 4, 4)), np.ones((4, 4), bool))
    with pytest.raises(ValueError, match=r"valid is bool of shape \(4, 4\)"):
        Motion(np.zeros((2, 4, 4), np.float32), np.ones((4, 5), bool))


def test_the_motion_of_a_frame_to_itself_is_zero_and_valid():
    motion = Motion.zero(3, 5)
    assert motion.size == (3, 5)
    assert not motion.xy.any()
    assert motion.valid.all()


def test_each_class_needs_a_colour():
    with pytest.raises(ValueError, match="2 names and 1 palette colours"):
        ClassSet("two", ("a", "b"), ((0, 0, 0),))


def test_a_size_is_spelled_height_first_whatever_follows():
    assert size_text((480, 640)) == "480x640"
    assert size_text(np.zeros((2, 3, 3)).shape) == "2x3"
