"""Networks that estimate motion: their interface, and the loading of their weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from arseg_lightning.models.weight_file import load_matching, read_checkpoint, renamed
from arseg_lightning.propagation.warp import motion_to_grid
from arseg_lightning.types import ClipBatch

__all__ = ["FlowNetwork", "clip_motion", "load_flow_weights"]


class FlowNetwork(nn.Module, ABC):
    """Estimates where each pixel of an image was in another, by the motion law.

    Attributes:
        published_names: Start of our names by the start of those in published files.
        without_bias: Start of our names of layers that some published files have no bias for: it
            is zero then.
        is_trained: Whether weights were loaded.
    """

    published_names: ClassVar[Mapping[str, str]] = {}
    without_bias: ClassVar[tuple[str, ...]] = ()
    is_trained: bool = False

    @abstractmethod
    def forward(self, image: Tensor, reference: Tensor) -> Tensor:
        """Estimate backward motion: ``image(p) = reference(p + motion(p))``.

        Shapes:
            image, reference: (B, 3, H, W), normalised   returns: (B, 2, h, w), in pixels of its
            own grid
        """

    def own_names(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Give the weights of a published file our names; ours stay as they are."""
        found = renamed(state, self.published_names)
        for name, parameter in self.named_parameters():
            may_lack = name.startswith(self.without_bias) and name.endswith(".bias")
            if may_lack and f"{name[:-4]}weight" in found:  # where the layer is there
                found.setdefault(name, torch.zeros_like(parameter, device="cpu"))
        return found


def clip_motion(
    clip: ClipBatch, frame: int, reference: int, flow: FlowNetwork | None = None
) -> tuple[Tensor, Tensor | None]:
    """Motion of a frame of training clips to another, by a flow network that does not learn.

    Without a network it is the clips' own, which leads where they say; they must have it.

    Returns:
        Motion (B, 2, H, W) in pixels of the image, and where it is known, bool (B, 1, H, W); None
        if everywhere.
    """
    if flow is None:
        valid = None if clip.valid is None else clip.valid[:, frame, None]
        return clip.motion_of(frame), valid
    image = clip.images[:, frame]
    with torch.no_grad():
        motion = flow(image, clip.images[:, reference])
        return motion_to_grid(motion, (image.shape[-2], image.shape[-1])), None


def load_flow_weights(network: FlowNetwork, path: str | Path) -> None:
    """Load a flow network's weights, ours or the published ones; ValueError if they do not fit."""
    state, wanted = network.own_names(read_checkpoint(path)), network.state_dict()
    # Published files hold layers beside the network's.
    load_matching(
        network,
        {name: value for name, value in state.items() if name in wanted},
        f"{path} does not hold the weights of a {type(network).__name__}",
        "give a checkpoint of this network",
    )
    network.is_trained = True
