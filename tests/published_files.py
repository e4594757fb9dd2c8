"""Files in the format that the authors of AR-Seg published, of networks of any width."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from arseg_lightning.models import BiSeNet18, PSPNet18, PSPNet18Stride8, Segmentor
from arseg_lightning.models.published import PublishedFormat, published_format
from arseg_lightning.propagation import CReFF

MARKERS: dict[type[Segmentor], str] = {
    PSPNet18: "feats.conv1.weight",
    PSPNet18Stride8: "layer0.0.weight",
    BiSeNet18: "cp.resnet.conv1.weight",
}
FUSION = {"query": "lr_query_conv", "key": "hr_key_conv", "value": "hr_value_conv"}


def published_state(network: Segmentor, fusion: CReFF | None = None) -> dict[str, Tensor]:
    """A network's weights under the published names, aliases and ``module.`` included.

    Of two names for one tensor the later one counts; the earlier one holds something else here.
    """
    known = published_format({MARKERS[type(network)]: torch.zeros(1)})
    assert known is not None
    state = {}
    for name, value in network.state_dict().items():
        *aliases, last = published_names(known, name)
        state |= {f"module.{alias}": torch.zeros_like(value) for alias in aliases}
        state[f"module.{last}"] = value
    if fusion is not None:
        for name, value in fusion.state_dict().items():
            ours, rest = name.split(".")
            state[f"module.fuse_attention.{FUSION[ours]}.{rest}"] = value
    return state


def published_names(known: PublishedFormat, name: str) -> list[str]:
    """The names of one of our tensors in the published files, in their order."""
    candidates = [
        theirs + name.removeprefix(ours)
        for theirs, ours in known.prefixes.items()
        if name.startswith(ours)
    ]
    nothing = torch.zeros(0)
    return [c for c in candidates if list(known.translate({c: nothing})) == [name]] or [name]


def write_high(path: Path, network: Segmentor) -> Path:
    """Write a file of the folder HR."""
    torch.save(published_state(network), path)
    return path


def write_low(path: Path, network: Segmentor, *, trained: bool = True) -> Path:
    """Write a file of the folder AR, or of LR, whose fusion is as it was initialised."""
    fusion = CReFF(network.feature_channels, start="paper")
    if trained:
        for parameter in fusion.parameters():
            nn.init.normal_(parameter)
    torch.save(published_state(network, fusion), path)
    return path
