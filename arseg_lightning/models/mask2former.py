"""Mask2Former of Hugging Face's transformers: masks and classes by queries."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from arseg_lightning.models.query_segmentor import Queries, QuerySegmentor
from arseg_lightning.models.segmentor import QueryScores

__all__ = ["Mask2Former"]


class Mask2Former(QuerySegmentor):
    """Mask2Former with a Swin transformer or a ResNet.

    Its masks lie at stride 4. It trains by :class:`SetLoss`.

    Args:
        num_classes: Number of classes K. Where the pretrained network has another number, the layer
            that scores the classes of queries starts from random weights, for training.
        name: Repository id on the hub, or a folder that ``save_pretrained`` wrote.
        pretrained: Whether its weights are loaded; without, the folder's ``config.json`` suffices.

    Raises:
        ValueError: If the package transformers is missing, there is no such network, or it is no
            Mask2Former.

    Source: Cheng et al., Masked-attention Mask Transformer for Universal Image Segmentation, CVPR
        2022; the network is that of transformers.
    """

    feature_stride = 4

    def __init__(self, num_classes: int, name: str, pretrained: bool = True) -> None:
        super().__init__(num_classes)
        self.take(name, pretrained, ("mask2former",), "hidden_dim")
        for parameter_name, parameter in self.model.named_parameters():
            # Its norm of the last stage, which nothing reads, could not learn.
            parameter.requires_grad_(".encoder.swin.layernorm." not in parameter_name)

    def find(self, image: Tensor, with_earlier: bool = False) -> Queries:
        """Run the network; sides of the images are multiples of 32."""
        model = self.model
        image = image.to(model.class_predictor.weight.dtype)
        seen = model.model(pixel_values=image, output_hidden_states=True)
        # Of the learned queries, then of each layer: (Q, B, C) after the norm, (B, Q, h, w)
        layers = zip(
            seen.transformer_decoder_intermediate_states, seen.masks_queries_logits, strict=True
        )
        vectors, masks = zip(*layers, strict=True)
        first = 0 if with_earlier else -1
        scores = (
            QueryScores(model.class_predictor(each.transpose(0, 1)), mask)
            for each, mask in zip(vectors[first:], masks[first:], strict=True)
        )
        return Queries(tuple(scores), vectors[-1].transpose(0, 1))

    def heads(self) -> Iterator[nn.Module]:
        """The layers after the decoder's norm."""
        model = self.model
        yield model.class_predictor
        yield model.model.transformer_module.decoder.mask_predictor.mask_embedder
