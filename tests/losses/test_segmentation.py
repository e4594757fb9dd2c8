"""Segmentation losses against their definitions."""

import math

import pytest
import torch
from torch.nn import functional as F

from arseg_lightning.losses import (
    CrossEntropy,
    IoULoss,
    LovaszSoftmax,
    OnlineHardExampleMining,
)
from arseg_lightning.models.segmentor import Output, SideOutputs


def output_of(logits, dense=(), presence=None):
    return Output(logits, align_corners=True, side=SideOutputs(dense, presence))


def two_pixels(*probabilities):
    """Logits of one image whose pixels give class 0 these probabilities."""
    chance = torch.tensor(probabilities)
    return torch.stack([chance.log(), (1 - chance).log()])[None, :, None, :]


def test_cross_entropy_is_the_mean_over_labelled_pixels():
    logits = two_pixels(0.5, 0.25, 0.9)
    label = torch.tensor([[[0, 0, 255]]])
    expected = -(math.log(0.5) + math.log(0.25)) / 2
    assert float(CrossEntropy()(output_of(logits), label)) == pytest.approx(expected)


def test_hard_pixels_alone_count():
    logits = two_pixels(0.99, 0.98, 0.3, 0.5)
    label = torch.zeros(1, 1, 4, dtype=torch.int64)
    expected = -(math.log(0.3) + math.log(0.5)) / 2
    loss = OnlineHardExampleMining(threshold=0.7)
    assert float(loss(output_of(logits), label)) == pytest.approx(expected)


def test_at_least_a_share_of_the_pixels_counts():
    logits = two_pixels(0.99, 0.98, 0.97, 0.96)
    label = torch.zeros(1, 1, 4, dtype=torch.int64)
    loss = OnlineHardExampleMining(threshold=0.7, min_kept_share=0.5)
    expected = -(math.log(0.96) + math.log(0.97)) / 2
    assert float(loss(output_of(logits), label)) == pytest.approx(expected)


def test_auxiliary_scores_are_resized_and_weighted():
    logits = torch.randn(1, 2, 4, 4)
    label = torch.randint(0, 2, (1, 4, 4))
    plain = float(CrossEntropy()(output_of(logits), label))
    small = logits[..., ::3, ::3]
    resized = F.interpolate(small, size=(4, 4), mode="bilinear", align_corners=True)
    aux = float(F.cross_entropy(resized, label))
    both = float(CrossEntropy(auxiliary_weight=0.4)(output_of(logits, dense=(small,)), label))
    assert both == pytest.approx(plain + 0.4 * aux, rel=1e-5)


def test_presence_is_asked_of_the_classes_in_the_image():
    logits, label = torch.zeros(1, 3, 1, 2), torch.tensor([[[2, 255]]])
    sure = torch.tensor([[-50.0, -50.0, 50.0]])
    wrong = torch.tensor([[50.0, -50.0, 50.0]])
    loss = CrossEntropy()
    plain = float(loss(output_of(logits), label))
    assert float(loss(output_of(logits, presence=sure), label)) == pytest.approx(plain)
    assert float(loss(output_of(logits, presence=wrong), label)) > plain + 10


@pytest.mark.parametrize(
    "loss",
    [
        *(CrossEntropy(), OnlineHardExampleMining()),
        *(IoULoss(), IoULoss("complement"), LovaszSoftmax()),
    ],
)
def test_a_batch_without_labels_gives_zero_and_finite_gradients(loss):
    logits = torch.randn(1, 2, 2, 2, requires_grad=True)
    value = loss(output_of(logits), torch.full((1, 2, 2), 255))
    value.backward()
    assert float(value.detach()) == 0.0
    assert not logits.grad.any()


def test_shares_are_shares():
    with pytest.raises(ValueError, match=r"threshold lies in \[0, 1\], got 1.5"):
        OnlineHardExampleMining(threshold=1.5)
