"""EoMT of Hugging Face's transformers: a plain ViT whose last blocks carry the queries too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.eomt_patches import Patches, embedded
from arseg_lightning.models.mask_annealing import MaskAnnealing
from arseg_lightning.models.query_segmentor import Queries, QuerySegmentor, class_map
from arseg_lightning.models.segmentor import Output, QueryScores, SideOutputs
from arseg_lightning.models.windows import Windows

__all__ = ["EoMT"]

_KINDS = ("eomt", "eomt_dinov3", "videomt")
_UNSEEN = -1e9
"""Added to the attention of a query to patches outside of its mask."""


class EoMT(QuerySegmentor):
    """EoMT on DINOv2 or DINOv3, for images of any size; also the network of a VidEoMT.

    Images are filled up to whole patches. DINOv2's position embeddings, which are of one square
    size, are resized to the image's patches; DINOv3 has none. It trains by :class:`SetLoss`.

    Args:
        num_classes: Number of classes K. Where the pretrained network has another number, the layer
            that scores the classes of queries starts from random weights, for training.
        name: Repository id on the hub, or a folder that ``save_pretrained`` wrote.
        pretrained: Whether its weights are loaded; without, the folder's ``config.json`` suffices.
        windows: Whether images are segmented in overlapping squares of the size that the file
            names, as the authors do, and not as a whole. Training sees its crops as they are: let
            them be squares of that size.
        annealing: How training takes the attention masks of the queries away; without, each block
            masks as the file says.

    Raises:
        ValueError: If the package transformers is missing, there is no such network, it is no
            EoMT, or it cannot do what is asked.

    Source: Kerssies et al., Your ViT is Secretly an Image Segmentation Model, CVPR 2025; the
        layers are those of transformers.
    Differs: transformers takes images of the one square size alone. A block that masks some queries
        at random in training does so, in evaluation, with all if they are the half or more, and
        with none otherwise; and one that masks none takes no masks over from the block before.
    """

    def __init__(
        self,
        num_classes: int,
        name: str,
        pretrained: bool = True,
        windows: bool = False,
        annealing: MaskAnnealing | None = None,
    ) -> None:
        super().__init__(num_classes)
        self.take(name, pretrained, _KINDS, "hidden_size")
        model = self.model
        if model.config.model_type == "videomt":
            self.method_parts = (model.query_updater,)
            model.query_updater = None
        self.multiple = model.config.patch_size
        self.feature_stride = self.multiple // 2**model.config.num_upscale_blocks
        self.num_prefix: int = model.embeddings.num_prefix_tokens
        self.masking = [1.0 if annealing is None else 0.0] * model.config.num_blocks
        self.annealing = annealing
        if windows:
            self.window = _window(model.config, name)
        if annealing is not None and model.config.model_type == "videomt":
            raise ValueError(
                f"{name} is a videomt, whose queries are never masked; leave annealing out"
            )
        _read_masking(self)
        self.register_load_state_dict_post_hook(_read_masking)  # type: ignore[no-untyped-call]

    @property
    def masking(self) -> list[float]:
        """How likely each of the last blocks masks the attention of a query.

        Numbers, which a graph may branch on, beside the weights, which networks may share.
        """
        known: list[float] = self.model.masking
        return known

    @masking.setter
    def masking(self, probabilities: list[float]) -> None:
        self.model.masking = probabilities

    def output(self, image: Tensor, with_side: bool | None = None) -> Output:
        """Put the map of classes together, of the whole image or of its windows."""
        in_training = self.training if with_side is None else with_side
        if self.window is None or in_training:
            return super().output(image, with_side)
        windows = Windows.over((image.shape[-2], image.shape[-1]), self.window)
        found = self.find(windows.cut(image)).scores
        maps = class_map(found[-1], (self.window, self.window))  # (n B, K, side, side)
        side = SideOutputs(queries=found, windows=windows)
        return Output(windows.average(maps), self.align_corners, side=side)

    def follow_training(self, progress: float) -> None:
        """Mask the attention of queries less and less, if they are annealed."""
        if self.annealing is not None:
            self.masking = self.annealing.probabilities(progress, len(self.masking))
            self.model.attn_mask_probs.copy_(torch.tensor(self.masking))

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
        return Patches.of(self.model, image.to(self.model.class_predictor.weight.dtype))

    def early(self, patches: Patches, chosen: Tensor | None = None) -> Tensor:
        """Run the blocks before the queries come, over all patches of images or over some.

        Args:
            patches: The images.
            chosen: Indices of patches, rows first, (B, k), which see each other alone.

        Returns:
            Tokens that are no patches, then the patches: (B, prefix + h w or k, C).
        """
        model = self.model
        tokens = embedded(model, patches, chosen)
        around = patches.around if chosen is None else patches.around_some(chosen)
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
        found = list[QueryScores]()
        last = model.layers[len(model.layers) - len(self.masking) :]
        for layer, each in zip(last, self.masking, strict=True):
            probability, mask = each if self.training else float(each >= 0.5), None
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


def _window(config: Any, name: str) -> int:
    """Side of the squares that a network was made for."""
    side, patch = config.image_size, config.patch_size
    if not isinstance(side, int) or side % patch:
        raise ValueError(
            f"windows are squares of whole patches, and {name} is made for images of {side} with "
            f"patches of {patch} pixels; leave windows out, and images are segmented as a whole"
        )
    return side


def _read_masking(network: EoMT, incompatible_keys: Any = None) -> None:
    """Take what the weights say; no closure, so that networks can be copied."""
    model = network.model
    if model.config.model_type == "videomt":  # whose queries are never masked
        network.masking = [0.0] * model.config.num_blocks
    elif not model.attn_mask_probs.is_meta:  # which has no values, where costs are counted
        network.masking = model.attn_mask_probs.tolist()
