"""Token propagation: a keyframe's patch tokens follow the codec's motion through a ViT."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.losses import SegmentationLoss, SetLoss
from arseg_lightning.methods.clock import Clock
from arseg_lightning.methods.method import Needs
from arseg_lightning.methods.plan import FrameInput, State
from arseg_lightning.methods.query_method import QueryMethod, carried_queries
from arseg_lightning.models import EoMT, SegmentorFactory
from arseg_lightning.models.eomt_patches import Patches
from arseg_lightning.models.segmentor import Output
from arseg_lightning.propagation import warp, warp_to
from arseg_lightning.ranges import check_range

__all__ = ["TokenPropagation"]

_UNKNOWN = 100.0
"""Difference to the keyframe of a pixel that no motion leads to: more than any other."""


class TokenPropagation(QueryMethod):
    """An EoMT whose first blocks run on keyframes, and on the patches that changed most since.

    Between keyframes, the tokens that the blocks before the queries made of the keyframe are
    fetched along motion; those of the patches that differ most from the moved keyframe, or that no
    motion leads to, are computed anew, from each other alone. The last blocks, which find the
    masks, run over all of them on every frame.

    Args:
        num_classes: Number of classes.
        network: Builds an EoMT.
        share: Share of the patches that are computed anew.
        carries_queries: Whether the queries of the last frame start the search in the next one, as
            in VidEoMT; its linear layer starts at zero, unless the network's file brings one.
        loss: Loss of the last frame of a training clip; the set loss by default.
        clock: Decides when a frame becomes a keyframe; every L-th by default.

    Raises:
        ValueError: If the network is no EoMT.

    Source: ours; EoMT is Kerssies et al., CVPR 2025, the motion law AR-Seg's.
    """

    needs = Needs(motion="keyframe", frames=2, spacing="keyframe")
    roles = ("keyframe", "propagate")
    key_roles = frozenset({"keyframe"})
    network: EoMT

    def __init__(
        self,
        num_classes: int,
        network: SegmentorFactory,
        share: float = 0.25,
        carries_queries: bool = False,
        loss: SegmentationLoss | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        check_range(0, 1, share=share)
        built = network(num_classes)
        if not isinstance(built, EoMT):
            raise ValueError(
                f"TokenPropagation carries the tokens of an EoMT, and got {type(built).__name__}; "
                f"use EoMT, or FeaturePropagation with networks of convolutions"
            )
        self.use_network(built)
        self.share, self.updater = share, None
        if carries_queries:
            self.updater = carried_queries(built)
        self.loss = loss or SetLoss()
        self.use_clock(clock)

    @property
    def name(self) -> str:
        """The share, and whether queries are carried too."""
        return f"tokens {self.share:g}{' and queries' * (self.updater is not None)}"

    def step(
        self, role: str, frame: FrameInput, state: State, **inputs: Tensor
    ) -> tuple[Output, State]:
        """Run the whole network, or its last blocks on tokens that were carried here."""
        patches = self.network.patches(self.network.padded(frame.image))
        if role == "keyframe":
            tokens = self.network.early(patches)
            state = {"key_image": patches.image, "tokens": tokens}
        else:
            tokens = self._carried(patches, frame, state)
        added = None
        if self.updater is not None and "queries" in state:
            added = self.updater(state["queries"])
        queries = self.network.late(tokens, patches, self.training, added)
        output = self.found(queries.scores, frame)
        if self.updater is None:
            return output, dict(state)
        assert queries.carried is not None
        return output, {**state, "queries": queries.carried}

    def _carried(self, now: Patches, frame: FrameInput, state: State) -> Tensor:
        """The keyframe's tokens where they are now, (B, prefix + h w, C), some computed anew."""
        prefix, image = self.network.num_prefix, now.image
        missing = image.shape[-1] - frame.size[1], image.shape[-2] - frame.size[0]
        motion = F.pad(frame.field(), (0, missing[0], 0, missing[1]))  # (B, 2, H, W)
        before, patches = state["tokens"][:, :prefix], state["tokens"][:, prefix:]
        maps = patches.mT.reshape(len(patches), -1, *now.grid)  # (B, C, h, w)
        moved = warp_to(maps, motion).flatten(2).mT  # (B, h w, C)
        number = round(self.share * moved.shape[1])
        if number:
            moved_image = warp(state["key_image"], motion)
            differs = (image - moved_image).abs().mean(1, keepdim=True)  # (B, 1, H, W)
            assert frame.valid is not None
            unknown = F.pad(~frame.valid, (0, missing[0], 0, missing[1]))
            differs = F.avg_pool2d(differs + _UNKNOWN * unknown, self.network.multiple)
            chosen = differs.flatten(1).topk(number, dim=1).indices  # (B, k)
            anew = self.network.early(now, chosen)[:, prefix:]
            moved = moved.scatter(1, chosen[..., None].expand_as(anew), anew.to(moved.dtype))
        return torch.cat([before, moved], dim=1)
