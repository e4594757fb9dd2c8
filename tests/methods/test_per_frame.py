"""Every frame by itself."""

from __future__ import annotations

import pytest
import torch

from arseg_lightning.methods import FrameInput, PerFrame
from tests.methods.laws import NUM_CLASSES, ExportedLikeAnother, MethodLaws
from tests.tiny import TinyNet


class TestPerFrame(ExportedLikeAnother, MethodLaws):
    def method(self):
        return PerFrame(NUM_CLASSES, TinyNet, 0.5)


def test_at_full_resolution_it_is_the_network_itself():
    method = PerFrame(3, TinyNet).eval()
    image = torch.randn(1, 3, 24, 32)
    output, state = method.step("frame", FrameInput(image), {})
    assert state == {}
    assert output.logits((24, 32)).equal(method.network(image))
    assert method.name == "1x"


@pytest.mark.parametrize(("convention", "seen"), [("exact", (12, 18)), ("paper", (12, 17))])
def test_the_network_sees_frames_at_the_ratio(convention, seen):
    method = PerFrame(3, TinyNet, 0.5, convention).eval()
    sizes = []
    method.network.stem.register_forward_pre_hook(lambda _, args: sizes.append(args[0].shape[2:]))
    assert method(torch.randn(1, 3, 24, 35)).shape == (1, 3, 24, 35)
    assert sizes == [seen]


@pytest.mark.parametrize("ratio", [0.0, -0.5, 1.2])
def test_a_ratio_is_a_share_of_full_resolution(ratio):
    with pytest.raises(ValueError, match=rf"lies in \(0, 1\], got {ratio}"):
        PerFrame(3, TinyNet, ratio)
