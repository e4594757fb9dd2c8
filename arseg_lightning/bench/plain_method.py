"""A method as a few lines of PyTorch run it, for comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from arseg_lightning.methods import FrameInfo, FrameInput, Output, Plan, State, VideoMethod
from arseg_lightning.types import ClipBatch

__all__ = ["PlainMethod"]


class PlainMethod(VideoMethod):
    """Any method without our kernels: labels are the argmax of upsampled scores.

    Args:
        method: The method.
    """

    def __init__(self, method: VideoMethod) -> None:
        super().__init__()
        self.method = method
        self.needs = method.needs  # type: ignore[misc]
        self.roles, self.key_roles = method.roles, method.key_roles
        self.clock, self.period, self.adapts = method.clock, method.period, method.adapts

    @property
    def name(self) -> str:
        """The method's."""
        return self.method.name

    def begin(self) -> Any:
        """Make the memory of one stream."""
        return self.method.begin()

    def plan(self, info: FrameInfo, state: State, memory: Any) -> Plan:
        """Choose a role, as the method does."""
        return self.method.plan(info, state, memory)

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output | None, State]:
        """Do what a role says, with channels outermost as PyTorch has them by default."""
        frame = replace(frame, image=frame.image.contiguous())
        output, state = self.method.step(role, frame, state, **inputs)
        if output is None:
            return None, state
        return _PlainOutput(output.scores, output.align_corners, output.feature), state

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Compute what the method minimises."""
        return self.method.losses(clip)

    def adapt(self, memory: Any, plan: Plan, output: Output, state: State) -> None:
        """Learn from a frame, as the method does."""
        self.method.adapt(memory, plan, output, state)


class _PlainOutput(Output):
    """An output whose labels are found without a kernel of ours."""

    def labels(self, size: tuple[int, int]) -> Tensor:
        """The best class of every pixel, uint8 of shape (B, *size)."""
        return self.logits(size).argmax(dim=1).to(torch.uint8)
