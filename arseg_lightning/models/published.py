"""The files that authors published: whose network they hold, and our names of their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from arseg_lightning.models.bisenet import BiSeNet18, TorchSegBiSeNet18
from arseg_lightning.models.pspnet import PSPNet18, PSPNet18Stride8
from arseg_lightning.models.segmentor import Segmentor

__all__ = [
    "PublishedFormat",
    "has_trained_fusion",
    "published_format",
    "published_fusion_weights",
]

_FUSION = {
    "fuse_attention.lr_query_conv.": "query.",
    "fuse_attention.hr_key_conv.": "key.",
    "fuse_attention.hr_value_conv.": "value.",
}


@dataclass(frozen=True, slots=True)
class PublishedFormat:
    """How the published files of one network name its weights.

    Args:
        network: The network here.
        data: The data sets that it was trained on.
        marker: A key that only this network's files have.
        prefixes: Start of a published key to start of ours. Some tensors stand in the files under
            two names, of which the later one counts, as it does for the authors' code.
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
        ours = {}
        for key, value in state.items():
            if not key.startswith(tuple(_FUSION)):
                theirs = next((p for p in self.prefixes if key.startswith(p)), "")
                ours[self.prefixes.get(theirs, "") + key.removeprefix(theirs)] = value
        return ours


_FORMATS = (
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
    """Take the weights of CReFF out of a published checkpoint.

    Args:
        state: The file's weights, as :func:`read_checkpoint` gives them.

    Returns:
        A CReFF's state dict; empty if there is none in the file, as in some of
        the high-res branch.
    """
    return {
        ours + key.removeprefix(theirs): value
        for theirs, ours in _FUSION.items()
        for key, value in state.items()
        if key.startswith(theirs)
    }


def has_trained_fusion(fusion: Mapping[str, Tensor]) -> bool:
    """Tell a trained fusion from one in its initial state.

    The authors trained their s x baselines in a network that holds a fusion without using it:
    its biases are zero, as they were at the start.

    Args:
        fusion: Weights of CReFF, as :func:`published_fusion_weights` gives them.
    """
    return any(bool(value.any()) for name, value in fusion.items() if name.endswith("bias"))
