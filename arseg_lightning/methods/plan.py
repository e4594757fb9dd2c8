"""Inputs and outputs of a method's step: plans, frames and states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from arseg_lightning.models.segmentor import Output
from arseg_lightning.types import ClipBatch

__all__ = ["FrameInput", "Plan", "State", "StepFunction", "check_state", "no_gradients"]

State = Mapping[str, Tensor]
"""What a stream remembers from frame to frame: tensors by name, the batch axis first."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The next step of a frame, as data: log, cost and export are made of it.

    Args:
        role: Which step runs, in the method's own words.
        inputs: Tensors for the step that the plan has made: a mask, a weight.
        executed: Share of the role's multiply-accumulates that the step executes.
        reason: Why, for the log; for a key role, why the frame became a keyframe.
        final: False if another plan follows for the same frame, made with the step's state.
    """

    role: str
    inputs: Mapping[str, Tensor] = field(default_factory=dict)
    executed: float = 1.0
    reason: str | None = None
    final: bool = True


@dataclass(frozen=True, slots=True)
class FrameInput:
    """The tensors of a frame that a step is given.

    Args:
        image: Normalised RGB at full resolution, (B, 3, H, W).
        motion: Backward motion in pixels, (B, 2, H, W), to the frame that ``Needs.motion`` names;
            zero where there is none. None if the method needs no motion.
        valid: False where no vector led there and the motion was filled in, bool (B, 1, H, W).
        later_motion: Motion of the next keyframe to this frame, (B, 2, H, W), on the keyframe's
            grid; zero for a keyframe. None if the method has no lookahead, or needs no motion.
        later_valid: The same as ``valid`` for it.
    """

    image: Tensor
    motion: Tensor | None = None
    valid: Tensor | None = None
    later_motion: Tensor | None = None
    later_valid: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.image.shape[-2], self.image.shape[-1]

    @classmethod
    def of(cls, clip: ClipBatch, index: int, later: int | None = None) -> FrameInput:
        """Take one frame of each of several clips, and the motion of a later one to it."""

        def motion(frame: int | None) -> tuple[Tensor | None, Tensor | None]:
            if frame is None or clip.motion is None or clip.valid is None:
                return None, None
            return clip.motion[:, frame], clip.valid[:, frame, None]  # (B, 2 and 1, H, W)

        return cls(clip.images[:, index], *motion(index), *motion(later))

    def field(self) -> Tensor:
        """The motion of a method that needs some.

        Raises:
            ValueError: If there is none.
        """
        if self.motion is None:
            raise ValueError("the step reads motion; declare it in the method's needs")
        return self.motion


StepFunction = Callable[[Plan, FrameInput, State], tuple[Output | None, State]]
"""Takes a step as planned: as the method does, or counting, or on a graph."""


@contextmanager
def no_gradients() -> Iterator[None]:
    """Record no gradients, but let methods learn: tensors of inference mode never could."""
    with torch.inference_mode(False), torch.no_grad():
        yield


def check_state(state: State, name: str) -> State:
    """Return the state of the method called ``name``, or raise if it is not tensors by name."""
    what = type(state).__name__
    if isinstance(state, Mapping):
        wrong = {k: type(v).__name__ for k, v in state.items() if not isinstance(v, Tensor)}
        if not wrong:
            return state
        what = ", ".join(f"{key}: {kind}" for key, kind in wrong.items())
    raise TypeError(
        f"the state of {name} is a mapping of names to tensors, got {what}; what is no tensor "
        f"belongs into its memory (begin)"
    )
