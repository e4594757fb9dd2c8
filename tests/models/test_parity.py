"""Number for number, the networks are those that the paper's authors published."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from arseg_lightning.models import PSPNet18, Segmentor, load_segmentor_weights
from tests.models.conftest import Published


def assert_same(ours: Tensor, stored: Tensor) -> None:
    assert ours.shape == stored.shape
    assert float((ours - stored).abs().max()) < 1e-4 * float(stored.std())


def thinned(feature: Tensor, network: Segmentor) -> Tensor:
    """Features are stored thinned: every fourth channel, and pixel at stride 1."""
    step = 4 if network.feature_stride == 1 else 1
    return feature[:, ::4, ::step, ::step]


def scores(network: Segmentor, logits: Tensor) -> Tensor:
    """The published decoder network ends in a log-softmax, ours in logits."""
    return logits.log_softmax(1) if isinstance(network, PSPNet18) else logits


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
    image = published.arrays["current_image"]
    for name in (key for key in published.arrays if key.startswith("lr_feature_")):
        ratio = float(name.removeprefix("lr_feature_"))
        size = [int(side * ratio) for side in image.shape[-2:]]
        small = F.interpolate(image, size=size, mode="bilinear", align_corners=True)
        assert_same(thinned(network.features(small), network), published.arrays[name])
