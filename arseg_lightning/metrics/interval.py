"""How far chance may carry a difference in mean IoU: intervals from blocks of frames."""

from __future__ import annotations

import torch
from torch import Tensor

from arseg_lightning.metrics.confusion import mean_iou

__all__ = ["change_interval"]

_DRAWS = 1000
_AT_ONCE = 2**22  # numbers


def change_interval(own: Tensor, reference: Tensor) -> tuple[float, float]:
    """Find the 95 % interval of a change in mean IoU over distances.

    Blocks are drawn with replacement, the same ones for both systems. It says what other frames
    of such videos would change, and nothing of another training.

    Args:
        own: Pixels of a system by block of frames, distance, true and predicted class.
        reference: Those of the system that it is compared with, on the same blocks.

    Returns:
        Least and greatest change; NaN if there are fewer than two blocks.

    Source: the block bootstrap; Künsch, The Jackknife and the Bootstrap for General Stationary
        Observations, Annals of Statistics 1989. Neighbouring frames are alike, and are no draws
        of their own.

    Shapes:
        own: (N, L, K, K)   reference: (N, L', K, K)
    """
    number = len(own)
    if number < 2:
        return float("nan"), float("nan")
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randint(number, (_DRAWS, number), generator=generator)
    times = torch.zeros(_DRAWS, number, dtype=torch.float64)  # how often a block is in a draw
    times.scatter_add_(1, chosen, torch.ones_like(chosen, dtype=torch.float64))
    changes = _means(own, times) - _means(reference, times)
    low, high = torch.quantile(changes, torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def _means(blocks: Tensor, times: Tensor) -> Tensor:
    """Mean IoU over distances of each draw: (N, L, K, K), (draws, N) -> (draws,)."""
    pixels = blocks.flatten(1).double()  # (N, L * K * K)
    # Few at once: of many classes, a draw is large.
    parts = torch.split(times, max(1, _AT_ONCE // pixels.shape[1]))
    drawn = ((part @ pixels).view(-1, *blocks.shape[1:]) for part in parts)
    return torch.cat([torch.nanmean(mean_iou(each), dim=-1) for each in drawn])
