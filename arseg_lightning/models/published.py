"""The checkpoints that the authors of AR-Seg published: whose they are, and our names for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from arseg_lightning.models.bisenet import BiSeNet18
from arseg_lightning.models.pspnet import PSPNet18, PSPNet18Stride8
from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.models.weight_file import read_checkpoint

__all__ = [
    "PublishedFormat",
    "has_trained_fusion",
    "published_format",
    "published_fusion_weights",
    "refuse_published_low_res",
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
        return {
            self._our_name(key): value
            for key, value in state.items()
            if not key.startswith(tuple(_FUSION))
        }

    def _our_name(self, key: str) -> str:
        for theirs, ours in self.prefixes.items():
            if key.startswith(theirs):
                return ours + key.removeprefix(theirs)
        return key


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
)


def published_format(state: Mapping[str, Tensor]) -> PublishedFormat | None:
    """Tell whose published checkpoint a state dict is; None if it is not one of them."""
    return next((known for known in _FORMATS if known.marker in state), None)


def published_fusion_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take the weights of CReFF out of a published checkpoint.

    Args:
        state: The file's weights, as :func:`~arseg_lightning.models.read_checkpoint` gives them.

    Returns:
        What a :class:`~arseg_lightning.propagation.creff.CReFF` loads as its state dict; nothing
        if there is none in the file, as in some of the high-res branch.
    """
    return {
        ours + key.removeprefix(theirs): value
        for theirs, ours in _FUSION.items()
        for key, value in state.items()
        if key.startswith(theirs)
    }


def has_trained_fusion(fusion: Mapping[str, Tensor]) -> bool:
    """Tell a trained fusion from one that came out of its initialisation.

    The authors trained their s x baselines in a network that holds a fusion without using it:
    its biases are zero, as they were at the start.

    Args:
        fusion: Weights of CReFF, as :func:`published_fusion_weights` gives them.
    """
    return any(bool(value.any()) for name, value in fusion.items() if name.endswith("bias"))


def refuse_published_low_res(path: str | Path) -> None:
    """Raise if a high-res branch was given a published file of the low-res branch.

    Raises:
        ValueError: If it was.
    """
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
