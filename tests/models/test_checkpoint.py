from __future__ import annotations

import re

import pytest
import torch

from arseg_lightning.models import BiSeNet18, PSPNet18, Segmentor, load_segmentor_weights
from tests.models.laws import pairs


def small(num_classes: int = 3, width: float = 0.125) -> Segmentor:
    return PSPNet18(num_classes, width=width)


def lightning_checkpoint(path, **networks: Segmentor):
    state = {
        f"{prefix.replace('__', '.')}.{key}": value
        for prefix, network in networks.items()
        for key, value in network.state_dict().items()
    }
    torch.save({"epoch": 3, "state_dict": state, "hyper_parameters": {"width": 0.125}}, path)
    return path


def test_a_network_is_found_inside_a_lightning_checkpoint(tmp_path):
    network, saved = small(), small()
    path = lightning_checkpoint(tmp_path / "best.ckpt", system__high_res=saved)
    load_segmentor_weights(network, path, prefix="system.high_res.")
    assert all(torch.equal(a, b) for a, b in pairs(network, saved))


def test_the_caller_chooses_the_branch(tmp_path):
    network, high, low = small(), small(), small()
    path = lightning_checkpoint(tmp_path / "ar.ckpt", system__high_res=high, system__low_res=low)
    load_segmentor_weights(network, path, prefix="system.low_res.")
    assert all(torch.equal(a, b) for a, b in pairs(network, low))


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        (small(num_classes=4), "is for 4 classes, but the data has 3; use the data set"),
        (
            small(width=0.25),
            "does not fit this PSPNet18 (of another shape: backbone.conv1.weight is (16,",
        ),
        (BiSeNet18(3, width=0.125), "does not fit this PSPNet18 (missing: backbone.conv1.weight, "),
    ],
    ids=["classes", "width", "network"],
)
def test_a_checkpoint_of_another_network_is_refused_and_nothing_changes(saved, message, tmp_path):
    path = tmp_path / "other.ckpt"
    torch.save(saved.state_dict(), path)
    network, untouched = small(), small()
    untouched.load_state_dict(network.state_dict())
    with pytest.raises(ValueError, match=re.escape(f"{path} {message}")):
        load_segmentor_weights(network, path)
    assert all(torch.equal(a, b) for a, b in pairs(network, untouched))


def test_a_changed_layer_is_named(tmp_path):
    state = small().state_dict()
    torch.save({**state, "context.bottleneck.bias": torch.zeros(7)}, tmp_path / "changed.pth")
    with pytest.raises(
        ValueError, match=r"context\.bottleneck\.bias is \(7,\) instead of \(128,\)"
    ):
        load_segmentor_weights(small(), tmp_path / "changed.pth")
