"""Accuracy over the distance to the keyframe."""

import math

import pytest
import torch

from arseg_lightning.metrics import DistanceAccuracy


def test_every_distance_has_its_own_matrix():
    metric = DistanceAccuracy(num_classes=2, keyframe_interval=3)
    label = torch.tensor([[[0, 1], [0, 1]]])
    metric.update(label, label, distance=0)
    metric.update(1 - label, label, distance=2)
    accuracy = metric.accuracy()
    assert accuracy.miou_at_distance[0] == 1.0
    assert math.isnan(accuracy.miou_at_distance[1])
    assert accuracy.miou_at_distance[2] == 0.0
    assert accuracy.frames_at_distance == (1, 0, 1)


def test_mean_minimum_and_pooled_differ_as_defined():
    metric = DistanceAccuracy(num_classes=2, keyframe_interval=2)
    right = torch.tensor([[[0, 1, 1, 1]]])
    metric.update(right, right, distance=0)
    metric.update(torch.zeros_like(right), right, distance=1)
    accuracy = metric.accuracy()
    at_one = (1 / 4 + 0) / 2
    assert accuracy.miou_mean == pytest.approx((1 + at_one) / 2)
    assert accuracy.miou_min == pytest.approx(at_one)
    assert accuracy.miou_pooled == pytest.approx((2 / 5 + 3 / 6) / 2)


def test_a_frame_without_a_label_counts_nothing():
    metric = DistanceAccuracy(num_classes=2, keyframe_interval=1)
    blank = torch.full((1, 2, 2), 255)
    metric.update(torch.zeros_like(blank), blank, distance=0)
    assert metric.accuracy().frames_at_distance == (0,)
    assert math.isnan(metric.accuracy().miou_mean)


def test_a_distance_beyond_the_interval_is_refused():
    metric = DistanceAccuracy(num_classes=2, keyframe_interval=2)
    with pytest.raises(ValueError, match="distance 2 does not fit a keyframe interval of 2"):
        metric.update(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1), distance=2)


def test_late_distances_count_and_are_there_only_where_they_occur():
    metric = DistanceAccuracy(2, 3, num_late=4)
    label = torch.tensor([[[0, 1]]])
    metric.update(label, label, 2)
    assert len(metric.accuracy().miou_at_distance) == 3
    metric.update(1 - label, label, 4)
    assert metric.accuracy().frames_at_distance == (0, 0, 1, 0, 1)
    assert metric.accuracy().miou_pooled == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="distance 7 does not fit"):
        metric.update(label, label, 7)
