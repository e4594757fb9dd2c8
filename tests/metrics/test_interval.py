"""Intervals of differences in mean IoU."""

from __future__ import annotations

import math

import torch

from arseg_lightning.metrics import change_interval, mean_iou


def blocks(accuracy, number=12, seed=0):
    """Random labels of two classes, of which a share is right, (N, 3, 2, 2)."""
    generator = torch.Generator().manual_seed(seed)
    shares = (accuracy + 0.1 * torch.randn(number, 3, generator=generator)).clamp(0, 1)
    hits, misses = (1000 * shares).round().long(), (1000 * (1 - shares)).round().long()
    return torch.stack([hits, misses, misses, hits], dim=-1).view(number, 3, 2, 2)


def test_a_system_does_not_differ_from_itself():
    assert change_interval([blocks(0.7)], [blocks(0.7)]) == (0, 0)


def test_a_clear_difference_is_no_chance_and_lies_within():
    own, reference = blocks(0.9, seed=1), blocks(0.6)
    low, high = change_interval([own], [reference])
    middle = mean_iou(own.sum(0)).mean() - mean_iou(reference.sum(0)).mean()
    assert 0 < low < float(middle) < high


def test_what_differs_by_chance_may_be_either():
    low, high = change_interval([blocks(0.7, seed=1)], [blocks(0.7)])
    assert low < 0 < high


def test_distances_that_are_missing_are_left_out():
    more = torch.cat([blocks(0.7), torch.zeros(12, 5, 2, 2, dtype=torch.int64)], dim=1)
    assert change_interval([more], [blocks(0.7)]) == (0, 0)


def test_trainings_that_differ_widen_it():
    own = [blocks(0.75, seed=1), blocks(0.65, seed=2)]
    low, high = change_interval(own, 2 * [blocks(0.7)])
    single = [change_interval([each], [blocks(0.7)]) for each in own]
    assert high - low > max(top - bottom for bottom, top in single)


def test_the_same_training_twice_says_no_more_than_once():
    once = change_interval([blocks(0.8, seed=1)], [blocks(0.7)])
    assert change_interval(2 * [blocks(0.8, seed=1)], 2 * [blocks(0.7)]) == once


def test_trainings_are_compared_pair_by_pair():
    """Each is its own reference: whichever is drawn, nothing differs."""
    both = [blocks(0.75, seed=1), blocks(0.65, seed=2)]
    assert change_interval(both, both) == (0, 0)


def test_one_block_says_nothing_of_chance():
    assert all(map(math.isnan, change_interval([blocks(0.7, 1)], [blocks(0.7, 1)])))
