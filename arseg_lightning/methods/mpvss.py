"""MPVSS: a keyframe's masks follow the flow of their queries, and keep their classes."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from arseg_lightning.losses import SegmentationLoss, SetLoss
from arseg_lightning.methods.clock import Clock
from arseg_lightning.methods.method import Needs
from arseg_lightning.methods.plan import FrameInput, State
from arseg_lightning.methods.query_method import QueryMethod
from arseg_lightning.models import QueryScores, QuerySegmentor, SegmentorFactory
from arseg_lightning.models.segmentor import Output
from arseg_lightning.propagation.query_flow import QueryFlow, WarpConvention, warp_masks
from arseg_lightning.ranges import check_range, check_words

__all__ = ["MPVSS"]

MaskMotion = Literal["learned", "none"]


class MPVSS(QueryMethod):
    """Finds masks and their classes on keyframes; on others each mask follows a flow of its own.

    A small network sees the frame, the keyframe and the queries that found the masks, and gives
    each query a flow. Masks always come from the keyframe, and are warped once. The network that
    finds them was trained per frame; here, its heads learn on, and nothing else of it.

    Args:
        num_classes: Number of classes.
        network: Builds a network with queries, such as Mask2Former.
        layers: Attention layers of the motion network.
        heads: Its attention heads.
        width: Factor on its channels, for quick experiments.
        motion: ``learned``; ``none`` leaves masks where they are, which motion has to beat.
        gap: Greatest distance between keyframe and labelled frame in training.
        convention: ``exact``, or ``released``, whose zero flow moves masks: see
            :func:`warp_masks`.
        loss: Loss of the warped masks; the set loss by default.
        clock: Decides when a frame becomes a keyframe; every L-th by default, published with L = 5.

    Raises:
        ValueError: If the network has no queries.

    Source: Weng et al., Mask Propagation for Efficient Video Semantic Segmentation, NeurIPS 2023.
    Differs: parts that do not learn stay in eval mode; the motion network sees images as they are
        normalised for the other one.
    """

    roles = ("keyframe", "propagate")
    key_roles = frozenset({"keyframe"})

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        layers: int = 9,
        heads: int = 8,
        width: float = 1.0,
        motion: MaskMotion = "learned",
        gap: int = 10,
        convention: WarpConvention = "exact",
        loss: SegmentationLoss | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        check_words(convention=(convention, WarpConvention), motion=(motion, MaskMotion))
        check_range(1, layers=layers, heads=heads, gap=gap)
        built = network(num_classes)
        if not isinstance(built, QuerySegmentor):
            raise ValueError(
                f"MPVSS warps the masks of queries, and {type(built).__name__} has none; use "
                f"Mask2Former, or FeaturePropagation, DFF or TapLab with this network"
            )
        self.use_network(built)
        self.needs = Needs(frames=2, spacing=(1, gap))
        self.freeze("network")
        for head in self.network.heads():
            head.requires_grad_(True)
        self.flow = None
        if motion == "learned":
            self.flow = QueryFlow(built.query_channels, built.num_queries, layers, heads, width)
        self.convention: WarpConvention = convention
        self.loss = loss or SetLoss()
        self.use_clock(clock)

    @property
    def name(self) -> str:
        """The method, and whether nothing moves."""
        return "MPVSS" if self.flow is not None else "masks copied"

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output, State]:
        """Find masks, or warp those of the keyframe."""
        image = self.network.padded(frame.image)
        if role == "keyframe":
            # In training, the masks of all layers are warped: the frame after asks for them.
            queries = self.network.find(image, with_earlier=self.training)
            kept = {"keyframe": image, "queries": queries.vectors}
            for index, each in enumerate(reversed(queries.scores)):
                kept |= {f"classes_{index}": each.classes, f"masks_{index}": each.masks}
            found = queries.scores
        else:
            found, kept = self._propagated(image, state), dict(state)
        return self.found(found, frame), kept

    def _propagated(self, image: Tensor, state: State) -> tuple[QueryScores, ...]:
        """The masks of the keyframe, of all layers that were kept, where they are now."""
        layers = reversed(range(sum(name.startswith("masks_") for name in state)))
        kept = [QueryScores(state[f"classes_{i}"], state[f"masks_{i}"]) for i in layers]
        if self.flow is None:
            return tuple(kept)
        flow = self.flow(image, state["keyframe"], state["queries"])  # (B, Q, 2, h / 8, w / 8)
        return tuple(
            QueryScores(each.classes, warp_masks(each.masks, flow, self.convention))
            for each in kept
        )
