"""How training takes the attention masks of a network's queries away."""

from __future__ import annotations

from arseg_lightning.ranges import check_above, check_range

__all__ = ["MaskAnnealing"]


class MaskAnnealing:
    """Blocks stop masking the attention of queries one after another, each in a span of training.

    Before its span, a block masks all queries; within, each with a probability that falls from 1 to
    0; after it, none. Spans begin evenly spaced, that of the first block first. All are parts of
    the training: 0 is its first step, 1 its end.

    Args:
        first: Where the span of the first block begins.
        last: Where that of the last block begins.
        span: Length of each.
        power: Of the polynomial by which the probability falls; 1 is a line.

    Raises:
        ValueError: If a number makes no sense, or the last span ends after the training.

    Source: Kerssies et al., Your ViT is Secretly an Image Segmentation Model, CVPR 2025, section
        3.3. The defaults are the steps of its published configurations for ADE20K (4 blocks) and
        Cityscapes (3 blocks), as parts of their trainings.
    """

    def __init__(
        self, first: float = 1 / 6, last: float = 2 / 3, span: float = 1 / 6, power: float = 0.9
    ) -> None:
        check_range(0, 1, first=first, last=last)
        check_above(0, span=span, power=power)
        if not first <= last <= last + span <= 1 + 1e-9:
            raise ValueError(
                f"the masks of the first block go from {first:g} of the training on and those of "
                f"the last from {last:g} to {last + span:g}; take first <= last <= 1 - span"
            )
        self.first, self.last, self.span, self.power = first, last, span, power

    def probabilities(self, progress: float, blocks: int) -> list[float]:
        """How likely each block masks the attention of a query, when a part of training is done."""
        between = (self.last - self.first) / max(1, blocks - 1)
        done = ((progress - self.first - i * between) / self.span for i in range(blocks))
        return [(1 - min(1.0, max(0.0, each))) ** self.power for each in done]
