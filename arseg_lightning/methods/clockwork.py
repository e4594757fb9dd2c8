"""Clockwork: stages of a network that run at different rates; stale scores are reused unwarped."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn

from arseg_lightning.losses import CrossEntropy, SegmentationLoss
from arseg_lightning.methods.clock import FrameInfo
from arseg_lightning.methods.method import VideoMethod
from arseg_lightning.methods.per_frame import shared
from arseg_lightning.methods.plan import FrameInput, Plan, State
from arseg_lightning.models.segmentor import (
    Output,
    Segmentor,
    SegmentorFactory,
    SideOutputs,
    resize_scores,
)
from arseg_lightning.ranges import check_range, check_words
from arseg_lightning.types import ClipBatch

__all__ = ["Clockwork", "Mode", "changed_share"]

Mode = Literal["every_frame", "alternating", "pipelined2", "pipelined3", "adaptive"]
Filling = Literal["release", "notebook"]

_STAGES = ("shallow", "middle")
_ROLES: Mapping[Mode, tuple[str, ...]] = {
    "every_frame": ("full",),
    "alternating": ("full", "shallow"),
    "pipelined2": ("full", "two_stages"),
    "pipelined3": ("full", "two_stages", "three_stages"),
    "adaptive": ("probe", "fire", "reuse"),
}


class Clockwork(VideoMethod):
    """Scores of a network's shallow, middle and deep stage, added up; each runs at its own rate.

    Two 1x1 convolutions score the shallow and the middle stage. They start at zero, so that the
    method starts as the network itself. All scores are brought to the finest of their grids
    (bilinearly, with the network's convention) and added. Nothing is warped. Trained per frame.

    Args:
        num_classes: Number of classes.
        network: Builds a network with the stages ``shallow`` and ``middle``.
        mode: ``every_frame``: all stages of every frame. ``alternating``: the deep stage on every
            second frame. ``pipelined2``: the deep stage reads what the frame before left it, so
            that the stages can run side by side. ``pipelined3``: so does the middle stage.
            ``adaptive``: the deep stage runs when the middle scores' best classes have changed.
        threshold: Share of positions that have to change in ``adaptive``; tuned by hand.
        filling: How ``pipelined3`` starts: with a frame of two stages (``release``), or with
            three at once (``notebook``).
        loss: Segmentation loss; cross entropy by default.

    Raises:
        ValueError: If the network lacks a stage.

    Source: Shelhamer et al., Clockwork Convnets for Video Semantic Segmentation, ECCVW 2016.
    Differs: any network with the stages; the scores are added on one grid, not pair by pair.
    """

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        mode: Mode = "alternating",
        threshold: float = 0.25,
        filling: Filling = "release",
        loss: SegmentationLoss | None = None,
    ) -> None:
        super().__init__()
        check_words(mode=(mode, Mode), filling=(filling, Filling))
        self.mode: Mode = mode
        check_range(0, 1, threshold=threshold)
        self.threshold = threshold
        self.roles = _ROLES[mode]
        if mode == "pipelined3" and filling == "notebook":
            self.roles = ("full", "three_stages")
        if "pipelined" not in mode:  # where no frame but the first has deep scores of its own
            self.key_roles = frozenset({"full", "fire"} & set(self.roles))
        self.period = {"alternating": 2, "adaptive": None}.get(mode, 1)
        self.network = network(num_classes)
        self.heads = _heads(self.network)
        self.loss = loss or CrossEntropy()

    @property
    def name(self) -> str:
        """The mode, and its threshold."""
        threshold = f" {self.threshold:g}" if self.mode == "adaptive" else ""
        return f"Clockwork {self.mode.replace('_', ' ')}{threshold}"

    def plan(self, info: FrameInfo, state: State, memory: Any) -> Plan:
        """Choose which stages run; with values only where the clock is adaptive."""
        adaptive = self.mode == "adaptive"
        if adaptive and "middle_scores" not in state:
            return Plan("probe", final=False)
        if info.index == 0:
            return Plan("fire" if adaptive else "full", reason=info.start)
        every_second = info.index % 2 == 0
        if adaptive:
            fires = every_second
            if not info.is_nominal:
                fires = changed_share(state["middle_scores"], state["reference"]) >= self.threshold
            return Plan("fire", reason="changed") if fires else Plan("reuse")
        if self.mode == "alternating" and every_second:
            return Plan("full", reason="interval")
        return Plan(self.roles[min(info.index, len(self.roles) - 1)])

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output | None, State]:
        """Run the stages of a role; the state is what they leave for later frames."""
        image = frame.image
        if role == "three_stages":
            return self._three_stages(image, state)
        if role in ("fire", "reuse"):
            return self._after_probe(role, image, state)
        values, side = self._through("middle", image)
        shallow, middle = self._scores(values)
        if role == "probe":
            needs = [name for name in self.network.feature_needs if name != "image"]
            left = {f"for_deep_{name}": values[name] for name in needs}
            return None, {**state, "shallow_scores": shallow, "middle_scores": middle, **left}
        if role == "shallow":  # the deep scores are those of an earlier frame
            return self._output(shallow, middle, state["deep_scores"]), state
        # Of two stages, the deep one reads what the frame before left it.
        deep, added = self._deep(values if role == "full" else _read(state, "for_deep_"))
        output = self._output(shallow, middle, deep, side + added)
        if self.mode == "alternating":
            return output, {"deep_scores": deep}
        return output, self._left(values, values) if "pipelined" in self.mode else {}

    def losses(self, clip: ClipBatch) -> dict[str, Tensor]:
        """Segment the last frame of each clip with all of its stages."""
        output, _ = self.step("full", FrameInput(clip.images[:, -1]), {})
        assert output is not None
        return {"segmentation": self.loss(output, clip.labels[:, -1])}

    def baselines(self) -> dict[str, VideoMethod]:
        """The same network and heads on every frame."""
        if self.mode == "every_frame":
            return {}
        every_frame = Clockwork(self.network.num_classes, shared(self.network), "every_frame")
        every_frame.heads = self.heads
        return {"1x": every_frame}

    def _three_stages(self, image: Tensor, state: State) -> tuple[Output, State]:
        """The deep stage of two frames before, the middle of the one before, the shallow one."""
        deep, _ = self._deep(_read(state, "for_deep_"))
        before = _read(state, "for_middle_")
        before["middle"], _ = self.network.run("middle", before)
        values, _ = self._through("shallow", image)
        scores = self._scores({**values, "middle": before["middle"]})
        return self._output(*scores, deep), self._left(before, values)

    def _after_probe(self, role: str, image: Tensor, state: State) -> tuple[Output, State]:
        """Run the deep stage (``fire``), or reuse the scores of the last frame that did."""
        if role == "fire":
            deep, _ = self._deep({"image": image, **_read(state, "for_deep_")})
            kept = {"deep_scores": deep, "reference": state["middle_scores"]}
        else:
            kept = {key: state[key] for key in ("deep_scores", "reference")}
        scores = state["shallow_scores"], state["middle_scores"], kept["deep_scores"]
        return self._output(*scores), kept

    def _through(self, last: str, image: Tensor) -> tuple[dict[str, Tensor], SideOutputs]:
        """Run the stages up to ``last``, and keep the output of each."""
        values, side = {"image": image}, SideOutputs()
        names = [*self.network.stages]
        for stage in names[: names.index(last) + 1]:
            values[stage], added = self.network.run(stage, values, self.training)
            side = side + added
        return values, side

    def _deep(self, values: Mapping[str, Tensor]) -> tuple[Tensor, SideOutputs]:
        """Run the deep stage, and score it."""
        feature, side = self.network.run("feature", values, self.training)
        return self.network.classifier(feature), side

    def _scores(self, values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Score shallow and middle stage."""
        return self.heads["shallow"](values["shallow"]), self.heads["middle"](values["middle"])

    def _output(
        self, shallow: Tensor, middle: Tensor, deep: Tensor, side: SideOutputs | None = None
    ) -> Output:
        """Add the scores up on the finest grid, (B, K, h, w)."""
        scores, align_corners = (shallow, middle, deep), self.network.align_corners
        height, width = max((each.shape[-2:] for each in scores), key=math.prod)
        resized = [resize_scores(each, (height, width), align_corners) for each in scores]
        return Output(sum(resized[1:], resized[0]), align_corners, side=side or SideOutputs())

    def _left(self, deep: Mapping[str, Tensor], middle: Mapping[str, Tensor]) -> State:
        """The inputs of the next frame's deep stage and, with three, middle stage."""
        needs = self.network.feature_needs
        left = {f"for_deep_{name}": deep[name] for name in needs}
        if self.mode == "pipelined3":
            # What the deep stage reads of the middle stage's frame waits with it.
            waits = [name for name in ("shallow", *needs) if name != "middle"]
            left |= {f"for_middle_{name}": middle[name] for name in waits}
        return left


def changed_share(scores: Tensor, reference: Tensor) -> float:
    """Share of positions whose best class is not that of the reference; both (B, K, h, w)."""
    changed = scores.argmax(1) != reference.argmax(1)
    return int(changed.sum()) / changed.numel()


def _read(state: State, prefix: str) -> dict[str, Tensor]:
    """The inputs that were left for a stage, by name."""
    return {k.removeprefix(prefix): tensor for k, tensor in state.items() if k.startswith(prefix)}


def _heads(network: Segmentor) -> nn.ModuleDict:
    """Heads, at zero, on the stages that a network has to have."""
    if missing := [stage for stage in _STAGES if stage not in network.stages]:
        raise ValueError(
            f"Clockwork cuts a network after its stages {' and '.join(_STAGES)}, and "
            f"{type(network).__name__} has no {' and no '.join(missing)}; use PSPNet18 or BiSeNet18"
        )
    classes = network.num_classes
    heads = nn.ModuleDict({s: nn.Conv2d(network.stages[s], classes, 1) for s in _STAGES})
    for parameter in heads.parameters():
        nn.init.zeros_(parameter)
    return heads
