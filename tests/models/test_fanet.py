from __future__ import annotations

import torch

from arseg_lightning.models import FANet18, ResNet
from tests.models.laws import NUM_CLASSES, SegmentorLaws, images


class TestFANet18(SegmentorLaws):
    network = FANet18
    num_parameters = 13_152_960

    def test_the_side_head_scores_pixels_at_stride_32(self):
        output = self.small().output(images(2, (64, 96)))
        assert [part.shape for part in output.side.dense] == [(2, NUM_CLASSES, 2, 3)]

    def test_every_position_reads_all_others(self):
        level = self.small().levels[-1].eval()
        x = torch.randn(1, 8, 6, 7, requires_grad=True)
        level(x, None)[1][0, 0, 0, 0].backward()
        assert x.grad[0].any(0).all()

    def test_it_starts_from_a_resnet_but_for_its_own_shortcut(self, tmp_path):
        plain = ResNet()
        torch.save(plain.state_dict(), tmp_path / "resnet18.pth")
        started = FANet18(3, pretrained=str(tmp_path / "resnet18.pth")).backbone.state_dict()
        assert all(started[key].equal(value) for key, value in plain.state_dict().items())
        own = {key.rsplit(".", 2)[0] for key in started.keys() - plain.state_dict().keys()}
        assert own == {"layer1.0.downsample"}
