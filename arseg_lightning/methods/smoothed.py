"""Smoothing over time: any method's scores, averaged with those of the frame before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from arseg_lightning.inference import Optimisations
from arseg_lightning.methods.clock import Clock, FrameInfo
from arseg_lightning.methods.method import NetworkMethodFactory, VideoMethod
from arseg_lightning.methods.motion_track import motion_tensors
from arseg_lightning.methods.per_frame import PerFrame
from arseg_lightning.methods.plan import FrameInput, Plan, State
from arseg_lightning.models.segmentor import Output, SegmentorFactory
from arseg_lightning.propagation import warp_to
from arseg_lightning.ranges import check_range
from arseg_lightning.types import ClipBatch

__all__ = ["Smoothed"]

_START = "start"
_KEPT = "smoothed_scores"
_TO_KEYFRAME = "key_motion", "key_valid"  # (B, 2, H, W), (B, 1, H, W)


class Smoothed(VideoMethod):
    """Averages the scores of another method with those of the frame before, carried by motion.

    ``smoothed(t) = (1 - w) scores(t) + w warp(smoothed(t - 1))``, where w is ``share`` where the
    codec's motion leads to the frame before, and 0 where it does not. Scores are a linear map of
    the feature, so that this also averages features. Nothing is learned: ``losses`` are those of
    the method inside, which is trained as it is without smoothing, and whose weights fit.

    Args:
        num_classes: Number of classes.
        network: Builds the network of the method inside.
        method: Builds the method inside; a network on every frame by default.
        share: Weight of what is carried, in [0, 1); frames count by its powers.

    Raises:
        ValueError: If the method inside waits for later frames, learns from the frames of a
            stream, or has no single role for the first frame of a stream.

    Source: ours: an exponential moving average along motion.
    """

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        method: NetworkMethodFactory = PerFrame,
        share: float = 0.5,
    ) -> None:
        super().__init__()
        check_range(0, 1, share=share)
        if share == 1:
            raise ValueError("share is below 1: with 1, the scores of the first frame would stay")
        self.share = share
        self.method = method(num_classes, network)
        inside, starts = self.method, [*(self.method.key_roles or self.method.roles)]
        if inside.needs.lookahead or inside.adapted or len(starts) > 1:
            raise ValueError(
                f"{inside.name} cannot be smoothed: it waits for later frames, learns from the "
                f"frames of a stream, or has no single role for the first of them; smooth "
                f"PerFrame, FeaturePropagation, DFF, TapLab or ARSeg"
            )
        [self._first] = starts
        self.roles = (_START, *inside.roles)
        self.key_roles = inside.key_roles and inside.key_roles | {_START}
        # Clips are made as the method inside is trained; streams have motion to the frame before.
        self.needs = replace(
            inside.needs,
            motion="previous",
            training_motion=inside.needs.clip_motion,
            independent=False,
        )
        self.host_work = inside.host_work

    @property
    def name(self) -> str:
        """That of the method inside, and what is done to it."""
        return f"{self.method.name}, smoothed"

    @property
    def composes_motion(self) -> bool:
        """Whether the method inside looks at motion to the keyframe."""
        return self.method.composes_motion

    @property
    def cycle(self) -> int | None:
        """That of the method inside."""
        return self.method.cycle

    @property
    def clock(self) -> Clock | None:  # type: ignore[override]
        """That of the method inside."""
        return self.method.clock

    def use_clock(self, clock: Clock | None) -> None:
        """Choose the clock of the method inside."""
        self.method.use_clock(clock)

    def follow_interval(self, keyframe_interval: int) -> None:
        """Have the method inside follow it."""
        self.method.follow_interval(keyframe_interval)

    def begin(self) -> Any:
        """Begin the method inside."""
        return self.method.begin()

    def plan(self, info: FrameInfo, state: State, memory: Any) -> Plan:
        """Plan as the method inside; the first frame has nothing to be averaged with."""
        plan = self.method.plan(info, _inside(state), memory)
        inputs = dict(plan.inputs)
        if self.method.needs.motion == "keyframe" and plan.role not in self.method.key_roles:
            found = motion_tensors(info.motion, torch.device("cpu"))
            inputs |= dict(zip(_TO_KEYFRAME, found, strict=True))
        role = plan.role if info.start is None else _START
        return replace(plan, role=role, inputs=inputs)

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output | None, State]:
        """Take the step inside, and average its scores; they are left to the next frame."""
        given = {name: value for name, value in inputs.items() if name not in _TO_KEYFRAME}
        inside = self._first if role == _START else role
        output, after = self.method.step(
            inside, self._frame_inside(frame, inputs), _inside(state), **given
        )
        if output is None:
            return None, {**after, **{k: v for k, v in state.items() if k == _KEPT}}
        if role != _START:
            output = replace(output, scores=self._average(output.scores, frame, state[_KEPT]))
        return output, {**after, _KEPT: output.scores}

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Compute the losses of the method inside."""
        self.method.epoch = self.epoch
        return self.method.losses(clip)

    def baselines(self) -> dict[str, VideoMethod]:
        """The method inside, and what it is compared with."""
        return self.method.baselines() | {self.method.name: self.method}

    def after_step(self) -> None:
        """Pass it on."""
        self.method.after_step()

    def after_loading(self) -> None:
        """Pass it on."""
        self.method.after_loading()

    def rewrite(self, optimisations: Optimisations) -> None:
        """Rewrite the method inside."""
        self.method.frozen = ()
        self.method.rewrite(optimisations)

    def _frame_inside(self, frame: FrameInput, inputs: dict[str, Tensor]) -> FrameInput:
        """A frame with the motion that the method inside needs."""
        if self.method.needs.motion == "previous":
            return frame
        image, given = frame.image, [inputs[name] for name in _TO_KEYFRAME if name in inputs]
        if not given:  # a keyframe, or motion is not needed
            return self.method.still(image)
        return FrameInput(
            image, *(x.to(image.device).expand(len(image), -1, -1, -1) for x in given)
        )

    def _average(self, scores: Tensor, frame: FrameInput, before: Tensor) -> Tensor:
        """Average scores with those of the frame before, (B, K, h, w) each."""
        assert frame.valid is not None
        weight = self.share * torch.nn.functional.interpolate(
            frame.valid.to(scores.dtype), size=scores.shape[-2:], mode="area"
        )  # (B, 1, h, w)
        return scores + weight * (warp_to(before, frame.field()) - scores)


def _inside(state: State) -> State:
    return {name: value for name, value in state.items() if name != _KEPT}
