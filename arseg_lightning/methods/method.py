"""The contract of a video method: what it needs, what it plans, and its step."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from arseg_lightning.datasets.needs import Needs
from arseg_lightning.inference import Optimisations, replace_networks
from arseg_lightning.methods.clock import Clock, EveryL, FrameInfo
from arseg_lightning.methods.plan import FrameInput, Plan, State
from arseg_lightning.models.segmentor import Output, SegmentorFactory
from arseg_lightning.types import ClipBatch

__all__ = ["MethodFactory", "Needs", "NetworkMethodFactory", "VideoMethod"]


class VideoMethod(nn.Module, ABC):
    """A video segmentation method: a step per role, and a plan that chooses roles.

    What branches (:meth:`plan`) is host code; what is traced, counted, exported and compiled
    (:meth:`step`) has no branches but on its role. A subclass takes the number of classes as its
    first argument, sets ``needs`` and ``roles``, and implements :meth:`step` and :meth:`losses`.
    With ``key_roles`` and a ``clock``, frames are keyframes or not as the clock says.

    Attributes:
        needs: What it needs of data and runner.
        roles: All roles that :meth:`plan` may choose.
        key_roles: Roles of keyframes: motion to the keyframe and distances start there.
        frozen: Names of submodules that never train; :meth:`train` leaves them in eval mode.
        clock: When a frame becomes a keyframe; None if the method has a schedule of its own.
        has_own_clock: Whether the clock was chosen, instead of following the interval of the data.
        period: Frames after which the roles of a method without a clock repeat, whatever frames
            show; None if they depend on what frames show.
        adapts: Whether :meth:`adapt` learns at test time.
        epoch: The epoch that is trained, from 0; whoever trains sets it.
    """

    needs: Needs = Needs()
    roles: tuple[str, ...]
    key_roles: frozenset[str] = frozenset()
    frozen: tuple[str, ...] = ()
    clock: Clock | None = None
    has_own_clock: bool = False
    period: int | None = 1
    adapts: bool = False
    epoch: int = 0

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
    def uses_motion(self) -> bool:
        """Whether its steps or its clock look at motion."""
        return self.composes_motion or self.needs.motion is not None

    @property
    def composes_motion(self) -> bool:
        """Whether its steps or its clock look at motion to the keyframe."""
        watches = self.clock is not None and self.clock.watches_motion
        return watches or self.needs.motion == "keyframe"

    def use_clock(self, clock: Clock | None) -> None:
        """Choose the clock; None follows the keyframe interval of the data."""
        self.clock, self.has_own_clock = clock or EveryL(), clock is not None

    def follow_interval(self, keyframe_interval: int) -> None:
        """Make every L-th frame a keyframe, unless a clock was chosen (or there is none)."""
        if self.clock is not None and not self.has_own_clock:
            self.clock = EveryL(keyframe_interval)

    def begin(self) -> Any:
        """Make the memory of one stream, for what is no state: a policy that learns."""
        return None

    def plan(self, info: FrameInfo, state: State, memory: Any) -> Plan:
        """Choose the role of a frame, or of the next part of it.

        Args:
            info: What is known of the frame.
            state: What the last step returned; empty at the start of a stream.
            memory: What :meth:`begin` made.
        """
        if self.clock is None:
            return Plan(self.roles[0])
        key, other = sorted(self.roles, key=lambda role: role not in self.key_roles)
        reason = self.keyframe_reason(info)
        return Plan(other) if reason is None else Plan(key, reason=reason)

    def keyframe_reason(self, info: FrameInfo) -> str | None:
        """Why a frame becomes a keyframe: nothing before it can be used, or its clock says so."""
        return info.start or (None if self.clock is None else self.clock.choose(info))

    @abstractmethod
    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output | None, State]:
        """Do what a role says, with tensors only.

        Args:
            role: The role.
            frame: The frame.
            state: What the last step returned.
            inputs: What the plan has made for it.

        Returns:
            The scores (None for a part of a frame that others follow), and the new state.
        """

    @abstractmethod
    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Compute what is minimised on training clips, by :meth:`step`: terms, to be added up."""

    def after_step(self) -> None:
        """Do what has to follow each step of the optimiser; nothing by default."""

    def after_loading(self) -> None:
        """Do what has to follow when weights were loaded into submodules; nothing by default."""

    def adapt(self, memory: Any, plan: Plan, output: Output, state: State) -> None:
        """Learn from a frame of a stream; gradients have to be enabled here."""

    def baselines(self) -> dict[str, VideoMethod]:
        """What it is compared with, by name; they share its networks."""
        return {}

    def for_inference(self, optimisations: Optimisations) -> VideoMethod:
        """Make a copy that gives the same output in less time, and does not train any more."""
        with torch.no_grad():
            fast = copy.deepcopy(self).eval().requires_grad_(False)
            fast.rewrite(optimisations)
        return fast.eval().requires_grad_(False)

    def rewrite(self, optimisations: Optimisations) -> None:
        """Replace what is known by what is faster, in place: the networks, wherever they are."""
        replace_networks(self, optimisations)

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode, but for what is frozen."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    def freeze(self, *names: str) -> None:
        """Take submodules out of training: no gradients, and batch norms stand still."""
        self.frozen = (*self.frozen, *names)
        for name in names:
            self.get_submodule(name).requires_grad_(False).eval()

    def still(self, image: Tensor) -> FrameInput:
        """Images as a step takes them: with motion, all zero, if the method needs some.

        Args:
            image: (B, 3, H, W).
        """
        if self.needs.motion is None:
            return FrameInput(image)
        motion = image.new_zeros(image.shape[0], 2, *image.shape[-2:])
        return FrameInput(image, motion, torch.ones_like(motion[:, :1], dtype=torch.bool))

    def forward(self, image: Tensor) -> Tensor:
        """Score every pixel of single images: the first frame of a stream each.

        Shapes:
            image: (B, 3, H, W)   returns: (B, K, H, W)
        """
        frame = self.still(image)
        return self._run([frame], is_nominal=False)[0].logits(frame.size)

    def unroll(self, clip: ClipBatch) -> list[Output]:
        """Run training clips as streams: the output of each of their frames.

        Roles are those of a stream whose first frame is the clip's; no plan sees what frames show.
        """
        frames = [FrameInput.of(clip, index) for index in range(clip.images.shape[1])]
        return self._run(frames, is_nominal=True)

    def _run(self, frames: Sequence[FrameInput], is_nominal: bool) -> list[Output]:
        state: State = {}
        memory, distance, outputs = self.begin(), -1, list[Output]()
        for index, frame in enumerate(frames):
            distance += 1
            start = None if index else "start"
            info = FrameInfo(index, distance, start, frame.size, is_nominal=is_nominal)
            while True:
                plan = self.plan(info, state, memory)
                distance = 0 if plan.role in self.key_roles else distance
                output, state = self.step(plan.role, frame, state, **plan.inputs)
                if plan.final:
                    break
            if output is None:
                raise ValueError(f"the last step of a frame, {plan.role}, gives scores")
            outputs.append(output)
        return outputs


MethodFactory = Callable[[int], VideoMethod]
"""Builds a method from the number of classes."""

NetworkMethodFactory = Callable[[int, SegmentorFactory], VideoMethod]
"""Builds a method from the number of classes and what builds its networks."""
