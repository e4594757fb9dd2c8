"""TDNet: the laws of methods, and the published networks' numbers."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
import torch

from arseg_lightning.cost import method_cost
from arseg_lightning.losses import OnlineHardExampleMining
from arseg_lightning.losses.similarity import class_divergence
from arseg_lightning.methods import FrameInput, NominalStream, TDNet
from arseg_lightning.models import MultigridPSPNet
from arseg_lightning.models.multigrid_pspnet import grouped_scores
from arseg_lightning.propagation.temporal_path import published_weights
from arseg_lightning.tasks.weights import load_weights
from arseg_lightning.types import ClipBatch
from tests.methods.laws import ExportedLikeAnother, MethodLaws, random_clip
from tests.parity import PARITY, assert_same, recipe
from tests.tiny import TinyNet

SYSTEMS = ["td4-psp18", pytest.param("td2-psp50", marks=pytest.mark.slow)]
published = pytest.mark.skipif(not PARITY.is_dir(), reason=f"no published numbers at {PARITY}")


class TDNetLaws(MethodLaws):
    def ready(self, seed=0):
        method = super().ready(seed)
        method.iteration.fill_(len(method.paths) - 2)  # a clip ends with the last path's turn
        return method

    def test_every_trainable_parameter_gets_a_gradient(self):
        torch.manual_seed(0)
        method = self.method().train()
        clip = random_clip(method, self.training_size)
        for _ in method.paths:  # each trains its own head and attention, and all networks
            losses = method.losses(clip)
            sum(losses.values()).backward()
            method.after_step()
        trained = {name: p for name, p in method.named_parameters() if p.requires_grad}
        assert [name for name, p in trained.items() if p.grad is None] == []

    def trained(self, method, clip):
        outputs, run = [], method.run_path

        def recorded(*arguments):
            outputs.append(run(*arguments))
            return outputs[-1]

        method.run_path = recorded
        method.losses(clip)
        del method.run_path
        return outputs[-1][0]


class TestTDNet(TDNetLaws):
    def method(self):
        return TDNet(11, TinyNet, paths=3, slices=2, value_channels=16, head_channels=8)


class TestTDNetOfPSPNets(ExportedLikeAnother, TDNetLaws):
    training_size = (64, 96)

    def method(self):
        network = lambda classes: MultigridPSPNet(classes, width=0.125)  # noqa: E731
        return TDNet(
            11, network, paths=2, value_channels=16, head_channels=8, thinning=2, teacher=network
        )


@pytest.fixture(scope="module", params=SYSTEMS)
def stream(request):
    """A published network in our classes, and its numbers."""
    if not PARITY.is_dir():
        pytest.skip(f"what the published code computes is not at {PARITY}")
    top, depth = request.param[:3], int(request.param[-2:])
    keys = json.loads((PARITY / f"{request.param}.keys.json").read_text())[top]
    state = {key: recipe(f"{top}.{key}", shape) for key, shape in keys.items()}
    method = TDNet(19, partial(MultigridPSPNet, depth=depth), **OPTIONS[top]).eval()
    missing, unknown = method.load_state_dict(published_weights(state), strict=False)
    assert not unknown
    assert {key.split(".")[3] for key in missing if key.startswith("paths")} == {"auxiliary"}
    with np.load(PARITY / f"{request.param}.npz") as stored:
        return method, {key: torch.from_numpy(stored[key]) for key in stored}


OPTIONS = {
    "td4": {"paths": 4, "norm": "position", "norm_size": (9, 13)},
    "td2": {"paths": 2, "head_channels": 256, "norm": "position", "norm_size": (9, 13)},
}


def test_all_paths_start_from_a_network_that_was_trained_alone(tmp_path):
    network = TinyNet(11)
    torch.save({f"method.network.{k}": v for k, v in network.state_dict().items()}, tmp_path / "x")
    method = TDNet(11, TinyNet, paths=2, value_channels=16)
    load_weights(method, {"paths": str(tmp_path / "x")})
    for path in method.paths:
        assert path.network.body[0].weight.equal(network.body[0].weight)


def test_a_teacher_of_the_paths_kind_is_loaded_from_its_own_file(tmp_path):
    taught, network = TDNet(11, TinyNet, paths=2, teacher=TinyNet), TinyNet(11)
    torch.save({f"method.network.{k}": v for k, v in network.state_dict().items()}, tmp_path / "x")
    load_weights(taught, {"teacher": str(tmp_path / "x")})
    assert taught.teacher.classifier.weight.equal(network.classifier.weight)


@pytest.mark.slow
def test_a_published_file_loads_as_it_is_and_only_at_its_size(tmp_path):
    if not PARITY.is_dir():
        pytest.skip(f"the published names are not at {PARITY}")
    keys = json.loads((PARITY / "td4-psp18.keys.json").read_text())["td4"]
    torch.save({k: recipe(f"td4.{k}", shape) for k, shape in keys.items()}, tmp_path / "td4.pkl")
    network = partial(MultigridPSPNet, depth=18)
    method = TDNet(19, network, **OPTIONS["td4"]).eval()
    weights = {"paths": str(tmp_path / "td4.pkl")}
    assert load_weights(method, weights) == ()
    with pytest.raises(ValueError, match=r"position of 9x13, .* and got 8x12; scale the frames"):
        method(torch.zeros(1, 3, 64, 96))
    with pytest.raises(ValueError, match=r"maps of 9x13 positions.*norm_size to \[9, 13\]"):
        load_weights(TDNet(19, network), weights)


@torch.no_grad()
def test_every_frame_of_a_stream_gets_the_published_scores(stream):
    method, published = stream
    images = published["images"][:, None]
    for index, (_, output) in enumerate(NominalStream(method).run(FrameInput(x) for x in images)):
        if f"scores_{index}" in published:
            assert_same(output.scores, published[f"scores_{index}"])
            full = output.logits(tuple(images.shape[-2:]))
            assert_same(full[..., ::4, ::4], published[f"output_{index}"])
    assert index >= len(method.paths)  # each path was the current one, with all before it


@pytest.fixture(scope="module", params=SYSTEMS)
def training(request):
    """A published network for training in our classes, and its losses and gradients."""
    if not PARITY.is_dir():
        pytest.skip(f"what the published code computes is not at {PARITY}")
    top, depth = request.param[:3], int(request.param[-2:])
    keys = json.loads((PARITY / f"{request.param}-train.keys.json").read_text())
    state = {key: recipe(f"{top}.{key}", shape) for key, shape in keys[top].items()}
    teacher = {k: recipe(f"{top}teacher.{k}", shape) for k, shape in keys[f"{top}teacher"].items()}
    with np.load(PARITY / f"{request.param}-train.npz") as stored:
        published = {key: torch.from_numpy(stored[key]) for key in stored}
    labels = published["labels"].long().masked_fill(published["labels"] == 250, 255)
    kept = (labels[0].numel() // 16 + 0.5) / int((labels != 255).sum())
    loss = OnlineHardExampleMining(min_kept_share=kept, auxiliary_weight=0.1)
    options = OPTIONS[top] | {"thinning": 3, "loss": loss, "teacher": TinyNet}
    method = TDNet(19, partial(MultigridPSPNet, depth=depth), **options).eval()
    assert not method.load_state_dict(published_weights(state), strict=False).unexpected_keys
    return method, teacher, published, labels


def test_losses_and_gradients_are_the_published_ones(training, monkeypatch):
    method, _, published, labels = training
    paths = len(method.paths)
    images = published["images"][None]  # (1, T, 3, H, W)
    # The stored targets are in the order of the paths, ours in that of the channels.
    order = [0, 2, 1, 3] if paths == 4 else [0, 1]
    targets = [published[f"teacher_{1 + order.index(index)}"] for index in range(paths)]
    monkeypatch.setattr(
        "arseg_lightning.methods.tdnet.grouped_scores",
        lambda *_: (published["teacher_0"], targets),
    )
    method.training = True  # auxiliary heads run; its norms and dropouts stay as in evaluation
    clip = ClipBatch(images, labels[:, None].expand(-1, paths, -1, -1), None, None)
    for turn in range(paths):
        method.iteration.fill_(turn - 1)
        losses = method.losses(clip)
        total = sum(losses.values())
        names = ["ohem_full", "ohem_sub", "ohem_aux", "kd"]
        full, own, aux, distillation = (published[f"{name}_{turn}"] for name in names)
        ours = losses["segmentation"], losses["own_segmentation"]
        torch.testing.assert_close(ours[0], full + 0.1 * aux, rtol=1e-4, atol=0)
        torch.testing.assert_close(ours[1], 0.5 * own, rtol=1e-4, atol=0)
        distilled = losses["distillation"] + losses["own_distillation"]
        torch.testing.assert_close(distilled, distillation, rtol=1e-4, atol=0)
        torch.testing.assert_close(total, published[f"loss_{turn}"], rtol=1e-4, atol=0)
        method.zero_grad()
        total.backward()
        for name, norm in gradient_norms(method, turn).items():
            stored = published[f"gradnorm_{turn}.{name}"]
            # Of the smallest ones, float64 moves ours by 3e-3: the stored are no more exact.
            tolerance = 1e-3 if stored < 0.01 else 1e-4
            torch.testing.assert_close(norm, stored, rtol=tolerance, atol=0)


def gradient_norms(method, turn):
    """Of the gradients of published modules: their names, and ours."""
    modules = {}
    for number, path in enumerate(method.paths, start=1):
        modules |= {
            f"pretrained{number}": [path.network.backbone],
            f"psp{number}": [path.network.pyramid],
            f"enc{number}": [path.query, path.key, path.value],
        }
    path, number = method.paths[turn], turn + 1
    modules |= {f"head{number}": [path.head], f"layer_norm{number}": [path.norm]}
    modules[f"auxlayer{number}"] = [path.network.auxiliary]
    grads = {
        name: torch.cat(  # the oldest frame's queries are not asked for
            [p.grad.flatten() for m in each for p in m.parameters() if p.grad is not None]
        )
        for name, each in modules.items()
    }
    # In double precision: a float32 norm of ten million numbers is off by a thousandth.
    return {name: grad.double().norm().float() for name, grad in grads.items()}


@pytest.mark.slow
@torch.no_grad()
def test_the_teachers_groups_give_the_published_scores(training):
    method, state, published, _ = training
    groups, image = len(method.paths), published["images"][-1:]
    teacher = MultigridPSPNet(19, depth=101).eval()
    ours = {k.replace("pretrained.", ""): v for k, v in state.items() if k.startswith("pretrained")}
    assert not teacher.backbone.load_state_dict(ours, strict=False).missing_keys
    order = [0, 2, 1, 3] if groups == 4 else [0, 1]
    head = {"weight": "0.weight", "bias": "0.bias"}
    head |= {"running_mean": "0.running_mean", "running_var": "0.running_var"}
    teacher.head.bn.load_state_dict(
        {name: state[f"head.conv5.{theirs}"] for name, theirs in head.items()}, strict=False
    )
    for name in ("weight", "bias"):
        getattr(teacher.classifier, name).copy_(state[f"head.conv5.3.{name}"])
    for group in range(groups):  # in the fixture, each has a pyramid of its own
        for level in range(4):
            conv, norm = teacher.pyramid.levels[level][1:3]
            theirs = f"psp{group + 1}.conv{level + 1}"
            conv.weight.copy_(state[f"{theirs}.0.weight"])
            for name in ("weight", "bias", "running_mean", "running_var"):
                getattr(norm, name).copy_(state[f"{theirs}.1.{name}"])
        weight = state[f"group{group + 1}.conv5.0.weight"]
        place = 0
        for part, source in zip(
            teacher.parts, weight.split([p // groups for p in teacher.parts], dim=1), strict=True
        ):
            start = place + group * part // groups
            teacher.head.conv.weight[:, start : start + part // groups] = source
            place += part
        scale = 1.0 if groups == 2 else None
        _, scored = grouped_scores(teacher, image, groups, scale)
        assert_same(scored[group], published[f"teacher_{1 + order.index(group)}"])
    whole, _ = grouped_scores(teacher, image, groups)
    assert_same(whole, teacher.output(image, False).scores)


@published
@pytest.mark.parametrize("case", ["few_hard", "many_hard"])
def test_the_losses_are_the_published_ones(case):
    with np.load(PARITY / "tdnet-losses.npz") as stored:
        arrays = {name: torch.from_numpy(stored[name]) for name in stored}
    student = arrays["kl_student"].requires_grad_()
    divergence = class_divergence(student, arrays["kl_teacher"])
    torch.testing.assert_close(divergence, arrays["kl"], rtol=1e-4, atol=0)
    # Published, 1e-8 is added to all probabilities.
    gradient = torch.autograd.grad(divergence, student)[0]
    torch.testing.assert_close(gradient.norm(), arrays["kl_grad"].norm(), rtol=1e-4, atol=0)
    labels = arrays["ohem_labels"].long().masked_fill(arrays["ohem_labels"] == 250, 255)
    logits = arrays[f"ohem_{case}_logits"].requires_grad_()
    share = (int(arrays[f"ohem_{case}_n_min"]) + 0.5) / int((labels != 255).sum())
    loss = OnlineHardExampleMining(min_kept_share=share).dense(logits, labels)
    torch.testing.assert_close(loss, arrays[f"ohem_{case}"], rtol=1e-4, atol=0)
    assert_same(torch.autograd.grad(loss, logits)[0], arrays[f"ohem_{case}_grad"])


@pytest.mark.parametrize(
    ("depth", "options", "gmacs"),
    [(18, {"paths": 4}, 257.5), (50, {"paths": 2, "head_channels": 256}, 551.5)],
)
def test_a_frame_costs_what_was_published(depth, options, gmacs):
    with torch.device("meta"):
        method = TDNet(19, partial(MultigridPSPNet, depth=depth), **options).eval()
    cost = method_cost(method, (769, 1537))
    assert cost.mean_gmacs == pytest.approx(gmacs, rel=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("alone", [True, False])
def test_paths_alone_read_nothing_of_the_frames_before(alone):
    torch.manual_seed(0)
    options = {"paths": 2, "value_channels": 8, "head_channels": 8, "alone": alone}
    method = TDNet(3, TinyNet, **options).eval()
    one, other = torch.randn(2, 4, 1, 3, 32, 48)
    other[3] = one[3]
    last = [
        [output.scores for _, output in NominalStream(method).run(map(FrameInput, images))][3]
        for images in (one, other)
    ]
    assert torch.equal(*last) == alone
