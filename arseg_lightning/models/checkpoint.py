"""Weights of a segmentor from one of our checkpoints, a published one or a state dict."""

from __future__ import annotations

from pathlib import Path

from arseg_lightning.models.published import (
    has_trained_fusion,
    published_format,
    published_fusion_weights,
)
from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.models.weight_file import load_matching, read_checkpoint

__all__ = ["load_segmentor_weights", "refuse_published_low_res"]

_CLASSIFIER = "classifier.weight"

_PROTOCOLS = {
    (12, 11): ": as published for CamVid, void is the twelfth class; set protocol: camvid12 in "
    "data.train, data.val and data.test, or add --config experiments/camvid/published.yaml",
    (11, 12): ": CamVid without void; set protocol: camvid11 in data.train, data.val and data.test",
}
"""The remedy, by the number of classes of the file and of the data."""


def load_segmentor_weights(network: Segmentor, path: str | Path, *, prefix: str = "") -> None:
    """Load a network's weights from one of our checkpoints, a published one or a state dict.

    Args:
        network: Receives the weights.
        path: A Lightning checkpoint, a file that the authors of AR-Seg published (high-res or
            low-res branch; the fusion's weights are left out here), or a saved state dict.
        prefix: Where the network stands inside a Lightning checkpoint: ``method.high_res.``.

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
    classes = weights[_CLASSIFIER].shape[0] if _CLASSIFIER in weights else network.num_classes
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
