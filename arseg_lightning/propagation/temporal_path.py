"""A path of TDNet: a sub-network, and the attention that gathers what the frames before left."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arseg_lightning.models.fanet import LEAKY_SLOPE, FANet18
from arseg_lightning.models.multigrid_pspnet import MultigridPSPNet, channel_slice
from arseg_lightning.models.segmentor import Segmentor, SideOutputs
from arseg_lightning.models.weight_file import renamed

__all__ = ["PositionNorm", "TemporalPath", "published_weights"]

_KEY_CHANNELS = 64
_BACKBONE = ("conv1.", "bn1.", "layer")  # without the classifier
_LEVEL = {"w_qs": "query", "w_ks": "key", "w_vs": "value", "latlayer3": "mix"}
_LEVEL |= {"up": "up", "smooth": "smooth"}
_UNREAD = {"32.smooth", "8.smooth", "4.up"}
"""Layers of the published FANet whose output nothing reads."""


class TemporalPath(nn.Module):
    """A sub-network, its encoder, and its attention, norm and head.

    Args:
        network: Gives the feature; its layers after that are taken out.
        part: Which slice of the channels is kept, and how many slices there are.
        hops: Number of frames that it looks back.
        channels: Of the values, of the head, and the number of classes.
        norm_size: Size of the maps of the norm; None for an instance norm.
    """

    def __init__(
        self,
        network: Segmentor,
        part: tuple[int, int],
        hops: int,
        channels: tuple[int, int, int],
        norm_size: tuple[int, int] | None,
    ) -> None:
        super().__init__()
        self.network = network
        self.index, self.slices = part
        self.stage = "feature"
        self.parts: tuple[int, ...] = (network.feature_channels,)
        if isinstance(network, MultigridPSPNet | FANet18):
            self.stage, self.parts = "pyramid", network.parts
            network.head = nn.Identity()  # type: ignore[assignment]
        network.classifier = nn.Identity()  # type: ignore[assignment]
        if odd := [channels for channels in self.parts if channels % self.slices]:
            raise ValueError(
                f"{odd[0]} channels do not split into {self.slices} slices; set slices to a divisor"
            )
        kept = sum(self.parts) // self.slices
        wide, head, num_classes = channels
        self.query, self.key = _key_encoder(kept), _key_encoder(kept)
        self.value = nn.Conv2d(kept, wide, 1)
        self.attention = nn.ModuleList(Attention(wide) for _ in range(hops))
        self.norm = (
            nn.InstanceNorm2d(wide, affine=True) if norm_size is None else PositionNorm(norm_size)
        )
        like_fanet = isinstance(network, FANet18)
        self.head = nn.Sequential(
            nn.Conv2d(wide, head, 3, padding=1, bias=False),
            nn.BatchNorm2d(head),
            nn.LeakyReLU(LEAKY_SLOPE, inplace=True) if like_fanet else nn.ReLU(inplace=True),
            nn.Dropout2d(0.0 if like_fanet else 0.1),
            nn.Conv2d(head, num_classes, 1, bias=not like_fanet),
        )

    def encode(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Compute this path's slice of the network's channels, (B, C', h, w)."""
        x, side = self.network.run(self.stage, {"image": image}, with_side)
        if self.slices == 1:
            return x, side
        return channel_slice(x, self.parts, self.index, self.slices), side

    def score(self, value: Tensor) -> Tensor:
        """Normalise values and classify them: (B, C, h, w) -> (B, K, h, w)."""
        scores: Tensor = self.head(self.norm(value))
        return scores


class Attention(nn.Module):
    """Values of one frame, gathered for the queries of another; then a 1x1 convolution.

    Shapes:
        query: (B, 64, h, w)   key: (B, 64, h', w')   value: (B, C, h', w')   returns: (B, C, h, w)
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1)
        self.dropout = nn.Dropout(0.1)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend and mix."""
        size = query.shape[-2:]
        similarity = query.flatten(2).mT @ key.flatten(2)  # (B, hw, h'w')
        weights = self.dropout(F.softmax(similarity * query.shape[1] ** -0.5, dim=-1))
        gathered = weights @ value.flatten(2).mT  # (B, hw, C)
        mixed: Tensor = self.dropout(self.mix(gathered.mT.unflatten(2, size)))
        return mixed


