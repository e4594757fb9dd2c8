"""FST: segmentation plus the distance to the high-res feature."""

import math

import pytest
import torch
from torch import nn

from arseg_lightning.losses import FST, CrossEntropy
from arseg_lightning.models.segmentor import Output


def student(feature):
    return Output(torch.zeros(1, 2, 4, 4), align_corners=True, feature=feature)


LABEL = torch.zeros(1, 4, 4, dtype=torch.int64)
CLASSIFIER = nn.Conv2d(3, 2, 1).requires_grad_(False)


def test_the_distance_is_a_mean_over_all_elements():
    teacher = torch.zeros(1, 3, 4, 4)
    losses = FST(CrossEntropy())(student(torch.full((1, 3, 4, 4), 2.0)), teacher, LABEL, CLASSIFIER)
    assert float(losses["similarity"]) == pytest.approx(4.0)
    assert float(sum(losses.values())) == pytest.approx(float(losses["segmentation"]) + 4.0)


def test_a_low_res_feature_is_compared_at_the_teachers_size():
    losses = FST(CrossEntropy())(
        student(torch.ones(1, 3, 2, 2)), torch.ones(1, 3, 4, 4), LABEL, CLASSIFIER
    )
    assert float(losses["similarity"]) == pytest.approx(0.0)


def test_the_teacher_gets_no_gradient():
    feature = torch.randn(1, 3, 4, 4, requires_grad=True)
    teacher = torch.randn(1, 3, 4, 4, requires_grad=True)
    losses = FST(CrossEntropy())(student(feature), teacher, LABEL, CLASSIFIER)
    sum(losses.values()).backward()
    assert teacher.grad is None
    assert feature.grad.abs().sum() > 0


def test_weight_zero_leaves_the_segmentation_loss():
    losses = FST(CrossEntropy(), similarity_weight=0.0)(
        student(torch.ones(1, 3, 4, 4)), torch.zeros(1, 3, 4, 4), LABEL, CLASSIFIER
    )
    assert float(sum(losses.values())) == float(losses["segmentation"])


def test_kl_compares_class_distributions_from_the_teachers_side():
    classifier = nn.Conv2d(1, 2, 1, bias=False).requires_grad_(False)
    with torch.no_grad():
        classifier.weight.copy_(torch.tensor([1.0, 0.0])[:, None, None, None])
    teacher = torch.full((1, 1, 4, 4), math.log(3.0))  # probabilities 3/4 and 1/4
    flat = student(torch.zeros(1, 1, 2, 2))
    losses = FST(CrossEntropy(), similarity="kl")(flat, teacher, LABEL, classifier)
    expected = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert float(losses["similarity"]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("similarity", ["mse", "kl"])
def test_a_student_like_its_teacher_is_at_no_distance(similarity):
    feature = torch.randn(1, 3, 4, 4)
    losses = FST(CrossEntropy(), similarity=similarity)(
        student(feature), feature.clone(), LABEL, CLASSIFIER
    )
    assert float(losses["similarity"]) == pytest.approx(0.0, abs=1e-6)
