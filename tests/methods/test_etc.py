"""ETC: the laws of methods, and the published network and losses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from arseg_lightning.methods import ETC
from arseg_lightning.models import PSPNet18Stride8, load_segmentor_weights
from arseg_lightning.propagation.flow import FlowNetwork
from arseg_lightning.types import ClipBatch
from tests.methods.laws import ExportedLikeAnother, MethodLaws, PerFrameLaws
from tests.parity import PARITY, assert_same, recipe
from tests.tiny import TinyNet, clip_batch


class TestETC(ExportedLikeAnother, PerFrameLaws, MethodLaws):
    def method(self):
        return ETC(11, TinyNet)


class TestETCWithATeacher(ExportedLikeAnother, PerFrameLaws, MethodLaws):
    training_size = (96, 128)

    def method(self):
        return ETC(11, TinyNet, frames=3, teacher=TinyNet)


class GivenFlow(FlowNetwork):
    """What it is given."""

    def __init__(self, motion):
        super().__init__()
        self.motion = motion
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, image, reference):
        return self.scale * self.motion


def test_motion_is_for_training_alone():
    method = ETC(11, TinyNet)
    assert method.needs.clip_motion == "keyframe"
    assert not method.uses_motion


def test_only_the_network_learns():
    method = ETC(11, TinyNet, lambda: GivenFlow(torch.zeros(2, 2, 24, 32)), teacher=TinyNet)
    sum(method.train().losses(clip_batch(num_classes=11)).values()).backward()
    learns = {name.split(".")[0] for name, p in method.named_parameters() if p.grad is not None}
    assert learns == {"network"}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    if not PARITY.is_dir():
        pytest.skip(f"what the published code computes is not at {PARITY}")
    keys = json.loads((PARITY / "etc-psp18.keys.json").read_text())["etc"]
    state = {f"module.{key}": recipe(f"etc.{key}", shape) for key, shape in keys.items()}
    path = tmp_path_factory.mktemp("etc") / "eval_para_ETC.pth"
    torch.save({"state_dict": state}, path)
    with np.load(PARITY / "etc-psp18.npz") as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored}
    network = PSPNet18Stride8(19, variant="etc").eval()
    load_segmentor_weights(network, path)
    return network, arrays


@torch.no_grad()
def test_the_network_is_the_published_one(published):
    network, arrays = published
    output = network.output(arrays["images"][:1], with_side=True)
    assert_same(output.scores, arrays["scores"])
    assert_same(output.side.dense[0], arrays["auxiliary"])
    assert_same(output.logits((65, 97))[..., ::4, ::4], arrays["output"])


def test_temporal_consistency_is_the_published_one(published):
    network, arrays = published
    flow = arrays["flow"]
    method = ETC(19, lambda _: network, lambda: GivenFlow(flow)).eval()
    image, neighbour = arrays["images"][:1], arrays["images"][1:2]
    labels = arrays["labels"].long()[:, None].expand(-1, 2, -1, -1)
    clip = ClipBatch(torch.stack([neighbour, image], 1), labels, torch.arange(2)[None], (("", ""),))
    network.requires_grad_(True).training = True  # with its auxiliary head; norms stay
    losses = method.losses(clip)
    torch.testing.assert_close(losses["temporal"], arrays["tc"], rtol=1e-4, atol=0)
    losses["temporal"].backward()
    norms = {
        "layer3": network.backbone.layer3,
        "layer4": network.backbone.layer4,
        "ppm": network.pyramid,
    }
    for name, module in norms.items():
        grads = torch.cat([p.grad.flatten() for p in module.parameters()])
        stored = arrays[f"gradnorm_tc.{name}"]
        torch.testing.assert_close(grads.double().norm().float(), stored, rtol=1e-4, atol=0)
