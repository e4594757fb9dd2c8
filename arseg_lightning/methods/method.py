"""The contract of a video method: what it needs, the plan that chooses roles, and the step."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from arseg_lightning.datasets.needs import Needs
from arseg_lightning.inference import Optimisations, replace_networks
from arseg_lightning.methods.clock import Clock, EveryL, FrameInfo
from arseg_lightning.methods.plan import FrameInput, Plan, State
from arseg_lightning.methods.schedule import NominalStream
from arseg_lightning.models.segmentor import Output, Segmentor, SegmentorFactory
from arseg_lightning.propagation.flow import FlowNetwork
from arseg_lightning.types import ClipBatch

__all__ = ["MethodFactory", "Needs", "NetworkMethodFactory", "VideoMethod"]


class VideoMethod(nn.Module, ABC):
    """A video segmentation method: a plan that chooses the role of each frame, a step per role.

    :meth:`plan` is host code and may branch. :meth:`step` is traced, counted, exported and
    compiled, once per role: it branches on its role only. A subclass takes the number of classes
    as its first argument, sets ``needs`` and ``roles``, and implements :meth:`step` and
    :meth:`losses`. One with keyframes sets ``key_roles`` and calls :meth:`use_clock`.

    Attributes:
        needs: What it needs of data and runner.
        roles: All roles that :meth:`plan` may choose.
        key_roles: Roles of keyframes: motion to the keyframe and distances start there.
        frozen: Names of submodules that never train; :meth:`train` leaves them in eval mode.
        training_only: Names of submodules that a copy for inference leaves out.
        clock: Decides when a frame becomes a keyframe; None if the method has its own schedule.
        has_own_clock: Whether the clock was chosen, instead of following the interval of the data.
        period: Frames after which the roles of a method without a clock repeat, whatever frames
            show; None if they depend on what frames show.
        adapted: Names of submodules that each stream learns on from (:meth:`adapt`); they may start
            at random. Without any, :meth:`adapt` is not called.
        host_work: What of its frames the host computes between steps, and no graph can hold; such a
            method is not exported. None if there is nothing.
        epoch: The epoch that is trained, from 0; the training loop sets it.
    """

    needs: Needs = Needs()
    roles: tuple[str, ...]
    key_roles: frozenset[str] = frozenset()
    frozen: tuple[str, ...] = ()
    training_only: tuple[str, ...] = ()
    clock: Clock | None = None
    has_own_clock: bool = False
    period: int | None = 1
    adapted: tuple[str, ...] = ()
    host_work: str | None = None
    epoch: int = 0

    @abstractmethod
    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output | None, State]:
        """Compute a role with tensors only, from what the last step returned (nothing at first).

        ``inputs`` are tensors that the plan has made. The result is the scores (None for a part of
        a frame that others follow), and the new state.
        """

    @abstractmethod
    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Compute the terms of the training loss, to be added up, by :meth:`step`."""

    def plan(self, info: FrameInfo, state: State, memory: Any) -> Plan:
        """Choose the role of a frame, or of its next part; by default, as the clock says.

        ``state`` is what the last step returned, ``memory`` what :meth:`begin` made.
        """
        if self.clock is None:
            return Plan(self.roles[0])
        key, other = sorted(self.roles, key=lambda role: role not in self.key_roles)
        reason = self.keyframe_reason(info)
        return Plan(other) if reason is None else Plan(key, reason=reason)

    def begin(self) -> Any:
        """Make the memory of one stream, for anything but tensors: a policy that learns."""
        return None

    def baselines(self) -> dict[str, VideoMethod]:
        """The methods it is compared with, by name; they share its networks."""
        return {}

    def adapt(self, memory: Any, plan: Plan, output: Output, state: State) -> None:
        """Learn from a frame of a stream; gradients have to be enabled here."""

    def after_step(self) -> None:
        """Called after each step of the optimiser."""

    def follow_training(self, progress: float) -> None:
        """Called with the part of the training that is done, at its start and after each step.

        Networks that train hear it.
        """
        for part in self.modules():
            if isinstance(part, Segmentor) and part.training:
                part.follow_training(progress)

    def after_loading(self) -> None:
        """Called after weights were loaded into submodules."""

    def translate(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Give the weights of a file that the method's authors published our names; others stay."""
        return state

    def rewrite(self, optimisations: Optimisations) -> None:
        """Make it faster, in place: replace its networks, and bring other layers to their type."""
        for name in self.training_only:
            setattr(self, name, None)
        replace_networks(self, optimisations)
        for part in self.children():
            if not isinstance(part, FlowNetwork):  # motion is no less precise
                part.to(optimisations.dtype)

    # What follows is for those who run methods; few subclasses override any of it.

    @property
    def name(self) -> str:
        """A short name for tables."""
        return type(self).__name__

    @property
    def cycle(self) -> int | None:
        """Frames after which roles repeat whatever frames show; None if they depend on that."""
        return self.period if self.clock is None else self.clock.period

    @property
    def most_distance(self) -> int | None:
        """Greatest distance of a frame to its keyframe; None without a clock."""
        return None if self.clock is None else self.clock.most_frames - 1

    @property
    def lookahead(self) -> int:
        """Most later frames that one waits for, but for B-frames; 0 if none does."""
        return (self.most_distance or 0) if self.needs.lookahead else 0

    @property
    def composes_motion(self) -> bool:
        """Whether its steps or its clock look at motion to the keyframe."""
        watches = self.clock is not None and self.clock.watches_motion
        return watches or self.needs.motion == "keyframe"

    @property
    def uses_motion(self) -> bool:
        """Whether its steps or its clock look at any motion."""
        return self.composes_motion or self.needs.motion is not None

    def use_clock(self, clock: Clock | None) -> None:
        """Choose the clock; None follows the keyframe interval of the data."""
        self.clock, self.has_own_clock = clock or EveryL(), clock is not None

    def follow_interval(self, keyframe_interval: int) -> None:
        """Make every L-th frame a keyframe, unless a clock was chosen (or there is none)."""
        if self.clock is not None and not self.has_own_clock:
            self.clock = EveryL(keyframe_interval)

    def keyframe_reason(self, info: FrameInfo) -> str | None:
        """Why a frame becomes a keyframe: a start, the clock, or an end that others wait for."""
        if info.start is not None:
            return info.start
        if info.is_last and self.needs.lookahead:
            return "end"
        return None if self.clock is None else self.clock.choose(info)

    def freeze(self, *names: str) -> None:
        """Take submodules out of training: no gradients, and batch norms keep their statistics.

        Names of parts that are None, as a method may do without them, are passed over.
        """
        names = tuple(name for name in names if getattr(self, name) is not None)
        self.frozen = (*self.frozen, *names)
        for name in names:
            self.get_submodule(name).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode, except what is frozen."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    def for_inference(self, optimisations: Optimisations) -> VideoMethod:
        """Make a copy that gives the same output in less time, and does not train any more."""
        with torch.no_grad():
            fast = copy.deepcopy(self).eval().requires_grad_(False)
            fast.frozen = ()  # nothing of it trains, and parts that only training needs may go
            fast.rewrite(optimisations)
        return fast.eval().requires_grad_(False)

    def still(self, image: Tensor) -> FrameInput:
        """Make step inputs of images (B, 3, H, W), with zero motion if the method needs some."""
        if self.needs.motion is None:
            return FrameInput(image)
        motion = image.new_zeros(image.shape[0], 2, *image.shape[-2:])  # (B, 2, H, W)
        rest = motion, torch.ones_like(motion[:, :1], dtype=torch.bool)
        return FrameInput(image, *rest, *(rest if self.needs.lookahead else ()))

    def forward(self, image: Tensor) -> Tensor:
        """Score every pixel of single images, (B, 3, H, W), each the first frame of a stream."""
        frame = self.still(image)
        [output] = _scored(NominalStream(self, is_nominal=False).run([frame]))
        return output.logits(frame.size)

    def unroll(self, clip: ClipBatch) -> list[Output]:
        """Run training clips as streams, whose plans see no values: the output of each frame."""
        frames = (FrameInput.of(clip, index) for index in range(clip.images.shape[1]))
        return _scored(NominalStream(self).run(frames))


def _scored(frames: Iterable[tuple[tuple[str, ...], Output | None]]) -> list[Output]:
    outputs = []
    for roles, output in frames:
        if output is None:
            raise ValueError(f"the last step of a frame, {roles[-1]}, gives scores")
        outputs.append(output)
    return outputs


MethodFactory = Callable[[int], VideoMethod]
"""Builds a method from the number of classes."""

NetworkMethodFactory = Callable[[int, SegmentorFactory], VideoMethod]
"""Builds a method from the number of classes and a factory of its networks."""
