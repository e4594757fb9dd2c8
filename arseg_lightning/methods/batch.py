"""Frames that do not depend on each other, segmented at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from arseg_lightning.methods.method import FrameInput, Plan, State, VideoMethod
from arseg_lightning.models.segmentor import Output

__all__ = ["batch_frames", "expand_state", "may_join", "output_of"]


def may_join(first: Plan, other: Plan, method: VideoMethod) -> bool:
    """Whether two frames of a stream may be segmented at once.

    Args:
        first: What is to be done with one of them.
        other: What is to be done with the other one.
        method: The method.
    """
    alone = first.role in method.key_roles or first.inputs or other.inputs
    whole = first.final and other.final
    apart = method.needs.independent and not method.adapts
    return apart and whole and first.role == other.role and not alone


def batch_frames(frames: Sequence[FrameInput]) -> FrameInput:
    """Several frames as one batch."""
    images, motion, valid = zip(*((f.image, f.motion, f.valid) for f in frames), strict=True)
    if motion[0] is None:
        return FrameInput(torch.cat(images))
    return FrameInput(torch.cat(images), torch.cat(motion), torch.cat(valid))


def expand_state(state: State, count: int) -> State:
    """The state that so many frames refer to, for each of them."""
    return {name: value.expand(count, *value.shape[1:]) for name, value in state.items()}


def output_of(output: Output, index: int, count: int) -> Output:
    """The output of one frame of a batch."""
    if count == 1:
        return output

    def own(part: Tensor | None) -> Tensor | None:
        return None if part is None else part[index : index + 1]

    return replace(
        output,
        scores=output.scores[index : index + 1],
        feature=own(output.feature),
        found_labels=own(output.found_labels),
    )
