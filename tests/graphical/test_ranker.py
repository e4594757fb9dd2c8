"""What the ranker knows of a proposal, and that it can learn which is best."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from arseg_lightning.graphical import ProposalRanker
from arseg_lightning.graphical.ranker import proposal_features


def test_features_are_the_expected_confusion_its_iou_and_the_energy():
    scores = torch.tensor([[[[4.0, 0.0]], [[0.0, 0.0]]]])  # (1, 2, 1, 2)
    chance = torch.sigmoid(torch.tensor([4.0, 0.0]))  # of class 0, in both pixels
    proposals = torch.tensor([[[[0, 1]], [[1, 1]]]])  # (1, 2, 1, 2)
    features = proposal_features(scores, proposals, torch.tensor([[3.0, 5.0]]))[0]
    confusion = torch.tensor([[chance[0], 1 - chance[0]], [chance[1], 1 - chance[1]]]) / 2
    hits, union = confusion[0, 0], confusion[0].sum() + confusion[:, 0].sum() - confusion[0, 0]
    torch.testing.assert_close(features[0, :4], confusion.flatten())
    torch.testing.assert_close(features[0, 4], hits / union)
    torch.testing.assert_close(features[:, -1], torch.tensor([0.0, 2.0 / 2]))
    assert features[1, 4] == 0  # it has no pixel of class 0


def test_proposals_may_be_larger_than_the_scores():
    scores, small = torch.randn(2, 3, 4, 6), torch.randint(0, 3, (2, 5, 4, 6))
    large = small.repeat_interleave(4, -1).repeat_interleave(4, -2)
    energies = torch.randn(2, 5)
    features = proposal_features(scores, small, energies)
    others = proposal_features(scores, large, 16 * energies)
    torch.testing.assert_close(others, features)


def test_equal_proposals_have_equal_ranks():
    ranker = ProposalRanker(3).eval()
    proposals = torch.randint(0, 3, (1, 1, 4, 6)).expand(1, 4, 4, 6)
    ranks = ranker(torch.randn(1, 3, 4, 6), proposals, torch.ones(1, 4))
    torch.testing.assert_close(ranks, ranks[:, :1].expand(1, 4))


def test_it_learns_to_prefer_a_class():
    torch.manual_seed(0)
    ranker = ProposalRanker(3)
    scores, proposals = torch.randn(8, 3, 6, 8), torch.randint(0, 3, (8, 5, 6, 8))
    best = (proposals == 2).sum((-1, -2)).argmax(1)  # that with most of class 2
    optimiser = torch.optim.Adam(ranker.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        F.cross_entropy(ranker(scores, proposals, torch.zeros(8, 5)), best).backward()
        optimiser.step()
    ranks = ranker.eval()(scores, proposals, torch.zeros(8, 5))
    assert (ranks.argmax(1) == best).float().mean() > 0.8
