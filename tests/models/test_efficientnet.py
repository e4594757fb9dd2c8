from __future__ import annotations

from math import ceil

import pytest
import torch

from arseg_lightning.cost import count_macs
from arseg_lightning.models import BiSeNet18, EfficientNetLite0
from tests.models.laws import NUM_CLASSES, SegmentorLaws, images

BLOCKS = [  # of the backbone: kernel, stride, expansion, channels
    *[(3, 1, 1, 16)],
    *[(3, 2, 6, 24), (3, 1, 6, 24)],
    *[(5, 2, 6, 40), (5, 1, 6, 40)],
    *[(3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80)],
    *[(5, 1, 6, 112)] * 3,
    *[(5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192)],
    *[(3, 1, 6, 320)],
]


class TestEfficientNetLite0(SegmentorLaws):
    network = EfficientNetLite0
    num_parameters = 3_267_108

    def test_side_heads_score_pixels_at_strides_8_and_16(self):
        output = self.small().output(images(2, (64, 96)))
        shapes = [tuple(part.shape) for part in output.side.dense]
        assert shapes == [(2, NUM_CLASSES, 8, 12), (2, NUM_CLASSES, 4, 6)]

    def test_trains_on_a_single_image(self):
        self.small().train()(images(1, (64, 64)))

    @pytest.mark.parametrize("size", [(64, 64), (45, 61), (33, 90), (1, 1)])
    def test_a_feature_covers_a_rest_at_the_border_too(self, size):
        feature = self.small().eval().features(images(1, size))
        assert feature.shape[-2:] == tuple(ceil(side / 4) for side in size)

    def test_a_few_steps_fit_an_image(self):
        network = self.small().train()
        batch, label = images(2, (32, 64)), torch.zeros(2, 32, 64, dtype=torch.long)
        label[:, 10:, :30] = 1
        optimizer = torch.optim.Adam(network.parameters(), 0.02)
        losses = []
        for _ in range(8):
            losses.append(torch.nn.functional.cross_entropy(network(batch), label))
            optimizer.zero_grad()
            losses[-1].backward()
            optimizer.step()
        assert losses[-1] < 0.7 * losses[0]


def test_cost_is_the_sum_of_the_layers():
    with torch.device("meta"):
        network = EfficientNetLite0(11)
    assert count_macs(network.backbone, torch.empty(1, 3, 360, 480)) == backbone_macs(360, 480)
    assert count_macs(network, torch.empty(1, 3, 360, 480)) == (
        backbone_macs(360, 480) + decoder_macs(360, 480, num_classes=11)
    )
    assert count_macs(network, torch.empty(1, 3, 360, 480)) == 1_525_572_640


def test_it_costs_less_than_a_sixth_of_bisenet():
    with torch.device("meta"):
        ours, bisenet = (
            count_macs(network(11), torch.empty(1, 3, 360, 480))
            for network in (EfficientNetLite0, BiSeNet18)
        )
    assert ours < bisenet / 6


def backbone_macs(height: int, width: int) -> int:
    """Widening at the input's size, depthwise and narrowing at the output's."""
    height, width, channels = ceil(height / 2), ceil(width / 2), 32
    total = 27 * 32 * height * width
    for kernel, stride, expansion, out_channels in BLOCKS:
        wide = channels * expansion
        total += channels * wide * height * width if expansion > 1 else 0
        height, width = ceil(height / stride), ceil(width / stride)
        total += (kernel**2 + out_channels) * wide * height * width
        channels = out_channels
    return total


def decoder_macs(height: int, width: int, num_classes: int) -> int:
    """Laterals, 3x3 depthwise and 1x1 convolutions of the pyramid, and the classifier."""
    area = {stride: ceil(height / stride) * ceil(width / stride) for stride in (4, 8, 16, 32)}
    context = 320 * 128
    deep = area[32] * 320 * 128 + area[16] * (112 * 128 + 9 * 128 + 128**2)
    middle = area[8] * (40 * 128 + 9 * 128 + 128**2 + 128 * 64)
    fine = area[4] * (24 * 64 + 2 * (9 * 64 + 64**2) + 64 * num_classes)
    return context + deep + middle + fine
