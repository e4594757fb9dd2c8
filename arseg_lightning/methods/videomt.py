"""VidEoMT: the queries that found the last frame's masks start the search in the next one."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from arseg_lightning.losses import SegmentationLoss, SetLoss
from arseg_lightning.methods.clock import Clock, FrameInfo
from arseg_lightning.methods.method import Needs
from arseg_lightning.methods.plan import FrameInput, Plan, State
from arseg_lightning.methods.query_method import QueryMethod, carried_queries
from arseg_lightning.models import EoMT, SegmentorFactory
from arseg_lightning.models.segmentor import Output
from arseg_lightning.ranges import check_range

__all__ = ["VidEoMT"]


class VidEoMT(QueryMethod):
    """An EoMT whose queries of a frame are the learned ones, and what became of the last frame's.

    The state is the queries after the last block; a linear layer makes of them what is added to
    the learned queries. It starts at zero, so that the method starts as its network on every
    frame; the file of a VidEoMT brings it. Every frame costs what EoMT costs: what is gained is
    consistency.

    Args:
        num_classes: Number of classes.
        network: Builds an EoMT.
        frames: Frames of a training clip, the last of which is labelled; gradients go through all.
        loss: Loss of the labelled frame; the set loss by default.
        clock: Decides when a frame forgets what was before; without, only the first one does.

    Raises:
        ValueError: If the network is no EoMT.

    Source: VidEoMT, CVPR 2026, and its code in transformers, which runs whole clips and does not
        train.
    """

    roles = ("keyframe", "frame")
    key_roles = frozenset({"keyframe"})
    network: EoMT

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        frames: int = 2,
        loss: SegmentationLoss | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        check_range(2, frames=frames)
        built = network(num_classes)
        if not isinstance(built, EoMT):
            raise ValueError(
                f"VidEoMT carries the queries of an EoMT, and got {type(built).__name__}; use "
                f"EoMT, or MPVSS with other networks that have queries"
            )
        self.use_network(built)
        self.updater = carried_queries(built)
        self.needs = Needs(frames=frames)
        self.loss = loss or SetLoss()
        if clock is not None:
            self.use_clock(clock)

    @property
    def name(self) -> str:
        """The method."""
        return "VidEoMT"

    def plan(self, info: FrameInfo, state: State, memory: Any) -> Plan:
        """Start at the first frame, and where the clock says so."""
        if self.clock is not None:
            return super().plan(info, state, memory)
        return Plan("frame") if "queries" in state else Plan("keyframe", reason=info.start)

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output, State]:
        """Find masks by the learned queries, or by those and the last frame's."""
        image = self.network.padded(frame.image)
        added = None if role == "keyframe" else self.updater(state["queries"])
        queries = self.network.find(image, self.training, added)
        assert queries.carried is not None
        return self.found(queries.scores, frame), {"queries": queries.carried}
