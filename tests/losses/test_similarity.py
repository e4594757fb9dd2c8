"""FST: segmentation plus the distance to the high-res feature."""

import pytest
import torch

from arseg_lightning.losses import FST, CrossEntropy
from arseg_lightning.models.segmentor import SegmentorOutput, SideOutputs


def student(feature):
    return SegmentorOutput(feature, torch.zeros(1, 2, 4, 4), SideOutputs())


LABEL = torch.zeros(1, 4, 4, dtype=torch.int64)


def test_the_distance_is_a_mean_over_all_elements():
    teacher = torch.zeros(1, 3, 4, 4)
    losses = FST(CrossEntropy())(student(torch.full((1, 3, 4, 4), 2.0)), teacher, LABEL)
    assert float(losses.similarity) == pytest.approx(4.0)
    assert float(losses.total) == pytest.approx(float(losses.segmentation) + 4.0)


def test_a_low_res_feature_is_compared_at_the_teachers_size():
    losses = FST(CrossEntropy())(student(torch.ones(1, 3, 2, 2)), torch.ones(1, 3, 4, 4), LABEL)
    assert float(losses.similarity) == pytest.approx(0.0)


def test_the_teacher_gets_no_gradient():
    feature = torch.randn(1, 3, 4, 4, requires_grad=True)
    teacher = torch.randn(1, 3, 4, 4, requires_grad=True)
    FST(CrossEntropy())(student(feature), teacher, LABEL).total.backward()
    assert teacher.grad is None
    assert feature.grad.abs().sum() > 0


def test_weight_zero_leaves_the_segmentation_loss():
    losses = FST(CrossEntropy(), similarity_weight=0.0)(
        student(torch.ones(1, 3, 4, 4)), torch.zeros(1, 3, 4, 4), LABEL
    )
    assert float(losses.total) == float(losses.segmentation)
