"""Weights for a segmentor from any checkpoint of it: ours, the published ones, a plain one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from arseg_lightning.models.published import PublishedFormat, published_format
from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.models.weight_file import read_checkpoint

__all__ = ["load_segmentor_weights"]

_CLASSIFIER = "classifier.weight"

_PROTOCOLS = {
    (12, 11): ": as published for CamVid, void is the twelfth class; set protocol: camvid12 in "
    "data.train, data.val and data.test, or add --config experiments/camvid/published.yaml",
    (11, 12): ": CamVid without void; set protocol: camvid11 in data.train, data.val and data.test",
}
"""What to set, by the number of classes of the file and of the data."""


def load_segmentor_weights(
    network: Segmentor,
    path: str | Path,
    *,
    prefixes: Sequence[str] = ("",),
) -> None:
    """Load a network's weights from one of our checkpoints, a published one or a state dict.

    Args:
        network: Receives the weights.
        path: A Lightning checkpoint, a file that the authors of AR-Seg published (high-res or
            low-res branch; the fusion's weights are left out here), or a saved state dict.
        prefixes: Where the network may stand inside a Lightning checkpoint (``high_res.``); the
            first that is there counts.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, or one of another network, width or number of
            classes.
    """
    state = read_checkpoint(path)
    published = published_format(state)
    if published is None:
        weights = _below_prefix(state, prefixes, path)
    else:
        _check_published(network, published, path)
        weights = published.translate(state)
    _check(network, weights, path)
    network.load_state_dict(weights)


def _check_published(network: Segmentor, published: PublishedFormat, path: str | Path) -> None:
    """Raise if a published file is of another network than the model."""
    if not isinstance(network, published.network):
        theirs, ours = published.network.__name__, type(network).__name__
        raise ValueError(
            f"{path} is a published checkpoint of {theirs} for {published.data}, but the model's "
            f"network is {ours}; set network to {theirs} (--model.network {theirs}) or give a "
            f"checkpoint of {ours}"
        )


def _below_prefix(
    state: Mapping[str, Tensor], prefixes: Sequence[str], path: str | Path
) -> dict[str, Tensor]:
    """Take the network's part of a checkpoint, by the classifier that every segmentor has."""
    for prefix in prefixes:
        if prefix + _CLASSIFIER in state:
            return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    there = [k.removesuffix(_CLASSIFIER) for k in state if k.endswith(_CLASSIFIER)]
    found = f"networks under {there}" if there else f"keys such as {list(state)[:3]}"
    raise ValueError(
        f"{path} holds no segmentor under any of {list(prefixes)}; found {found}; "
        "give a checkpoint of this package or one that the authors of AR-Seg published"
    )


def _check(network: Segmentor, weights: Mapping[str, Tensor], path: str | Path) -> None:
    """Raise unless the weights are those of this network with these classes."""
    expected = network.state_dict()
    name = type(network).__name__
    missing = [key for key in expected if key not in weights]
    unknown = [key for key in weights if key not in expected]
    if missing or unknown:
        raise ValueError(
            f"{path} is a checkpoint of another network: {name} expects {len(expected)} tensors, "
            f"the file has {len(weights)}; missing {missing[:3]}, unknown {unknown[:3]}; "
            "set the model to the checkpoint's network or give another checkpoint"
        )
    # The width first: at another width the classifier differs as well.
    stem = next(iter(expected))
    if weights[stem].shape != expected[stem].shape:
        raise ValueError(
            f"{path} is a {name} of another width: {stem} is {tuple(weights[stem].shape)}, "
            f"expected {tuple(expected[stem].shape)}; set the model's width to the checkpoint's"
        )
    classes = weights[_CLASSIFIER].shape[0]
    if classes != network.num_classes:
        raise ValueError(
            f"{path} is a {name} for {classes} classes, but the data has {network.num_classes}; "
            f"use the data set and class protocol that the checkpoint was trained with"
            f"{_PROTOCOLS.get((classes, network.num_classes), '')}"
        )
    for key, value in expected.items():
        if weights[key].shape != value.shape:
            raise ValueError(
                f"{path}: {key} is {tuple(weights[key].shape)}, {name} expects "
                f"{tuple(value.shape)}; give a checkpoint of this network"
            )
