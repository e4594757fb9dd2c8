from __future__ import annotations

import pytest

from arseg_lightning.models import BiSeNet18
from tests.models.laws import NUM_CLASSES, SegmentorLaws, images


class TestBiSeNet18(SegmentorLaws):
    network = BiSeNet18
    num_parameters = 13_423_012

    def test_side_heads_score_pixels_at_strides_8_and_16(self):
        output = self.small().output(images(2, (64, 96)))
        shapes = [tuple(part.shape) for part in output.side.dense]
        assert shapes == [(2, NUM_CLASSES, 8, 12), (2, NUM_CLASSES, 4, 6)]

    def test_a_single_image_is_no_training_batch(self):
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            self.small().train()(images(1, (64, 64)))

    def test_convolutions_start_without_bias(self):
        assert not self.small().classifier.bias.any()
