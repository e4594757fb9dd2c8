"""Weights of a segmentor from our checkpoints, saved networks, and files that authors published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from arseg_lightning.models.bisenet import BiSeNet18, TorchSegBiSeNet18
from arseg_lightning.models.pspnet import PSPNet18, PSPNet18Stride8
from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.models.swiftnet import SwiftNet
from arseg_lightning.models.weight_file import load_matching, read_checkpoint, renamed

__all__ = ["PublishedFormat", "has_trained_fusion", "load_segmentor_weights", "published_format"]
__all__ += ["published_fusion_weights", "refuse_published_low_res"]

_FUSION = {
    "fuse_attention.lr_query_conv.": "query.",
    "fuse_attention.hr_key_conv.": "key.",
    "fuse_attention.hr_value_conv.": "value.",
}


_PROTOCOLS = {
    (12, 11): ": as published for CamVid, void is the twelfth class; set protocol: camvid12 in "
    "data.train, data.val and data.test, or add --config experiments/camvid/published.yaml",
    (11, 12): ": CamVid without void; set protocol: camvid11 in data.train, data.val and data.test",
}
"""The remedy, by the number of classes of the file and of the data."""


@dataclass(frozen=True, slots=True)
class PublishedFormat:
    """How the published files of one network name its weights.

    Args:
        network: The network here.
        data: The data sets that it was trained on.
        marker: A key that only this network's files have.
        prefixes: Start of a published key to start of ours. Some tensors stand in the files under
            two names.
        fusion_everywhere: Whether the high-res branch's files hold a fusion, too, which is not
            used.
    """

    network: type[Segmentor]
    data: str
    marker: str
    prefixes: Mapping[str, str]
    fusion_everywhere: bool = False

    def translate(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Give the segmentor's weights our names; the fusion's weights are left out."""
        own = {k: v for k, v in state.items() if not k.startswith(tuple(_FUSION))}
        return renamed(own, self.prefixes)


_FORMATS = (
    PublishedFormat(
        SwiftNet,
        data="Cityscapes (BlockCopy's authors)",
        marker="spp.spp.spp_bn.conv.weight",
        prefixes={
            "spp.spp.spp_bn.": "pyramid.first.",
            "spp.spp.spp_fuse.": "pyramid.last.",
            "spp.spp.spp": "pyramid.levels.",
            **{
                f"upsample.{index}.{theirs}.": f"decoder.{index}.{ours}."
                for index in range(3)
                for theirs, ours in (("bottleneck", "skip"), ("blend_conv", "mix"))
            },
            "logits.norm.": "norm.",
            "logits.conv.": "classifier.",
        },
    ),
    PublishedFormat(
        PSPNet18,
        data="CamVid",
        marker="feats.conv1.weight",
        prefixes={
            "feats.": "backbone.",
            "psp.stages.": "context.pyramid.levels.",
            "psp.bottleneck.": "context.bottleneck.",
            "up_1.conv.": "decoder.0.",
            "up_2.conv.": "decoder.1.",
            "up_3.conv.": "decoder.2.",
            "final_conv.": "classifier.",
            "classifier.": "presence.",
        },
    ),
    PublishedFormat(
        PSPNet18Stride8,
        data="Cityscapes",
        fusion_everywhere=True,
        marker="layer0.0.weight",
        prefixes={
            "layer0.0.": "backbone.conv1.",
            "layer0.1.": "backbone.bn1.",
            "layer": "backbone.layer",
            "ppm.features.": "pyramid.levels.",
            "cls.0.": "head.conv.",
            "cls.1.": "head.bn.",
            "cls.4.": "classifier.",
            "final_conv.": "classifier.",
            "aux.0.": "auxiliary.0.conv.",
            "aux.1.": "auxiliary.0.bn.",
            "aux.4.": "auxiliary.2.",
        },
    ),
    PublishedFormat(
        BiSeNet18,
        data="CamVid or Cityscapes",
        marker="cp.resnet.conv1.weight",
        prefixes={
            "cp.resnet.": "context_path.backbone.",
            "cp.arm16.conv.": "context_path.refine16.conv.",
            "cp.arm16.conv_atten.": "context_path.refine16.gate.conv.",
            "cp.arm16.bn_atten.": "context_path.refine16.gate.bn.",
            "cp.arm32.conv.": "context_path.refine32.conv.",
            "cp.arm32.conv_atten.": "context_path.refine32.gate.conv.",
            "cp.arm32.bn_atten.": "context_path.refine32.gate.bn.",
            "cp.conv_avg.": "context_path.pooled.",
            "cp.conv_head32.": "context_path.up16.",
            "cp.conv_head16.": "context_path.up8.",
            "sp.conv1.": "spatial_path.0.",
            "sp.conv2.": "spatial_path.1.",
            "sp.conv3.": "spatial_path.2.",
            "sp.conv_out.": "spatial_path.3.",
            "ffm.convblk.": "merge.conv.",
            "ffm.conv.": "merge.gate.conv.",
            "ffm.bn.": "merge.gate.bn.",
            "conv_out.conv.": "head.",
            "conv_out.conv_out.": "classifier.",
            "feat_conv_out.": "head.",
            "final_conv.": "classifier.",
            "conv_out16.conv.": "auxiliary8.0.",
            "conv_out16.conv_out.": "auxiliary8.1.",
            "conv_out32.conv.": "auxiliary16.0.",
            "conv_out32.conv_out.": "auxiliary16.1.",
        },
    ),
    PublishedFormat(
        TorchSegBiSeNet18,
        data="Cityscapes, by TapLab",
        marker="context_path.conv1.weight",
        prefixes={
            "context_path.": "context_path.backbone.",
            "spatial_path.conv_7x7.": "spatial_path.0.",
            "spatial_path.conv_3x3_1.": "spatial_path.1.",
            "spatial_path.conv_3x3_2.": "spatial_path.2.",
            "spatial_path.conv_1x1.": "spatial_path.3.",
            "global_context.1.": "context_path.pooled.",
            "arms.0.conv_3x3.": "context_path.refine32.conv.",
            "arms.0.channel_attention.1.": "context_path.refine32.gate.",
            "arms.1.conv_3x3.": "context_path.refine16.conv.",
            "arms.1.channel_attention.1.": "context_path.refine16.gate.",
            "refines.0.": "context_path.up16.",
            "refines.1.": "context_path.up8.",
            "ffm.conv_1x1.": "merge.conv.",
            "ffm.channel_attention.1.conv.": "merge.gate.1.",
            "ffm.channel_attention.2.conv.": "merge.gate.3.",
            "heads.0.conv_3x3.": "auxiliary16.0.",
            "heads.0.conv_1x1.": "auxiliary16.1.",
            "heads.1.conv_3x3.": "auxiliary8.0.",
            "heads.1.conv_1x1.": "auxiliary8.1.",
            "heads.2.conv_3x3.": "head.",
            "heads.2.conv_1x1.": "classifier.",
        },
    ),
)