class PositionNorm(nn.Module):
    """An instance norm with a weight and a bias for each position, shared by all channels."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, h, w) over space; ValueError if the maps have another size."""
        if x.shape[-2:] != self.weight.shape:
            (height, width), (own_height, own_width) = x.shape[-2:], self.weight.shape
            raise ValueError(
                f"this TDNet's norm has a weight for each position of {own_height}x{own_width}, an "
                f"eighth of its images (height x width), and got {height}x{width}; scale the "
                f"frames to that size, or set norm to instance and train the heads again"
            )
        return F.layer_norm(x, x.shape[-2:], self.weight, self.bias)

    def macs(self, x: Tensor, output: Tensor) -> int:
        """A norm's weights scale, and are not counted."""
        return 0


def published_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the weights that TDNet's authors published our names; only those of paths are kept.

    The files are of TD4-PSP18, TD2-PSP50 or TD2-FA18, for inference or from a training.
    """
    numbers = [int(found[1]) for key in state if (found := re.match(r"layer_norm(\d)\.", key))]
    paths = max(numbers, default=0)
    names = dict[str, str]()
    for path in range(paths):
        n, ours = path + 1, f"paths.{path}."
        parts = {
            **{f"pretrained{n}.{part}": f"network.backbone.{part}" for part in _BACKBONE},
            **{
                f"psp{n}.conv{level}.{i}.": f"network.pyramid.levels.{level - 1}.{i + 1}."
                for level in range(1, 5)
                for i in range(2)
            },
            f"auxlayer{n}.conv5.0.": "network.auxiliary.0.conv.",
            f"auxlayer{n}.conv5.1.": "network.auxiliary.0.bn.",
            f"auxlayer{n}.conv5.4.": "network.auxiliary.2.",
            f"enc{n}.w_vs.0.conv.": "value.",
            # By the frame that is read, oldest first; of two paths there is one
            **{
                f"atn{n}_{source + 1}.fc.0.conv.": f"attention.{(source - n) % paths}.mix."
                for source in range(paths)
            },
            f"atn{n}.fc.0.conv.": "attention.0.mix.",
            f"layer_norm{n}.ln.": "norm.",
            f"head{n}.conv5.": "head.",
            f"head{n}.conv.conv.": "head.0.",
            f"head{n}.conv.bn.": "head.1.",
            f"head{n}.conv_out.": "head.4.",
            f"head_aux{n}.conv.": "network.auxiliary.0.",
            f"head_aux{n}.conv_out.": "network.auxiliary.1.",
            **{
                f"ffm_{stride}_{n}.{theirs}.": f"network.levels.{level}.{mine}."
                for level, stride in enumerate((32, 16, 8, 4))
                for theirs, mine in _LEVEL.items()
                if f"{stride}.{mine}" not in _UNREAD
            },
        }
        for theirs, mine in {"w_qs": "query", "w_ks": "key"}.items():
            layers = {"0.conv.": "0.", "0.bn.": "1.", "1.conv.": "3."}
            parts |= {f"enc{n}.{theirs}.{k}": f"{mine}.{v}" for k, v in layers.items()}
        names |= {theirs: ours + mine for theirs, mine in parts.items()}
    renamed_state = renamed(state, names)
    return {name: x for name, x in renamed_state.items() if name.startswith("paths.")}


def _key_encoder(channels: int) -> nn.Sequential:
    """Queries or keys of a feature: (B, C', h, w) -> (B, 64, h, w)."""
    return nn.Sequential(
        nn.Conv2d(channels, _KEY_CHANNELS, 1),
        nn.BatchNorm2d(_KEY_CHANNELS),
        nn.LeakyReLU(0.01),
        nn.Conv2d(_KEY_CHANNELS, _KEY_CHANNELS, 1),
    )
