"""Number for number, the networks are those that the paper's authors published."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from arseg_lightning.models import (
    Segmentor,
    load_segmentor_weights,
    published_fusion_weights,
    read_checkpoint,
)
from arseg_lightning.models.segmentor import resize_scores
from arseg_lightning.propagation.fusion import CReFF
from arseg_lightning.propagation.warp import motion_to_grid, warp
from tests.parity import Published, assert_same, assert_same_after_attention, ratios, scores


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
        logits = resize_scores(low_res.classifier(fused), size, low_res.align_corners)
        assert_same_after_attention(scores(low_res, logits), arrays[f"ar_logits_{ratio}"])


def build_all(published: Published) -> tuple[Segmentor, Segmentor, CReFF]:
    """Both branches and the fusion, through the loader of the published files."""
    high_res, low_res = published.build(), published.build()
    load_segmentor_weights(high_res, published.high_file)
    load_segmentor_weights(low_res, published.low_file)
    fusion = CReFF(low_res.feature_channels)
    fusion.load_state_dict(published_fusion_weights(read_checkpoint(published.low_file)))
    return high_res, low_res, fusion


def shrunk(image: Tensor, ratio: str) -> Tensor:
    size = [int(side * float(ratio)) for side in image.shape[-2:]]
    return F.interpolate(image, size=size, mode="bilinear", align_corners=True)


def thinned(feature: Tensor, network: Segmentor) -> Tensor:
    """Features are stored thinned: every fourth channel, and pixel at stride 1."""
    step = 4 if network.feature_stride == 1 else 1
    return feature[:, ::4, ::step, ::step]
