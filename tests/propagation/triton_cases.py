"""Cases for the Triton kernels, and their results under Triton's interpreter when run as a program.

Triton decides when it is imported whether its interpreter runs the kernels, so that a process of
its own has to do it: TRITON_INTERPRET=1 python -m tests.propagation.triton_cases <file>
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import torch
from torch import Tensor

from arseg_lightning.propagation import window_attention


@dataclass(frozen=True)
class Case:
    """What the attention is called with; ``shape`` is (B, C, V, H, W)."""

    name: str
    shape: tuple[int, int, int, int, int]
    window: int
    zero_padding: bool = True
    prior_sigma: float | None = None
    dtype: torch.dtype = torch.float32
    layout: str = "contiguous"
    sharpness: float = 1.0

    def inputs(self, device="cpu", dtype=None):
        """Query, key, value and the gradient of the result; the same in every process."""
        batch, channels, values, height, width = self.shape
        generator = torch.Generator().manual_seed(0)
        parts = []
        for count in (channels, channels, values, values):
            part = torch.randn(batch, count, height, width, generator=generator)
            if len(parts) < 2:  # logits of about one, so that every neighbour counts
                part *= (self.sharpness / channels**0.5) ** 0.5
            parts.append(LAYOUTS[self.layout](part.to(self.dtype).to(device, dtype)))
        return [part.requires_grad_() for part in parts[:3]], parts[3]


LAYOUTS = {
    "contiguous": lambda x: x,
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "part_of_rows": lambda x: torch.cat([x, x], 3)[..., : x.shape[3]],
}

# Pictures are small, as the interpreter takes milliseconds for each offset of each tile; some
# still need several tiles across and down: 128 pixels have one with few channels, 4 with many.
CASES = [
    Case("one pixel", (2, 1, 3, 1, 1), 1),
    Case("window of one", (1, 7, 2, 2, 5), 1, zero_padding=False),
    Case("several tiles, excluded", (1, 33, 2, 2, 33), 3, zero_padding=False),
    Case("prior", (1, 3, 1, 5, 34), 3, prior_sigma=0.8),
    Case("prior, excluded", (1, 3, 12, 4, 6), 5, zero_padding=False, prior_sigma=1.5),
    Case("window beyond the picture", (1, 4, 4, 2, 1), 5, zero_padding=False),
    Case("window of seven", (1, 12, 12, 4, 9), 7),
    Case("many channels", (1, 130, 20, 2, 5), 3),
    Case("large logits", (1, 64, 3, 2, 5), 3, zero_padding=False, sharpness=100.0),
    Case("bfloat16, excluded", (1, 64, 64, 2, 6), 3, zero_padding=False, dtype=torch.bfloat16),
    Case("float16", (1, 20, 12, 3, 7), 3, prior_sigma=2.0, dtype=torch.float16),
    *(Case(f"layout {name}", (2, 5, 3, 3, 4), 3, layout=name) for name in list(LAYOUTS)[1:]),
]


def compute(case: Case, device="cpu", implementation="triton") -> tuple[Tensor, ...]:
    """Result and gradients of query, key and value, on the CPU."""
    inputs, grad = case.inputs(device)
    output = window_attention(
        *inputs, case.window, case.zero_padding, case.prior_sigma, implementation=implementation
    )
    results = output, *torch.autograd.grad(output, inputs, grad)
    return tuple(part.detach().cpu() for part in results)


if __name__ == "__main__":
    torch.save({case.name: compute(case) for case in CASES}, sys.argv[1])
