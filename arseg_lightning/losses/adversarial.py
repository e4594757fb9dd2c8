"""Adversarial losses of video: two discriminators that tell a source's scores from a target's."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

__all__ = ["Discriminator", "VideoDiscriminators"]

_SOURCE, _TARGET = 0.0, 1.0


class Discriminator(nn.Sequential):
    """Tells from class distributions of two frames which data set they are of.

    Five convolutions of 4x4 with stride 2.

    Source: Guan et al., Domain Adaptive Video Segmentation via Temporal Consistency
        Regularization (DA-VSN), ICCV 2021; the published code.
    """

    def __init__(self, num_classes: int, channels: int = 64) -> None:
        sizes = [2 * num_classes, channels, 2 * channels, 4 * channels, 8 * channels]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Conv2d(sizes[-1], 1, 4, stride=2, padding=1))


class VideoDiscriminators(nn.Module):
    """A discriminator of a frame and the one before it, and one of the frame alone.

    Shapes:
        scores: a pair of logits (B, K, H, W), of the earlier and the later frame

    Source: Guan et al., DA-VSN, ICCV 2021, section 3; details of the published code.
    """

    def __init__(self, num_classes: int, channels: int = 64) -> None:
        super().__init__()
        self.temporal = Discriminator(num_classes, channels)
        self.spatial = Discriminator(num_classes, channels)

    def fooling(self, earlier: Tensor, later: Tensor) -> Tensor:
        """What is left to learn until target scores pass for those of the source.

        The discriminators get no gradient.
        """
        temporal, spatial = self._seen(earlier, later, learns=False)
        return _error(temporal, _SOURCE) + _error(spatial, _SOURCE)

    def telling_apart(self, source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
        """The discriminators' own loss; the scores get no gradient."""
        pairs = ((source, _SOURCE), (target, _TARGET))
        errors = [
            _error(seen, domain) / 2
            for (earlier, later), domain in pairs
            for seen in self._seen(earlier.detach(), later.detach(), learns=True)
        ]
        return torch.stack(errors).sum()

    def likeness(self) -> Tensor:
        """Mean cosine of the two discriminators' parameters, plus 1: they should not look alike."""
        pairs = zip(self.temporal.parameters(), self.spatial.parameters(), strict=True)
        cosines = [F.cosine_similarity(a.flatten(), b.flatten(), dim=0) for a, b in pairs]
        return torch.stack(cosines).mean() + 1

    def _seen(self, earlier: Tensor, later: Tensor, learns: bool) -> tuple[Tensor, Tensor]:
        """What each says of a pair: higher for the target."""

        def say(network: nn.Module, *frames: Tensor) -> Tensor:
            shares = torch.cat(frames, dim=1).float().softmax(dim=1)  # (B, 2K, H, W)
            parameters = {
                name: each if learns else each.detach() for name, each in network.named_parameters()
            }
            answer: Tensor = functional_call(network, parameters, (shares,))
            return answer

        return say(self.temporal, later, earlier), say(self.spatial, later, later)


def _error(answer: Tensor, domain: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(answer, torch.full_like(answer, domain))
