"""Images as the blocks of a ViT see them: patches, their tokens and where they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["Patches", "embedded"]


class Patches(NamedTuple):
    """Images of whole patches, with what is made of them once a frame."""

    image: Tensor  # (B, 3, H, W)
    grid: tuple[int, int]  # rows and columns of patches
    around: Mapping[str, Any]  # what blocks are given beside tokens: DINOv3's rotations

    @classmethod
    def of(cls, model: Any, image: Tensor) -> Patches:
        """Prepare images for an EoMT of transformers."""
        side = model.config.patch_size
        grid = image.shape[-2] // side, image.shape[-1] // side
        if model.config.model_type != "eomt_dinov3":
            return cls(image, grid, {})
        # In training, these are drawn at random: all blocks have to see the same.
        return cls(image, grid, {"position_embeddings": model.rope_embeddings(image)})

    def around_some(self, chosen: Tensor) -> dict[str, Any]:
        """What blocks are given beside the tokens of chosen patches, (B, k)."""
        return {k: tuple(x[chosen][:, None] for x in v) for k, v in self.around.items()}

    def pixels(self, chosen: Tensor) -> Tensor:
        """The pixels of chosen patches, (B, k), as images: (B k, 3, p, p)."""
        side = self.image.shape[-1] // self.grid[1]
        height, width = self.grid
        squares = self.image.reshape(len(self.image), -1, height, side, width, side)
        patches = squares.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)  # (B, h w, 3, p, p)
        each = torch.arange(len(patches), device=patches.device)[:, None]
        return patches[each, chosen].flatten(0, 1)


def embedded(model: Any, patches: Patches, chosen: Tensor | None) -> Tensor:
    """Tokens of images, of all patches or of chosen ones, (B, k): (B, prefix + k, C)."""
    parts = model.embeddings
    embed = getattr(parts.patch_embeddings, "projection", parts.patch_embeddings)
    if chosen is None:
        tokens = embed(patches.image).flatten(2).mT  # (B, h w, C)
    else:  # a convolution without overlap: each patch is an image of its own
        tokens = embed(patches.pixels(chosen)).unflatten(0, chosen.shape).flatten(2)  # (B, k, C)
    if model.config.model_type != "eomt_dinov3":
        positions = _positions(parts.position_embeddings.weight, patches.grid)
        tokens = tokens + (positions if chosen is None else positions[chosen])
    prefix = parts.cls_token, parts.register_tokens
    before = [each.expand(len(tokens), -1, -1) for each in prefix]
    dropout = model.dropout if model.config.model_type == "eomt_dinov3" else parts.dropout
    all_tokens: Tensor = dropout(torch.cat([*before, tokens], dim=1))
    return all_tokens


def _positions(positions: Tensor, grid: tuple[int, int]) -> Tensor:
    """DINOv2's position embeddings, (N, C), which are of one square size, for a grid: (h w, C)."""
    side = int(len(positions) ** 0.5)
    if grid == (side, side):
        return positions
    square = positions.t().reshape(1, -1, side, side)
    resized = F.interpolate(square, grid, mode="bicubic", align_corners=False)
    return resized[0].flatten(1).t()
