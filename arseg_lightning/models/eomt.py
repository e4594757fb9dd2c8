"""EoMT of Hugging Face's transformers: a plain ViT whose last blocks carry the queries too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.query_segmentor import Queries, QuerySegmentor
from arseg_lightning.models.segmentor import QueryScores

__all__ = ["EoMT", "Patches"]

_KINDS = ("eomt", "eomt_dinov3", "videomt")
_UNSEEN = -1e9
"""Added to the attention of a query to patches outside of its mask."""


class Patches(NamedTuple):
    """An image as the blocks see it, made once a frame."""

    image: Tensor  # (B, 3, H, W), whole patches
    grid: tuple[int, int]  # rows and columns of patches
    around: Mapping[str, Any]  # what blocks are given beside tokens: DINOv3's rotations


class EoMT(QuerySegmentor):
    """EoMT on DINOv2 or DINOv3, for images of any size; also the network of a VidEoMT.

    Images are filled up to whole patches. DINOv2's position embeddings, which are of one square
    size, are resized to the image's patches; DINOv3 has none. It trains by :class:`SetLoss`; the
    attention masks of its queries, which training takes away step by step, are as in the file.

    Args:
        num_classes: Number of classes K. Where the pretrained network has another number, the layer
            that scores the classes of queries starts from random weights, for training.
        name: Repository id on the hub, or a folder that ``save_pretrained`` wrote.
        pretrained: Whether its weights are loaded; without, the folder's ``config.json`` suffices.

    Raises:
        ValueError: If the package transformers is missing, there is no such network, or it is no
            EoMT.

    Source: Kerssies et al., Your ViT is Secretly an Image Segmentation Model, CVPR 2025; the
        layers are those of transformers.
    Differs: transformers takes images of the one square size alone.
    """

    def __init__(self, num_classes: int, name: str, pretrained: bool = True) -> None:
        super().__init__(num_classes)
        self.take(name, pretrained, _KINDS, "hidden_size")
        model = self.model
        if model.config.model_type == "videomt":
            self.method_parts = (model.query_updater,)
            model.query_updater = None
        self.multiple = model.config.patch_size
        self.feature_stride = self.multiple // 2**model.config.num_upscale_blocks
        self.num_prefix: int = model.embeddings.num_prefix_tokens
        # How likely each of the last layers masks the attention of a query: numbers, which a graph
        # may branch on.
        self.masking = [1.0] * model.config.num_blocks
        _read_masking(self)
        self.register_load_state_dict_post_hook(_read_masking)  # type: ignore[no-untyped-call]

    def find(
        self, image: Tensor, with_earlier: bool = False, added: Tensor | None = None
    ) -> Queries:
        """Run the network; sides of the images are multiples of a patch.

        ``added`` is added to the learned queries, (B, Q, C).
        """
        patches = self.patches(image)
        return self.late(self.early(patches), patches, with_earlier, added)

    def patches(self, image: Tensor) -> Patches:
        """Prepare images, (B, 3, H, W), of whole patches."""
        model = self.model
        image = image.to(model.class_predictor.weight.dtype)
        grid = image.shape[-2] // self.multiple, image.shape[-1] // self.multiple
        if model.config.model_type != "eomt_dinov3":
            return Patches(image, grid, {})
        # In training, these are drawn at random: all blocks have to see the same.
        return Patches(image, grid, {"position_embeddings": model.rope_embeddings(image)})

    def early(self, patches: Patches, chosen: Tensor | None = None) -> Tensor:
        """Run the blocks before the queries come, over all patches of images or over some.

        Args:
            patches: The images.
            chosen: Indices of patches, rows first, (B, k), which see each other alone.

        Returns:
            Tokens that are no patches, then the patches: (B, prefix + h w or k, C).
        """
        model, around = self.model, patches.around
        tokens = self._embedded(patches, chosen)
        if chosen is not None:
            around = {k: tuple(x[chosen][:, None] for x in v) for k, v in around.items()}
        for layer in model.layers[: len(model.layers) - len(self.masking)]:
            tokens = layer(tokens, **around)
        return tokens

    def late(
        self,
        tokens: Tensor,
        patches: Patches,
        with_earlier: bool = False,
        added: Tensor | None = None,
    ) -> Queries:
        """Run the last blocks, which carry the queries, over the tokens of all patches."""
        model, grid = self.model, patches.grid
        queries = model.query.weight.expand(len(tokens), -1, -1)
        tokens = torch.cat([queries if added is None else queries + added, tokens], dim=1)
        found, mask = list[QueryScores](), None
        last = model.layers[len(model.layers) - len(self.masking) :]
        for layer, probability in zip(last, self.masking, strict=True):
            if probability > 0 or with_earlier:
                found.append(self._scores(model.layernorm(tokens), grid))
            if probability > 0:
                mask = self._mask(found[-1].masks, grid, tokens, probability)
            tokens = layer(tokens, attention_mask=mask, **patches.around)
        carried, tokens = tokens[:, : self.num_queries], model.layernorm(tokens)
        found = [*(found if with_earlier else ()), self._scores(tokens, grid)]
        return Queries(tuple(found), tokens[:, : self.num_queries], carried)

    def heads(self) -> Iterator[nn.Module]:
        """The layers after the last norm that see queries alone."""
        model = self.model
        yield model.class_predictor
        yield model.mask_head

    def _embedded(self, patches: Patches, chosen: Tensor | None) -> Tensor:
        """Tokens of images, of all patches or of those that are chosen, (B, prefix + k, C)."""
        parts, image = self.model.embeddings, patches.image
        embed = getattr(parts.patch_embeddings, "projection", parts.patch_embeddings)
        if chosen is None:
            tokens = embed(image).flatten(2).mT  # (B, h w, C)
        else:
            # A convolution without overlap: each patch is an image of its own.
            side = self.multiple
            pixels = image.unflatten(3, (-1, side)).unflatten(2, (-1, side))  # (B, 3, h, p, w, p)
            pixels = pixels.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)  # (B, h w, 3, p, p)
            each = torch.arange(len(image), device=image.device)[:, None]
            tokens = embed(pixels[each, chosen].flatten(0, 1)).unflatten(0, chosen.shape)
            tokens = tokens.flatten(2)  # (B, k, C)
        if hasattr(parts, "position_embeddings"):
            positions = self._positions(patches.grid)
            tokens = tokens + (positions if chosen is None else positions[chosen])
        prefix = parts.cls_token, parts.register_tokens
        before = [each.expand(len(image), -1, -1) for each in prefix]
        dropout = self.model.dropout if hasattr(self.model, "dropout") else parts.dropout
        all_tokens: Tensor = dropout(torch.cat([*before, tokens], dim=1))
        return all_tokens

    def _positions(self, grid: tuple[int, int]) -> Tensor:
        """DINOv2's position embeddings, which are of one square size, for a grid, (h w, C)."""
        positions: Tensor = self.model.embeddings.position_embeddings.weight  # (N, C)
        side = int(len(positions) ** 0.5)
        if grid == (side, side):
            return positions
        square = positions.t().unflatten(1, (side, side))[None]
        resized = F.interpolate(square, grid, mode="bicubic", align_corners=False)
        return resized[0].flatten(1).t()

    def _scores(self, tokens: Tensor, grid: tuple[int, int]) -> QueryScores:
        """Classes and masks of the queries, from normalised tokens."""
        model = self.model
        queries = tokens[:, : self.num_queries]
        patches = tokens[:, -grid[0] * grid[1] :].mT.reshape(len(tokens), -1, *grid)  # (B, C, h, w)
        finer = model.upscale_block(patches)
        masks = torch.einsum("bqc,bchw->bqhw", model.mask_head(queries), finer)
        return QueryScores(model.class_predictor(queries), masks)

    def _mask(
        self, masks: Tensor, grid: tuple[int, int], tokens: Tensor, probability: float
    ) -> Tensor:
        """What is added to attention: queries see the patches of their masks, (B, 1, T, T)."""
        patches = grid[0] * grid[1]
        small = F.interpolate(masks, grid, mode="bilinear", align_corners=False).flatten(2)
        seen = small > 0  # (B, Q, h w)
        if probability < 1:
            seen |= torch.rand(seen.shape[:2], device=seen.device)[..., None] > probability
        batch, number = tokens.shape[:2]
        added = tokens.new_zeros(batch, 1, number, number)
        added[:, 0, : self.num_queries, -patches:] = torch.where(seen, 0.0, _UNSEEN)
        return added


def _read_masking(network: EoMT, incompatible_keys: Any = None) -> None:
    """Take what the weights say; no closure, so that networks can be copied."""
    model = network.model
    if model.config.model_type == "videomt":  # whose queries are never masked
        network.masking = [0.0] * model.config.num_blocks
    elif not model.attn_mask_probs.is_meta:  # which has no values, where costs are counted
        network.masking = model.attn_mask_probs.tolist()
