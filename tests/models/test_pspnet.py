from __future__ import annotations

import pytest

from arseg_lightning.models import PSPNet18, PSPNet18Stride8
from tests.models.laws import NUM_CLASSES, SegmentorLaws, images


class TestPSPNet18(SegmentorLaws):
    network = PSPNet18
    num_parameters = 17_461_979

    def test_trains_on_a_single_image(self):
        self.small().train()(images(1, (32, 32)))

    def test_side_head_scores_presence(self):
        output = self.small().output(images(2, (32, 48)))
        assert output.side.dense == ()
        assert output.side.presence is not None
        assert output.side.presence.shape == (2, NUM_CLASSES)


class TestPSPNet18Stride8(SegmentorLaws):
    network = PSPNet18Stride8
    num_parameters = 16_758_872

    def test_side_head_scores_pixels_at_stride_8(self):
        output = self.small().output(images(2, (32, 48)))
        assert [tuple(part.shape) for part in output.side.dense] == [(2, NUM_CLASSES, 4, 6)]

    def test_a_single_image_is_no_training_batch(self):
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            self.small().train()(images(1, (32, 32)))
