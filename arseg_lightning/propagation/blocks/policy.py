"""BlockCopy's policy: a small network that gives each block a probability, and the draw."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from arseg_lightning.accelerator import without_autocast
from arseg_lightning.models.blocks import ConvBNReLU
from arseg_lightning.models.resnet import BasicBlock

__all__ = ["PolicyNetwork", "observed", "reduced", "rotating_blocks", "rounded_up"]
__all__ += ["sample_blocks"]

_STRIDE = 32
"""Pixels of the policy's input for each block, per axis."""
_STEPS = 16
"""Counts of executed blocks are rounded up to this many different ones."""


class PolicyNetwork(nn.Module):
    """A ResNet-8 and three convolutions that give a logit for each block.

    It sees the frame, the frame whose pixels are those of when each block was last executed, the
    scores of the frame before and its executed blocks. Norms use the statistics of the frame at
    hand, in training and at test time, and keep none.

    Args:
        num_classes: Number of classes K.
        width: Channels of its first stage.

    Shapes:
        x: (B, 7 + K, 32 rows, 32 columns)   returns: (B, 1, rows, columns)

    Source: Verelst and Tuytelaars, BlockCopy, ICCV 2021, section 3.2; details of the published
        code. Differs: its layer without use is left out.
    """

    def __init__(self, num_classes: int, width: int = 32) -> None:
        super().__init__()
        deep = 4 * width
        self.stem = ConvBNReLU(7 + num_classes, width)
        self.blocks = nn.Sequential(
            BasicBlock(width, width),
            BasicBlock(width, 2 * width, stride=2),
            BasicBlock(2 * width, deep, stride=2),
        )
        self.head = nn.Sequential(
            ConvBNReLU(deep, deep, stride=2),
            ConvBNReLU(deep, deep, stride=2),
            nn.Conv2d(deep, 1, 3, stride=2, padding=1),
        )
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.track_running_stats = False
                module.running_mean = module.running_var = module.num_batches_tracked = None

    def forward(self, x: Tensor) -> Tensor:
        """Score the blocks."""
        logits: Tensor = self.head(self.blocks(self.stem(x)))
        return logits

    def logits(self, weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Score the blocks by other weights, each frame by itself: norms see one at a time."""
        with without_autocast(x.device):
            alone = torch.split(x, 1)
            return torch.cat([functional_call(self, dict(weights), (one,)) for one in alone])


def observed(image: Tensor, last_seen: Tensor, scores: Tensor, executed: Tensor) -> Tensor:
    """Put together what the policy sees, (B, 7 + K, h, w).

    Args:
        image: The frame, (B, 3, h, w) (:func:`reduced`).
        last_seen: The pixels of when each block was last executed, the same.
        scores: Of the frame before, (B, K, any, any).
        executed: Blocks of the frame before, bool (B, 1, rows, columns).
    """
    size = (image.shape[-2], image.shape[-1])
    others = (F.interpolate(x.float(), size, mode="nearest") - 0.5 for x in (scores, executed))
    return torch.cat([image, last_seen, *others], dim=1)


def reduced(x: Tensor, grid: tuple[int, int]) -> Tensor:
    """Take the pixels that the policy sees of an image, or spread a mask of blocks to them."""
    size = _STRIDE * grid[0], _STRIDE * grid[1]
    return F.interpolate(x.float(), size, mode="nearest")


def rotating_blocks(like: Tensor, index: int, share: float) -> Tensor:
    """Blocks that take turns, so that each runs on a share of the frames: bool, as ``like``."""
    rows, columns = (torch.arange(n, device=like.device) for n in like.shape[-2:])
    turn = rows[:, None] + columns + index
    due = torch.floor((turn + 1) * share) > torch.floor(turn * share)
    return due.expand(like.shape)


def rounded_up(count: int, blocks: int) -> int:
    """Round a number of executed blocks up, so that batches have few different sizes.

    Differs: below 16 blocks, where the published code divides by zero, nothing is rounded.
    """
    step = max(1, blocks // _STEPS)
    return min(blocks, step * (1 + (count - 1) // step)) if count else 0


def sample_blocks(
    probabilities: Tensor, generator: torch.Generator | None = None, rounds: bool = True
) -> Tensor:
    """Draw the blocks that are executed, independently; the rounding takes others at random.

    Args:
        probabilities: Of each block, (B, 1, rows, columns).
        generator: Random numbers, on the CPU; PyTorch's own by default.
        rounds: Whether counts are rounded up (:func:`rounded_up`).

    Returns:
        Bool, (B, 1, rows, columns).
    """
    on_cpu = probabilities.detach().float().cpu()
    drawn = torch.rand(on_cpu.shape, generator=generator) < on_cpu
    for flat in drawn.flatten(1) if rounds else ():
        missing = rounded_up(int(flat.sum()), flat.numel()) - int(flat.sum())
        left = (~flat).nonzero()[:, 0]
        flat[left[torch.randperm(len(left), generator=generator)[:missing]]] = True
    return drawn.to(probabilities.device)
