from __future__ import annotations

import pytest
import torch
from torch import nn

from arseg_lightning.models import (
    BiSeNet18,
    PSPNet18,
    load_segmentor_weights,
    published_fusion_weights,
    read_checkpoint,
)


def test_every_weight_comes_from_the_file(published):
    network = published.build()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    load_segmentor_weights(network, published.high_file)
    after = network.state_dict()
    assert [
        key
        for key in after
        if torch.equal(before[key], after[key]) and not key.endswith("num_batches_tracked")
    ] == []


def test_another_network_is_refused_by_name(published):
    other = BiSeNet18 if published.network is PSPNet18 else PSPNet18
    with torch.device("meta"):
        network = other(published.num_classes)
    name = published.network.__name__
    message = (
        rf"hr\.pth is a published checkpoint of {name} for C.*, but the model's network is "
        rf"{other.__name__}; set network to {name} \(--model\.network {name}\)"
    )
    with pytest.raises(ValueError, match=message):
        load_segmentor_weights(network, published.high_file)


def test_another_class_count_is_refused(published):
    with torch.device("meta"):
        network = published.network(11)
    with pytest.raises(ValueError, match=f"for {published.num_classes} classes, .* has 11"):
        load_segmentor_weights(network, published.high_file)


def test_fusion_weights_are_those_of_three_depthwise_convolutions(published):
    weights = published_fusion_weights(read_checkpoint(published.low_file))
    channels = len(weights["query.bias"])
    expected = nn.ModuleDict(
        {
            name: nn.Conv2d(channels, channels, 3, groups=channels)
            for name in ("query", "key", "value")
        }
    )
    expected.load_state_dict(weights)


def test_a_file_without_fusion_has_no_fusion_weights():
    assert published_fusion_weights({"feats.conv1.weight": torch.zeros(1)}) == {}
