"""The step of a role as a graph: from named tensors to named tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.export.signature import NEXT, Signature
from arseg_lightning.methods import FrameInput, Output, VideoMethod

__all__ = ["RoleGraph", "labels_of", "normalised"]


class RoleGraph(nn.Module):
    """A step of a method as a function of tensors, without state and without choices.

    Its inputs and outputs are those of ``forward`` in their order, named by the attributes.

    Args:
        method: The method, in evaluation mode.
        role: The role.
        signature: What its step reads and gives.
        normalise: Normalisation of images, which becomes a part of the graph.

    Attributes:
        inputs: Names of the inputs: of ``image`` (uint8, (B, H, W, 3)), ``motion``, ``valid``,
            the state and what is planned, those that the step reads.
        outputs: Names of the outputs: ``labels`` (uint8, (B, H, W)) and ``scores``, if the role
            gives scores, and ``next_NAME`` for each tensor of the state that it makes anew.
    """

    def __init__(
        self, method: VideoMethod, role: str, signature: Signature, normalise: Normalisation
    ) -> None:
        super().__init__()
        self.method = method
        self.role = role
        self.signature = signature
        self.normalise = normalise
        self.inputs, self.outputs = signature.inputs, signature.outputs
        self.size = (signature.frame["image"].shape[-2], signature.frame["image"].shape[-1])
        self.eval()

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Take the step."""
        given = dict(zip(self.inputs, tensors, strict=True))
        if "image" in given:
            given["image"] = normalised(given["image"], self.normalise)
        frame, state, planned = (
            self._completed(names, given, tensors)
            for names in (self.signature.frame, self.signature.state, self.signature.planned)
        )
        output, after = self.method.step(self.role, FrameInput(**frame), state, **planned)
        results = {NEXT + name: tensor for name, tensor in after.items()}
        if output is not None:
            results |= {"labels": labels_of(output, self.size), "scores": output.scores}
        # An input that comes out again under another name is copied: names are tensors.
        return tuple(
            each.clone() if any(each is tensor for tensor in tensors) else each
            for each in (results[name] for name in self.outputs)
        )

    def batch_axes(self) -> tuple[bool, ...]:
        """Whether the first axis of each input counts frames: it does but for what is planned."""
        return tuple(name not in self.signature.planned for name in self.inputs)

    def dynamic_shapes(self) -> tuple[tuple[dict[int, Any], ...]]:
        """Which axes may have any length, as torch's exporters want to know it."""
        batch = torch.export.Dim("batch")
        return (tuple({0: batch} if each else {} for each in self.batch_axes()),)

    def example(self, batch: int = 1) -> tuple[Tensor, ...]:
        """Inputs of zeros, in order."""
        made = []
        for name, is_batch in zip(self.inputs, self.batch_axes(), strict=True):
            like = self.signature.given[name]
            shape, dtype = tuple(like.shape), like.dtype
            if name == "image":
                shape, dtype = (1, *self.size, 3), torch.uint8
            shape = (batch, *shape[1:]) if is_batch else shape
            made.append(torch.zeros(shape, dtype=dtype))
        return tuple(made)

    def _completed(
        self, wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], inputs: tuple[Tensor, ...]
    ) -> dict[str, Tensor]:
        """Put zeros where the step is given what it does not read; they leave no trace."""
        first = inputs[self.batch_axes().index(True)]
        batch = () if wanted is self.signature.planned else (first.shape[0],)
        return {
            name: given[name]
            if name in given
            else torch.zeros((*batch, *like.shape[len(batch) :]), dtype=like.dtype)
            for name, like in wanted.items()
        }


def normalised(image: Tensor, normalise: Normalisation) -> Tensor:
    """Pixels as networks want them: uint8 (B, H, W, 3) -> float32 (B, 3, H, W)."""
    return normalise(image.permute(0, 3, 1, 2).to(torch.float32))


def labels_of(output: Output, size: tuple[int, int]) -> Tensor:
    """Best class of every pixel, by standard operators whatever PyTorch's fastest way is."""
    if output.found_labels is not None:
        return output.found_labels
    return output.logits(size).argmax(dim=1).to(torch.uint8)
