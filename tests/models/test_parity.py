"""Number for number, the networks are those that the paper's authors published."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.models import (
    PSPNet18,
    Segmentor,
    load_segmentor_weights,
    published_fusion_weights,
    read_checkpoint,
)
from arseg_lightning.propagation.creff import CReFF
from arseg_lightning.propagation.warp import motion_to_grid, warp
from tests.parity import Published


@torch.inference_mode()
def test_high_res_network_matches_published(published: Published) -> None:
    network = published.build()
    load_segmentor_weights(network, published.high_file)
    arrays = published.arrays
    assert_same(scores(network, network(arrays["current_image"])), arrays["hr_logits"])
    feature = network.features(arrays["key_image"])
    assert_same(thinned(feature, network), arrays["key_feature"])


@torch.inference_mode()
def test_low_res_network_matches_published(published: Published) -> None:
    network = published.build()
    load_segmentor_weights(network, published.low_file)
    for ratio in ratios(published):
        feature = network.features(shrunk(published.arrays["current_image"], ratio))
        assert_same(thinned(feature, network), published.arrays[f"lr_feature_{ratio}"])


@torch.inference_mode()
def test_whole_method_matches_published(published: Published) -> None:
    high_res, low_res, fusion = build_all(published)
    arrays = published.arrays
    image = arrays["current_image"]
    size = (image.shape[-2], image.shape[-1])
    key_feature = high_res.features(arrays["key_image"])
    grid = (key_feature.shape[-2], key_feature.shape[-1])
    motion = motion_to_grid(arrays["motion_xy"].permute(0, 3, 1, 2), grid, "paper")
    warped = warp(key_feature, motion, "paper")
    assert_same(thinned(warped, high_res), arrays["warped_feature"])
    for ratio in ratios(published):
        fused = fusion(low_res.features(shrunk(image, ratio)), warped)
        assert_same_after_attention(thinned(fused, low_res), arrays[f"fused_{ratio}"])
        logits = low_res.classify(fused, size)
        assert_same_after_attention(scores(low_res, logits), arrays[f"ar_logits_{ratio}"])


def build_all(published: Published) -> tuple[Segmentor, Segmentor, CReFF]:
    """Both branches and the fusion, through the loader of the published files."""
    high_res, low_res = published.build(), published.build()
    load_segmentor_weights(high_res, published.high_file)
    load_segmentor_weights(low_res, published.low_file)
    fusion = CReFF(low_res.feature_channels)
    fusion.load_state_dict(published_fusion_weights(read_checkpoint(published.low_file)))
    return high_res, low_res, fusion


def ratios(published: Published) -> list[str]:
    """The resolution ratios of the stored arrays, as their names spell them."""
    names = [name for name in published.arrays if name.startswith("lr_feature_")]
    assert names
    return [name.removeprefix("lr_feature_") for name in names]


def shrunk(image: Tensor, ratio: str) -> Tensor:
    size = [int(side * float(ratio)) for side in image.shape[-2:]]
    return F.interpolate(image, size=size, mode="bilinear", align_corners=True)


def assert_same(ours: Tensor, stored: Tensor) -> None:
    assert_close(ours, stored, worst=1e-4, typical=1e-5)


def assert_same_after_attention(ours: Tensor, stored: Tensor) -> None:
    """The same, but for a few pixels of the network at stride 1.

    The attention's logits are not scaled and reach thousands there, so that the last bit of a
    float32 feature can decide between two neighbours: the number of threads alone moves single
    pixels by 1.4e-4, while float64 moves them by 3e-4.
    """
    assert_close(ours, stored, worst=1e-3, typical=1e-5)
    assert ((ours - stored).abs() < 1e-4 * stored.std()).float().mean() > 0.999


def assert_close(ours: Tensor, stored: Tensor, *, worst: float, typical: float) -> None:
    """In units of the stored array's standard deviation; typical is the root mean square."""
    assert ours.shape == stored.shape
    error = (ours - stored) / stored.std()
    assert error.abs().max() < worst
    assert error.square().mean().sqrt() < typical


def thinned(feature: Tensor, network: Segmentor) -> Tensor:
    """Features are stored thinned: every fourth channel, and pixel at stride 1."""
    step = 4 if network.feature_stride == 1 else 1
    return feature[:, ::4, ::step, ::step]


def scores(network: Segmentor, logits: Tensor) -> Tensor:
    """The published decoder network ends in a log-softmax, ours in logits."""
    return logits.log_softmax(1) if isinstance(network, PSPNet18) else logits