def published_format(state: Mapping[str, Tensor]) -> PublishedFormat | None:
    """Tell whose published checkpoint a state dict is; None if it is not one of them."""
    return next((known for known in _FORMATS if known.marker in state), None)


def published_fusion_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take the state dict of a CReFF out of a published checkpoint; empty if it holds none."""
    fusion = {k: v for k, v in state.items() if k.startswith(tuple(_FUSION))}
    return renamed(fusion, _FUSION)


def has_trained_fusion(fusion: Mapping[str, Tensor]) -> bool:
    """Tell a trained fusion from one in its initial state, by its biases, which are zero.

    The authors trained their s x baselines in a network that holds a fusion without using it.
    """
    return any(bool(value.any()) for name, value in fusion.items() if name.endswith("bias"))


def load_segmentor_weights(network: Segmentor, path: str | Path, *, prefix: str = "") -> None:
    """Load a network's weights from a Lightning checkpoint, a published file or a state dict.

    The weights of a fusion in a published file are left out. The prefix, such as
    ``method.high_res.``, is where the network stands inside a Lightning checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, or one of another network, width or number of
            classes.
    """
    state, name = read_checkpoint(path), type(network).__name__
    published = published_format(state)
    if published is None:
        weights = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    elif isinstance(network, published.network):
        weights = published.translate(state)
    else:
        theirs = published.network.__name__
        raise ValueError(
            f"{path} is a published checkpoint of {theirs} for {published.data}, but the model's "
            f"network is {name}; set network to {theirs} (--model.network {theirs}) or give a "
            f"checkpoint of {name}"
        )
    classifier = weights.get("classifier.weight", network.classifier.weight)
    classes = classifier.shape[0]
    if classes != network.num_classes:
        raise ValueError(
            f"{path} is for {classes} classes, but the data has {network.num_classes}; "
            f"use the data set and class protocol that the checkpoint was trained with"
            f"{_PROTOCOLS.get((classes, network.num_classes), '')}"
        )
    load_matching(
        *(network, weights, f"{path} does not fit this {name}"),
        "set the model to the checkpoint's network and width, or give another checkpoint",
    )


def refuse_published_low_res(path: str | Path) -> None:
    """Raise ValueError if a high-res branch was given a published file of the low-res branch."""
    state = read_checkpoint(path)
    published = published_format(state)
    if published is None or published.fusion_everywhere:
        return
    if has_trained_fusion(published_fusion_weights(state)):
        raise ValueError(
            f"{path} is a published AR file: the low-res branch and its fusion; give a file of "
            "the folder HR for weights.high_res, and this one for weights.low_res and "
            "weights.fusion"
        )
