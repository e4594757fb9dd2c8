from __future__ import annotations

import pytest
import torch

from arseg_lightning.models import ResNet

PLAIN = [(1, 1), (1, 1)]


def dilations(stage: torch.nn.Sequential) -> list[tuple[int, int]]:
    return [(block.conv1.dilation[0], block.conv2.dilation[0]) for block in stage]


def test_plain_outputs_are_at_strides_8_16_32():
    outputs = ResNet(width=0.125)(torch.randn(2, 3, 64, 96))
    assert [tuple(out.shape[1:]) for out in outputs] == [(16, 8, 12), (32, 4, 6), (64, 2, 3)]


def test_dilated_outputs_stay_at_stride_8():
    outputs = ResNet(width=0.125, output_stride=8)(torch.randn(2, 3, 64, 96))
    assert [tuple(out.shape[-2:]) for out in outputs] == [(8, 12)] * 3


def test_dilation_starts_in_the_second_block_for_camvid():
    backbone = ResNet(width=0.125, output_stride=8)
    assert dilations(backbone.layer2) == PLAIN
    assert dilations(backbone.layer3) == [(1, 1), (2, 2)]
    assert dilations(backbone.layer4) == [(1, 1), (4, 4)]


def test_dilation_starts_in_the_first_block_for_cityscapes():
    backbone = ResNet(width=0.125, output_stride=8, dilated="all_but_first")
    assert dilations(backbone.layer3) == [(1, 2), (2, 2)]
    assert dilations(backbone.layer4) == [(1, 4), (4, 4)]


def test_plain_network_has_no_dilation():
    backbone = ResNet(width=0.125)
    assert [dilations(stage) for stage in (backbone.layer3, backbone.layer4)] == [PLAIN, PLAIN]


def test_random_weights_are_scaled_by_the_outputs():
    conv = ResNet().layer1[0].conv1
    assert conv.weight.detach().std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)


@pytest.mark.parametrize("width", [0.0, -1.0])
def test_width_is_positive(width):
    with pytest.raises(ValueError, match="width is a positive factor"):
        ResNet(width=width)
