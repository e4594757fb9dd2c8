"""Networks that estimate motion: their interface, and the loading of their weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from torch import Tensor, nn

from arseg_lightning.models.weight_file import load_matching, read_checkpoint

__all__ = ["FlowNetwork", "load_flow_weights"]


class FlowNetwork(nn.Module, ABC):
    """Estimates where each pixel of an image was in another, by the motion law."""

    @abstractmethod
    def forward(self, image: Tensor, reference: Tensor) -> Tensor:
        """Estimate backward motion: ``image(p) = reference(p + motion(p))``.

        Shapes:
            image, reference: (B, 3, H, W), normalised   returns: (B, 2, h, w), in pixels of its
            own grid
        """


def load_flow_weights(network: FlowNetwork, path: str | Path) -> None:
    """Load a flow network's weights, ours or the published ones.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a checkpoint, or that of another network.
    """
    state = read_checkpoint(path)
    # Published files hold layers beside the network's.
    load_matching(
        network,
        {name: value for name, value in state.items() if name in network.state_dict()},
        f"{path} does not hold the weights of a {type(network).__name__}",
        "give a checkpoint of this network",
    )
