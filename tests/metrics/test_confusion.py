"""Intersection over union from one confusion matrix."""

import math

import pytest
import torch

from arseg_lightning.metrics import confusion_matrix, iou_per_class, mean_iou


def test_rows_are_true_and_columns_predicted():
    label = torch.tensor([0, 0, 1, 255])
    prediction = torch.tensor([0, 1, 1, 0])
    assert confusion_matrix(prediction, label, 2).tolist() == [[1, 1], [0, 1]]


def test_iou_of_a_known_matrix():
    confusion = torch.tensor([[3, 1], [2, 4]])
    assert iou_per_class(confusion).tolist() == pytest.approx([3 / 6, 4 / 7])


def test_a_class_that_is_nowhere_is_left_out_of_the_mean():
    confusion = torch.tensor([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
    assert math.isnan(iou_per_class(confusion)[2])
    assert float(mean_iou(confusion)) == pytest.approx((3 / 6 + 4 / 7) / 2)


def test_a_class_that_is_only_predicted_counts_as_zero():
    confusion = torch.tensor([[3, 1], [0, 0]])
    assert iou_per_class(confusion)[1] == 0


def test_a_label_beyond_the_classes_is_refused():
    with pytest.raises(ValueError, match=r"holds class 7, but there are 3 classes \(0 to 2\)"):
        confusion_matrix(torch.tensor([0]), torch.tensor([7]), 3)
