"""The motion law: a known shift stays right under every change of geometry."""

import pytest
import torch

from arseg_lightning.geometry import (
    crop,
    flip,
    flip_motion,
    resize,
    resize_labels,
    resize_motion,
)
from arseg_lightning.propagation import warp

SHIFT = (6.0, -4.0)


def smooth_pair(height=96, width=128):
    """A smooth keyframe and the current one, shifted by exactly SHIFT."""
    y, x = torch.meshgrid(torch.arange(height + 32.0), torch.arange(width + 32.0), indexing="ij")
    scene = torch.sin(x / 9) + torch.cos(y / 7) + torch.sin((x + y) / 13)
    key = scene[16 : 16 + height, 16 : 16 + width]
    top, left = 16 + int(SHIFT[1]), 16 + int(SHIFT[0])
    current = scene[top : top + height, left : left + width]
    motion = torch.tensor(SHIFT)[:, None, None].expand(2, height, width)
    return key[None, None], current[None, None], motion[None]


def assert_law(key, current, motion, tolerance=0.02):
    warped = warp(key, motion)
    inner = (..., slice(16, -16), slice(16, -16))
    assert (warped - current)[inner].abs().max() < tolerance


def test_the_pair_obeys_the_law_before_any_change():
    assert_law(*smooth_pair(), tolerance=1e-5)


def test_crop_keeps_the_law():
    assert_law(*(crop(part, 8, 12, 80, 96) for part in smooth_pair()), tolerance=1e-5)


def test_flip_turns_x_round():
    key, current, motion = smooth_pair()
    assert_law(flip(key), flip(current), flip_motion(motion), tolerance=1e-5)


@pytest.mark.parametrize("size", [(192, 256), (144, 192), (72, 96), (120, 100)])
def test_resize_scales_motion_by_each_axis(size):
    key, current, motion = smooth_pair()
    resized = resize_motion(motion, size)
    factor = (size[1] / 128, size[0] / 96)
    assert resized[0, 0].allclose(torch.tensor(SHIFT[0] * factor[0]))
    assert resized[0, 1].allclose(torch.tensor(SHIFT[1] * factor[1]))
    assert_law(resize(key, size), resize(current, size), resized)


def test_labels_keep_their_values_and_follow_the_image():
    labels = torch.tensor([[[0, 255], [3, 7]]])
    doubled = resize_labels(labels, (4, 4))
    assert doubled.dtype == labels.dtype
    assert doubled[0].tolist() == [[0, 0, 255, 255]] * 2 + [[3, 3, 7, 7]] * 2


def test_leading_axes_are_free():
    assert resize(torch.zeros(2, 5, 3, 8, 8), (4, 6)).shape == (2, 5, 3, 4, 6)
    assert resize_motion(torch.zeros(2, 8, 8), (4, 6)).shape == (2, 4, 6)
