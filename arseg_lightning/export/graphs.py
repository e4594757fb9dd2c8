"""The step of a role as a function from named tensors to named tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.export.signature import Signature, named_results
from arseg_lightning.methods import FrameInput, VideoMethod

__all__ = ["RoleGraph", "normalised"]


class RoleGraph(nn.Module):
    """A step of a method as a function of tensors, without state and without choices.

    Its inputs and outputs are those of ``forward`` in their order, named by the attributes.

    Args:
        method: The method, in evaluation mode.
        role: The role.
        signature: Inputs and outputs of its step.
        normalise: Normalisation of images, which becomes a part of the graph.
        for_int8: Whether it will be quantised.

    Attributes:
        inputs: Names of the inputs, those that the step reads; ``image`` is uint8, (B, H, W, 3).
        outputs: Names of the outputs; ``labels`` are uint8, (B, H, W).
    """

    def __init__(
        self,
        method: VideoMethod,
        role: str,
        signature: Signature,
        normalise: Normalisation,
        for_int8: bool = False,
    ) -> None:
        super().__init__()
        self.method, self.role = method, role
        self.signature, self.normalise, self.for_int8 = signature, normalise, for_int8
        self.inputs, self.outputs = signature.inputs, tuple(signature.results)
        self.size = FrameInput(**signature.frame).size
        self.eval()

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Take the step; inputs that it does not read are zeros, which leave no trace."""
        given = dict(zip(self.inputs, tensors, strict=True))
        if "image" in given:  # uint8 (B, H, W, 3) -> float32 (B, 3, H, W)
            make = _convolved if self.for_int8 else normalised
            given["image"] = make(given["image"], self.normalise)
        of_frame, state, planned = (
            {name: given[name] if name in given else _zeros(like) for name, like in part.items()}
            for part in (self.signature.frame, self.signature.state, self.signature.planned)
        )
        output, after = self.method.step(self.role, FrameInput(**of_frame), state, **planned)
        results = named_results(output, after, self.size)
        # An input that is returned under another name is copied: outputs are new tensors.
        return tuple(
            each.clone() if any(each is tensor for tensor in tensors) else each
            for each in (results[name] for name in self.outputs)
        )

    def example(self) -> tuple[Tensor, ...]:
        """Inputs of zeros, in order."""
        image = torch.zeros(1, *self.size, 3, dtype=torch.uint8)
        return tuple(
            image if name == "image" else _zeros(self.signature.given[name]) for name in self.inputs
        )


def normalised(image: Tensor, normalise: Normalisation) -> Tensor:
    """Pixels as networks want them: uint8 (B, H, W, 3) -> float32 (B, 3, H, W)."""
    return normalise(image.permute(0, 3, 1, 2).to(torch.float32))


def _convolved(image: Tensor, normalise: Normalisation) -> Tensor:
    """The same as a 1x1 convolution of each channel.

    Convolutions in int8 want channels innermost. ONNX Runtime moves all arithmetic before them to
    that layout, where that on three channels is many times slower; a convolution it leaves alone.
    """
    pixels = image.permute(0, 3, 1, 2).to(torch.float32)
    weight = pixels.new_tensor([[[[1 / (255 * std)]]] for std in normalise.std])  # (3, 1, 1, 1)
    bias = [-mean / std for mean, std in zip(normalise.mean, normalise.std, strict=True)]
    return F.conv2d(pixels, weight, pixels.new_tensor(bias), groups=3)


def _zeros(like: Tensor) -> Tensor:
    return torch.zeros(like.shape, dtype=like.dtype)
