"""TDNet with two FANets: the laws of methods, and the released code's numbers."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
import torch

from arseg_lightning.cost import count_macs, method_cost
from arseg_lightning.losses import OnlineHardExampleMining
from arseg_lightning.methods import FrameInput, TDNet
from arseg_lightning.models import FANet18
from arseg_lightning.tasks.weights import load_weights
from arseg_lightning.types import ClipBatch
from tests.methods.laws import ExportedLikeAnother
from tests.methods.test_tdnet import TDNetLaws
from tests.parity import PARITY, assert_close, assert_same, recipe
from tests.tiny import TinyNet

TD2_FA18 = partial(
    TDNet, paths=2, slices=1, value_channels=256, head_channels=256, thinning=3, norm="position"
)
STRIDES = (32, 16, 8, 4)
"""The released names of the levels."""


class TestTD2FA18(ExportedLikeAnother, TDNetLaws):
    training_size = (64, 96)

    def method(self):
        network = partial(FANet18, width=0.125)
        return TDNet(11, network, paths=2, slices=1, value_channels=16, head_channels=8, thinning=2)


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """The released network in our classes, loaded as its file would be, and its numbers."""
    if not PARITY.is_dir():
        pytest.skip(f"what the released code computes is not at {PARITY}")
    keys = json.loads((PARITY / "td2fa-fa18-train.keys.json").read_text())["td2fa"]
    file = tmp_path_factory.mktemp("td2fa") / "td2-fa18.pkl"
    torch.save({key: recipe(f"td2fa.{key}", shape) for key, shape in keys.items()}, file)
    with np.load(PARITY / "td2fa-fa18-train.npz") as stored:
        numbers = {key: torch.from_numpy(stored[key]) for key in stored}
    method = TD2_FA18(19, FANet18, norm_size=(16, 24), teacher=TinyNet).eval()
    assert {name.split(".")[0] for name in load_weights(method, {"paths": str(file)})} <= {
        "teacher"
    }
    return method, numbers


@torch.no_grad()
@pytest.mark.parametrize("turn", [0, 1])
def test_every_level_and_the_attention_are_the_released_ones(released, turn):
    method, numbers = released
    found, path = {}, method.paths[turn]
    handles = [
        part.register_forward_hook(lambda _, __, output, name=name: found.update({name: output}))
        for name, part in path.named_modules()
    ]
    before, current = numbers["images"][:, None]
    left = method.run_path(f"first_{1 - turn}", before, {})[1]
    found.clear()
    method.step(f"path_{turn}", FrameInput(current), left)
    for handle in handles:
        handle.remove()
    compared = 0
    for level, stride in enumerate(STRIDES):
        outputs = [x for x in found[f"network.levels.{level}"] if x is not None]
        for index, output in enumerate(outputs):
            name = f"ffm_{stride}_{turn + 1}.{index}"
            assert_same(output[:, ::16], numbers[name])
            compared += 1
    assert compared == 5
    after_attention(found["attention.0"][:, ::16], numbers[f"hop1_{turn}"])


@torch.no_grad()
@pytest.mark.parametrize("turn", [0, 1])
def test_each_path_gives_the_released_scores_with_and_without_the_frame_before(released, turn):
    method, numbers = released
    before, current = numbers["images"][:, None]
    size = tuple(current.shape[-2:])
    left = method.run_path(f"first_{1 - turn}", before, {})[1]
    output, _, value = method.run_path(f"path_{turn}", current, left)
    after_attention(output.logits(size)[..., ::4, ::4], numbers[f"full_{turn}"])
    alone, _ = method.step(f"first_{turn}", FrameInput(current), {})
    assert_same(alone.logits(size)[..., ::4, ::4], numbers[f"sub_{turn}"])
    assert method.paths[turn].score(value).equal(alone.scores)


@pytest.mark.parametrize("turn", [0, 1])
def test_losses_and_gradients_are_the_released_ones(released, turn, monkeypatch):
    method, numbers = released
    targets = [numbers["teacher_1"], numbers["teacher_2"]]
    monkeypatch.setattr(
        "arseg_lightning.methods.tdnet.grouped_scores", lambda *_: (numbers["teacher_0"], targets)
    )
    labels = numbers["labels"].long().masked_fill(numbers["labels"] == 250, 255)
    kept = (labels.numel() // 16 + 0.5) / int((labels != 255).sum())
    method.loss = OnlineHardExampleMining(min_kept_share=kept, auxiliary_weight=0.0)
    clip = ClipBatch(numbers["images"][None], labels[:, None].expand(-1, 2, -1, -1), None, None)
    method.iteration.fill_(turn - 1)
    with misread_gradients(method):
        losses = method.losses(clip)
        total = sum(losses.values())
        method.zero_grad()
        total.backward()
    expected = {
        losses["segmentation"]: numbers[f"ohem_full_{turn}"],
        losses["own_segmentation"]: 0.5 * numbers[f"ohem_sub_{turn}"],
        losses["distillation"] + losses["own_distillation"]: numbers[f"kd_{turn}"],
        total: numbers[f"loss_{turn}"],
    }
    for ours, theirs in expected.items():
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=0)
    stored = {name: x for name, x in numbers.items() if name.startswith(f"gradnorm_{turn}.")}
    assert len(stored) == 15
    for name, norm in stored.items():
        parts = released_part(method, name.partition(".")[2])
        gradients = [p.grad.flatten() for p in parts if p.grad is not None]
        ours = torch.cat(gradients).double().norm().float()
        # The tie of after_attention is in the softmax of turn 1.
        torch.testing.assert_close(ours, norm, rtol=(3e-4, 2e-3)[turn], atol=0)


@contextmanager
def misread_gradients(method):
    """Let the norms of the FANets' queries read their gradients as they were read for the numbers.

    torch's batch norm on a CPU (2.13) reads the gradient of a single image as if its channels came
    first when they come last and the batch's stride is not that of such a map. The released code
    gave it such a gradient at each query.
    """
    norms = [level.query.bn for path in method.paths for level in path.network.levels]
    handles = [norm.register_forward_hook(_misread) for norm in norms]
    yield
    for handle in handles:
        handle.remove()


def _misread(norm, inputs, output):
    output.register_hook(lambda gradient: gradient.permute(0, 2, 3, 1).reshape(gradient.shape))


def after_attention(ours, stored):
    """The same, but around one position whose softmax has a tie: float64 moves it by 2e-4."""
    assert_close(ours, stored, worst=1e-3, typical=2e-5)


RELEASED_PARTS = {
    "pretrained": lambda path: [path.network.backbone],
    **{
        f"ffm_{stride}_": lambda path, level=level: [path.network.levels[level]]
        for level, stride in enumerate(STRIDES)
    },
    "enc": lambda path: [path.query, path.key, path.value],
    "atn": lambda path: [path.attention],
    "layer_norm": lambda path: [path.norm],
    "head": lambda path: [path.head],
}


def released_part(method, name):
    """Parameters of what the released code calls by a name that ends with the path's number."""
    path = method.paths[int(name[-1]) - 1]
    return [p for part in RELEASED_PARTS[name[:-1]](path) for p in part.parameters()]


def test_a_frame_costs_what_was_measured():
    with torch.device("meta"):
        method = TD2_FA18(19, FANet18, norm_size=(96, 192)).eval()
        network, image = FANet18(19).eval(), torch.empty(1, 3, 768, 1536)
    backbone = count_macs(network.backbone, image)
    before_the_head = count_macs(network, image) - network.feature_channels * 96 * 192 * (
        9 * 256 + 19
    )
    assert backbone / 1e9 == pytest.approx(12.8, rel=0.01)
    assert (before_the_head - backbone) / 1e9 == pytest.approx(2.7, rel=0.01)
    # Backbone, fusion, attention, head, and the encoder.
    parts = 12.8 + 2.7 + 13.3 + 11.0 + 2
    assert method_cost(method, (768, 1536)).mean_gmacs == pytest.approx(parts, rel=0.01)
