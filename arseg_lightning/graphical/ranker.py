"""A small network that says which of several proposals of one image is the best."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["ProposalRanker", "proposal_features"]


class ProposalRanker(nn.Module):
    """Ranks proposals by how the network's scores would judge each of them, class by class.

    Args:
        num_classes: Number of classes K.
        width: Units of its hidden layer.

    Shapes:
        scores: (B, K, h, w)   proposals: (B, M, H, W)   energies: (B, M)
        returns: (B, M), greater is better
    """

    def __init__(self, num_classes: int, width: int = 32) -> None:
        super().__init__()
        features = num_classes * (num_classes + 1) + 1
        # Proposals of one image hardly differ: what differs is brought to one scale.
        self.scale = nn.BatchNorm1d(features)
        self.layers = nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, scores: Tensor, proposals: Tensor, energies: Tensor) -> Tensor:
        """Rank the proposals of each image."""
        features = proposal_features(scores, proposals, energies)  # (B, M, F)
        # Only differences matter to a rank; the first proposal is the one of least energy.
        differences = (features - features[:, :1]).to(self.scale.weight.dtype)
        ranks: Tensor = self.layers(self.scale(differences.flatten(0, 1)))  # (B * M, 1)
        return ranks.view(energies.shape).float()


def proposal_features(scores: Tensor, proposals: Tensor, energies: Tensor) -> Tensor:
    """What is known of each proposal without a label.

    Returns:
        (B, M, K (K + 1) + 1): the confusion matrix that is expected if pixels had the classes that
        the scores say, in shares of the image; each class's expected intersection over union; and
        the energy beyond the first proposal's, by pixel.
    """
    size = (scores.shape[-2], scores.shape[-1])
    probability = scores.float().softmax(dim=1).flatten(2)  # (B, K, P)
    classes = torch.arange(scores.shape[1], device=scores.device).view(-1, 1, 1)
    # Shares of each class in the cells of the scores' grid: one proposal after the other, since
    # masks of all of them at full size are large.
    shares = [
        nn.functional.adaptive_avg_pool2d((each[:, None] == classes).float(), size).flatten(2)
        for each in proposals.unbind(dim=1)
    ]
    given = torch.stack(shares, dim=1)  # (B, M, K, P)
    confusion = given @ probability.transpose(1, 2)[:, None] / probability.shape[-1]  # (B, M, K, K)
    hits = confusion.diagonal(dim1=-2, dim2=-1)  # (B, M, K)
    union = confusion.sum(-1) + confusion.sum(-2) - hits
    iou = hits / union.clamp(min=1e-6)
    pixels = proposals.shape[-2] * proposals.shape[-1]
    energy = (energies - energies[:, :1])[..., None] / pixels  # (B, M, 1)
    return torch.cat([confusion.flatten(2), iou, energy], dim=-1)
