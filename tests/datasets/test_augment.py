"""Augmentation of clips: one draw for all frames, motion under the law, draws from the seed."""

from functools import partial

import numpy as np
import pytest
import torch

from arseg_lightning.datasets.augment import ClipAugment, RawClip, to_tensor
from arseg_lightning.datasets.normalisation import Normalisation
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


def shifted_clip(height=96, width=128):
    """A keyframe and the current frame, whose motion is SHIFT everywhere."""
    y, x = torch.meshgrid(torch.arange(height + 16.0), torch.arange(width + 16.0), indexing="ij")
    scene = 127 + 40 * (torch.sin(x / 9) + torch.cos(y / 7) + torch.sin((x + y) / 13))
    key = scene[8 : 8 + height, 8 : 8 + width]
    current = scene[4 : 4 + height, 14 : 14 + width]
    images = torch.stack([key, current])[:, None].expand(2, 3, height, width)
    motion = torch.zeros(2, 2, height, width)
    motion[1] = torch.tensor(SHIFT)[:, None, None]
    labels = (images[:, 0] > 127).long()
    return RawClip(images.contiguous(), labels, motion)


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.0, 1.7, 2.5])
@pytest.mark.parametrize("flipped", [0.0, 1.0])
@pytest.mark.parametrize("crop_size", [(64, 80), (96, 128), (120, 160)])
def test_a_shift_stays_right_under_every_augmentation(scale, flipped, crop_size):
    augment = ClipAugment(crop_size, (scale,), jitter=0, flip_probability=flipped)
    clip = augment.geometry(shifted_clip(), np.random.default_rng(3))
    assert clip.images.shape == (2, 3, *crop_size)
    warped = warp(clip.images[:1], clip.motion[1:])
    margin = 24
    inner = (..., slice(margin, -margin), slice(margin, -margin))
    assert (warped - clip.images[1:])[inner].abs().max() < 2.5


def test_labels_follow_their_images():
    augment = ClipAugment((64, 80), (1.5,), jitter=0)
    clip = augment.geometry(shifted_clip(), np.random.default_rng(0))
    agree = (clip.labels == (clip.images[:, 0] > 127)).float().mean()
    assert agree > 0.95


def test_the_draw_depends_on_the_generator_alone():
    augment = ClipAugment((64, 80))
    images = np.random.default_rng(0).integers(0, 255, (2, 96, 128, 3), dtype=np.uint8)
    first, again, other = (
        augment.colours(images, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_all_frames_of_a_clip_change_colour_alike():
    augment = ClipAugment((64, 80))
    image = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    changed = augment.colours(np.stack([image, image]), np.random.default_rng(1))
    assert np.array_equal(changed[0], changed[1])
    assert not np.array_equal(changed[0], image)


def test_without_jitter_colours_stay():
    images = np.zeros((1, 4, 4, 3), np.uint8)
    augment = ClipAugment(jitter=0)
    assert augment.colours(images, np.random.default_rng(0)) is images


def test_pixels_become_channels_first():
    pixels = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    tensor = to_tensor(pixels)
    assert tensor.shape == (2, 3, 3, 4)
    assert tensor[1, 2, 0, 1] == pixels[1, 0, 1, 2]


def test_scales_are_positive():
    with pytest.raises(ValueError, match=r"scales (is a finite number above 0|are at least one)"):
        ClipAugment(scales=())


@pytest.fixture
def pixels():
    """Two frames of noise, the hardest to resize, their classes and motion."""
    generator = np.random.default_rng(5)
    images = torch.from_numpy(generator.integers(0, 256, (2, 96, 128, 3), dtype=np.uint8))
    labels = torch.from_numpy(generator.integers(0, 11, (2, 96, 128), dtype=np.uint8))
    motion = torch.from_numpy(generator.normal(size=(2, 2, 96, 128)).astype(np.float32))
    return RawClip(images.permute(0, 3, 1, 2), labels, motion, labels > 3)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7, 2.5])
def test_images_in_uint8_are_within_a_grey_level_of_floats_and_the_rest_is_equal(pixels, scale):
    augment = ClipAugment((96, 128), (scale,), jitter=0)
    floats = RawClip(pixels.images.float(), pixels.labels.long(), pixels.motion, pixels.valid)
    of_floats, found = (augment.geometry(c, np.random.default_rng(1)) for c in (floats, pixels))
    assert found.images.dtype == found.labels.dtype == torch.uint8
    assert found.images.shape == (2, 3, 96, 128)
    error = (found.images.float() - of_floats.images).abs().max()
    assert error <= (1.05 if scale > 1 else 0)
    assert torch.equal(found.labels.long(), of_floats.labels)
    assert torch.equal(found.motion, of_floats.motion)
    assert torch.equal(found.valid, of_floats.valid)


def test_a_window_that_is_mirrored_is_that_of_the_mirrored_frame(pixels):
    mirrored = pixels.each(flip, flip, flip_motion)
    cuts = [ClipAugment((64, 80), (1.0,), jitter=0, flip_probability=often) for often in (1.0, 0.0)]
    draws = [np.random.default_rng(4) for _ in cuts]
    found, expected = (
        cut.geometry(clip, draw)
        for cut, clip, draw in zip(cuts, (pixels, mirrored), draws, strict=True)
    )
    for name in ("images", "labels", "motion", "valid"):
        assert torch.equal(getattr(found, name), getattr(expected, name))


def test_cutting_before_scaling_is_scaling_before_cutting_but_for_the_border(pixels):
    top, left, border = 11, 23, 1  # half a pixel of the window is one of the crop
    inner = (..., slice(border, -border), slice(border, -border))
    cut = partial(crop, top=top, left=left, height=48, width=64)
    cut_later = partial(crop, top=2 * top, left=2 * left, height=96, width=128)
    for part, change in (
        (pixels.images, resize),
        (pixels.images.float(), resize),
        (pixels.motion, resize_motion),
        (pixels.labels, resize_labels),
    ):
        before = change(cut(part), (96, 128)).float()
        after = cut_later(change(part, (192, 256))).float()
        difference = (before - after).abs()
        if change is resize_labels:
            assert difference.max() == 0
        else:
            assert difference[inner].max() <= 1e-4
            assert difference.max() > 0.1


def test_pixels_are_normalised_as_floats_are_and_stay_what_they_were(pixels):
    normalise, before = Normalisation(), pixels.images.clone()
    floats = pixels.images.float()
    mean, std = (torch.tensor(each)[:, None, None] for each in (normalise.mean, normalise.std))
    expected = (floats / 255.0 - mean) / std
    assert torch.equal(normalise(pixels.images), expected)
    assert torch.equal(normalise(floats), expected)
    assert torch.equal(pixels.images, before)
    assert torch.equal(floats, before.float())
