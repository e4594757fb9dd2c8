"""Local attention: every pixel attends to the k x k window around it."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

__all__ = ["WindowAttention", "window_attention"]


def window_attention(
    query: Tensor, key: Tensor, value: Tensor, window: int, zero_padding: bool = True
) -> Tensor:
    """Attend from every pixel to its k x k neighbourhood, single head, without scaling."""
    batch, channels, height, width = query.shape
    keys = F.unfold(key, window, padding=window // 2).view(batch, channels, window**2, -1)
    values = F.unfold(value, window, padding=window // 2).view_as(keys)
    logits = (query.flatten(2)[:, :, None] * keys).sum(1)
    if not zero_padding:
        inside = F.unfold(key.new_ones(1, 1, height, width), window, padding=window // 2)
        logits = logits.masked_fill(inside == 0, float("-inf"))
    return (values * logits.softmax(1)[:, None]).sum(2).view_as(query)


class WindowAttention(nn.Module):
    """Window attention as a module without parameters, so that its cost can be counted.

    Args:
        window: Side k of the odd window.
        zero_padding: Whether neighbours outside the image take part with logit 0 and value 0.

    Shapes:
        query, key, value: (B, C, H, W)   returns: (B, C, H, W)

    Raises:
        ValueError: If ``window`` is not odd and positive.
    """

    def __init__(self, window: int = 7, zero_padding: bool = True) -> None:
        """Check the window."""
        super().__init__()
        if window < 1 or window % 2 == 0:
            raise ValueError(f"the window has a centre, so its side is odd; got window={window}")
        self.window = window
        self.zero_padding = zero_padding

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend."""
        return window_attention(query, key, value, self.window, self.zero_padding)

    def macs(self, output: Tensor) -> int:
        """Multiply-accumulates of one call, from its output: two products of k * k per element."""
        return 2 * self.window**2 * output.numel()

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"window={self.window}, zero_padding={self.zero_padding}"
