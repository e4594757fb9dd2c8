"""Losses of overlap against brute force, and against each other."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
import torch

from arseg_lightning.losses import CrossEntropy, IoULoss, LovaszSoftmax
from arseg_lightning.metrics import confusion_matrix, mean_iou
from arseg_lightning.models.segmentor import Output, SideOutputs

LOSSES = [IoULoss(), IoULoss("complement"), LovaszSoftmax()]


def output_of(logits, dense=()):
    return Output(logits, align_corners=True, side=SideOutputs(dense))


def certain(labels, classes):
    """Logits of predictions without doubt, (B, H, W) -> (B, K, H, W)."""
    return 200.0 * torch.nn.functional.one_hot(labels, classes).movedim(-1, 1).float()


def batch(seed=0, classes=3):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(2, classes, 4, 5, generator=generator)
    label = torch.randint(0, classes, (2, 4, 5), generator=generator)
    label[0, 0] = 255
    return logits, label


@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_iou_loss_is_what_adding_up_pixels_gives(smooth):
    logits, label = batch()
    probability, inverse, complement = logits.softmax(1), [], []
    for k in range(3):
        hits = union = smooth
        for b, y, x in product(range(2), range(4), range(5)):
            if label[b, y, x] == 255:
                continue
            chance, true = float(probability[b, k, y, x]), float(label[b, y, x] == k)
            hits += chance * true
            union += chance + true - chance * true
        inverse.append(union / hits)
        complement.append(1 - hits / union)
    for surrogate, expected in (("inverse", inverse), ("complement", complement)):
        loss = IoULoss(surrogate, smooth=smooth)(output_of(logits), label)
        assert float(loss) == pytest.approx(sum(expected) / 3, rel=1e-5)


def test_it_counts_over_the_batch_and_not_by_image():
    label = torch.tensor([[[0, 1, 1, 1]], [[0, 0, 0, 1]]])
    said = torch.tensor([[[0, 1, 1, 0]], [[0, 0, 0, 0]]])
    iou = float(mean_iou(confusion_matrix(said, label, 2)))
    loss = IoULoss("complement", smooth=0)(output_of(certain(said, 2)), label)
    assert float(loss) == pytest.approx(1 - iou)


@pytest.mark.parametrize("truth", range(1, 31, 3))
def test_binary_lovasz_of_certain_predictions_is_one_minus_iou(truth):
    label = torch.tensor([[[(truth >> bit) & 1 for bit in range(5)]]])
    for said in range(32):
        guess = torch.tensor([[[(said >> bit) & 1 for bit in range(5)]]])
        ious = []
        for k in (0, 1):
            if not (label == k).any():
                continue
            both, either = (label == k) & (guess == k), (label == k) | (guess == k)
            ious.append(float(both.sum() / either.sum()))
        output = output_of(certain(guess, 2))
        expected = 1 - sum(ious) / len(ious)
        assert float(LovaszSoftmax()(output, label)) == pytest.approx(expected, abs=1e-6)
        complement = IoULoss("complement", smooth=0)(output, label)
        assert float(complement) == pytest.approx(expected, abs=1e-6)


def test_lovasz_is_the_mean_of_jaccard_losses_over_thresholds():
    """The extension's other definition: errors above a threshold that is drawn from [0, 1]."""
    logits, label = batch()
    logits, label = logits.double(), label
    valid = label != 255
    losses = []
    for k in range(3):
        true = (label[valid] == k).double()
        errors = (true - logits.softmax(1)[:, k][valid]).abs()
        steps = torch.cat([torch.zeros(1, dtype=torch.double), errors.sort().values])
        total = 0.0
        for low, high in pairwise(steps):
            wrong = errors > low
            hits = (true.bool() & ~wrong).sum()
            total += float((high - low) * (1 - hits / (true.bool() | wrong).sum()))
        losses.append(total)
    loss = LovaszSoftmax()(output_of(logits), label)
    assert float(loss) == pytest.approx(sum(losses) / 3, rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_truth_has_the_least_loss(loss):
    _, label = batch()
    logits = certain(label.clamp(max=2), 3)
    least = 1.0 if getattr(loss, "surrogate", "") == "inverse" else 0.0
    assert float(loss(output_of(logits), label)) == pytest.approx(least, abs=1e-6)
    assert float(loss(output_of(batch()[0]), label)) > least + 0.1


@pytest.mark.parametrize("loss", LOSSES)
def test_descending_raises_the_iou(loss):
    logits, label = batch()
    logits.requires_grad_()
    before = float(mean_iou(confusion_matrix(logits.argmax(1), label, 3)))
    optimiser = torch.optim.Adam([logits], lr=0.1)
    for _ in range(100):
        optimiser.zero_grad()
        loss(output_of(logits), label).backward()
        optimiser.step()
    after = float(mean_iou(confusion_matrix(logits.argmax(1), label, 3)))
    assert after > max(0.95, before)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_class_that_the_batch_does_not_show_has_no_part(loss):
    logits, label = batch()
    label[label == 2] = 1
    wider = torch.cat([logits, torch.full_like(logits[:, :1], -200.0)], dim=1)
    assert float(loss(output_of(wider), label)) == pytest.approx(
        float(loss(output_of(logits), label)), rel=1e-5
    )


def test_a_class_that_is_not_found_at_all_has_a_finite_loss():
    label = torch.tensor([[[0, 1, 1]]])
    assert float(IoULoss()(output_of(certain(torch.zeros_like(label), 2)), label)) == pytest.approx(
        ((3 + 1) / (1 + 1) + (2 + 1) / (0 + 1)) / 2
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_auxiliary_scores_count_as_for_cross_entropy(loss):
    logits, label = batch()
    alone = float(loss(output_of(logits), label))
    both = float(loss(output_of(logits, dense=(logits[..., ::2, ::2],)), label))
    small = output_of(
        torch.nn.functional.interpolate(
            logits[..., ::2, ::2], size=(4, 5), mode="bilinear", align_corners=True
        )
    )
    assert loss.auxiliary_weight == CrossEntropy().auxiliary_weight
    assert both == pytest.approx(alone + 0.4 * float(loss(small, label)), rel=1e-5)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="smooth is at least 0, got -1"):
        IoULoss(smooth=-1)
    with pytest.raises(ValueError, match="surrogate is one of inverse, complement, got 'iou'"):
        IoULoss("iou")
