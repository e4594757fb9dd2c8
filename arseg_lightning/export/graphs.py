"""The graphs of a system: from pixels to labels, one for keyframes, one for the other frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.systems.system import Prediction, Role, StreamFrame, VideoSystem

__all__ = ["Graph", "Inputs", "KeyframeGraph", "NonKeyframeGraph", "graphs_of"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a frame of a stream gives to the graphs.

    Args:
        image: RGB pixels, uint8, (B, H, W, 3).
        motion: Backward motion to the keyframe in pixels of the image, (B, 2, H, W).
    """

    image: Tensor
    motion: Tensor


class Graph(nn.Module):
    """A step of a system as a function of tensors, without state and without choices.

    Its inputs and outputs are those of ``forward`` in their order, named by the attributes.

    Args:
        system: The system, in evaluation mode.
        normalise: Normalisation of images, which becomes a part of the graph.

    Attributes:
        role: The frames that the graph is for.
        inputs: Names of the inputs.
        outputs: Names of the outputs.
        resolution_ratio: Scale at which the network sees the frame; known once tried out.
        align_corners: How scores are brought to the image's size; known once tried out.
    """

    role: Role
    resolution_ratio: float
    align_corners: bool
    inputs: tuple[str, ...]
    outputs: tuple[str, ...] = ("labels", "scores")

    def __init__(self, system: VideoSystem, normalise: Normalisation) -> None:
        super().__init__()
        self.system = system
        self.normalise = normalise
        self.eval()

    def named(self, outputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Outputs by their names."""
        return dict(zip(self.outputs, outputs, strict=True))

    def arguments(self, inputs: Inputs, carried: Tensor | None) -> tuple[Tensor, ...]:
        """Choose the graph's inputs from what a stream has."""
        known = {"image": inputs.image, "carried": carried, "motion": inputs.motion}
        return tuple(tensor for name in self.inputs if (tensor := known[name]) is not None)

    def try_out(self, inputs: Inputs, carried: Tensor | None) -> Tensor | None:
        """Take one step to see what it is like, and return what it carries."""
        prediction, carried = self._step(inputs.image, carried, inputs.motion)
        self.resolution_ratio = prediction.resolution_ratio
        self.align_corners = prediction.align_corners
        return carried

    def _step(
        self, image: Tensor, carried: Tensor | None, motion: Tensor
    ) -> tuple[Prediction, Tensor | None]:
        distance = 0 if self.role == "keyframe" else 1
        frame = StreamFrame(self._normalised(image), motion, distance)
        prediction, carried = self.system.step(frame, carried)
        return prediction, carried

    def _normalised(self, image: Tensor) -> Tensor:
        return self.normalise(image.permute(0, 3, 1, 2).to(torch.float32))


class KeyframeGraph(Graph):
    """Segments a keyframe, and every frame of a system without keyframes.

    Shapes:
        image: (B, H, W, 3) uint8
        returns: labels (B, H, W) uint8, scores (B, K, h, w), and, where another frame may refer
        to this one, carried (B, C, h', w')
    """

    role = "keyframe"
    inputs = ("image",)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Segment."""
        still = image.new_zeros((image.shape[0], 2, *image.shape[1:3]), dtype=torch.float32)
        prediction, carried = self._step(image, None, still)
        results = (_labels(prediction), prediction.scores)
        return results if carried is None else (*results, carried)

    def try_out(self, inputs: Inputs, carried: Tensor | None) -> Tensor | None:
        """Take one step to see whether anything is carried."""
        carried = super().try_out(inputs, None)
        self.outputs = ("labels", "scores") if carried is None else ("labels", "scores", "carried")
        return carried


class NonKeyframeGraph(Graph):
    """Segments another frame with what its keyframe carries.

    Shapes:
        image: (B, H, W, 3) uint8   carried: (B, C, h', w')   motion: (B, 2, H, W)
        returns: labels (B, H, W) uint8, scores (B, K, h, w)
    """

    role = "nonkeyframe"
    inputs = ("image", "carried", "motion")

    def forward(self, image: Tensor, carried: Tensor, motion: Tensor) -> tuple[Tensor, ...]:
        """Segment."""
        prediction, _ = self._step(image, carried, motion)
        return _labels(prediction), prediction.scores


def graphs_of(
    system: VideoSystem, normalise: Normalisation, example: Inputs
) -> Mapping[Role, Graph]:
    """Make the graphs that a system needs: one if it carries nothing, two otherwise.

    Args:
        system: The system, in evaluation mode.
        normalise: Normalisation of images.
        example: A frame of the size that the graphs are for.
    """
    graphs: dict[Role, Graph] = {"keyframe": KeyframeGraph(system, normalise)}
    with torch.inference_mode():
        carried = graphs["keyframe"].try_out(example, None)
        if carried is not None:
            graphs["nonkeyframe"] = NonKeyframeGraph(system, normalise)
            graphs["nonkeyframe"].try_out(example, carried)
    return graphs


def _labels(prediction: Prediction) -> Tensor:
    """Best class of every pixel, by standard operators whatever the prediction's own way is."""
    return prediction.logits.argmax(dim=1).to(torch.uint8)
