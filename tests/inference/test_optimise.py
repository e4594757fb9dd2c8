"""Optimised methods give the same output, each optimisation by itself and all together."""

import dataclasses
import importlib

import pytest
import torch
from torch import nn

from arseg_lightning import native
from arseg_lightning.cost import method_cost
from arseg_lightning.inference import FoldedCReFF, Optimisations
from arseg_lightning.inference.algebra import EarlyContext
from arseg_lightning.inference.folded_creff import FusedCReFF
from arseg_lightning.inference.optimisations import _InferenceNetwork
from arseg_lightning.inference.upsample_conv import FactoredUpsampleConv
from arseg_lightning.methods import (
    ARSeg,
    EveryL,
    FeaturePropagation,
    FrameInput,
    JointARSeg,
    Needs,
    Output,
    PerFrame,
    VideoMethod,
    shared,
)
from arseg_lightning.models import BiSeNet18, PSPNet18
from arseg_lightning.models.pspnet import PSPNet18EarlyCut
from arseg_lightning.propagation import ConvFusion, CReFF, NoFusion
from tests.networks import NETWORKS

ONE_BY_ONE = [Optimisations(kernels=False), Optimisations(algebra=False)]
needs_kernels = pytest.mark.skipif(
    native.load("fused_creff") is None, reason=f"no kernels in C here: {native.status()}"
)


def seen_data(network):
    """Batch norms that are not the identity, and rectifiers with a slope."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.bias.data):
                nn.init.normal_(tensor, std=0.2)
            for tensor in (module.running_var, module.weight.data):
                nn.init.uniform_(tensor, 0.5, 1.5)
    return network


def arseg(
    network=PSPNet18,
    width=0.25,
    fusion=CReFF,
    ratio=0.5,
    kind=ARSeg,
    cut=None,
    fusion_arguments=None,
    **arguments,
):
    torch.manual_seed(0)
    method = kind(
        5,
        lambda classes: seen_data(network(classes, width=width, **({"cut": cut} if cut else {}))),
        lambda channels: fusion(channels, **(fusion_arguments or {})),
        ratio,
        **arguments,
    )
    for parameter in method.fusion.parameters():
        nn.init.normal_(parameter, std=0.2)
    return method.eval()


def per_frame(network):
    return PerFrame(5, shared(network)).eval()


@torch.inference_mode()
def run(method, size=(48, 72), batch=1):
    """A keyframe and another frame, or two of the same role."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(2, batch, 3, *size, generator=generator)
    motion = torch.randn(batch, 2, *size, generator=generator) * 4
    state, found = {}, []
    for role, image in zip((method.roles[0], method.roles[-1]), images, strict=True):
        output, state = method.step(role, FrameInput(image, motion), state)
        found.append(output.logits(size).float())
    return found


def assert_same(expected, got, tolerance=1e-4):
    for one, two in zip(expected, got, strict=True):
        assert float((one - two).abs().max()) <= tolerance * float(one.abs().max())


def optimised(method, optimisations=Optimisations()):  # noqa: B008
    return method.for_inference(optimisations)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("size", [(48, 72), (53, 83)], ids=str)
def test_all_together_leave_the_output_as_it_is(network, size):
    method = arseg(network)
    assert_same(run(method, size), run(optimised(method), size))


@pytest.mark.parametrize("optimisations", ONE_BY_ONE, ids=repr)
@pytest.mark.parametrize("network", [PSPNet18, BiSeNet18])
def test_each_by_itself_leaves_the_output_as_it_is(network, optimisations):
    method = arseg(network)
    assert_same(run(method), run(optimised(method, optimisations)))


@pytest.mark.parametrize(
    "changes",
    [
        {"convention": "paper"},
        {"ratio": 0.3},
        {"ratio": 1.0},
        {"fusion_arguments": {"window": 3, "zero_padding": False}},
        {"fusion_arguments": {"window": 11, "prior_sigma": 0.7}},
        {"fusion_arguments": {"window": 13}},
        {"fusion_arguments": {"direct_connection": False}},
        {"fusion_arguments": {"low_res_gain": 0.3}},
        {"fusion_arguments": {"projection": "full"}},
        {"fusion": ConvFusion},
        {"fusion": NoFusion, "ratio": 1.0},
        {"network": PSPNet18EarlyCut},
        {"network": PSPNet18EarlyCut, "cut": "features"},  # as many channels as the feature
        {"network": PSPNet18, "width": 0.125},
    ],
    ids=str,
)
def test_any_variant_of_the_method_keeps_its_output(changes):
    method = arseg(**changes)
    assert_same(run(method), run(optimised(method)))


def test_several_images_at_once():
    method = arseg()
    assert_same(run(method, batch=2), run(optimised(method), batch=2))


@pytest.mark.parametrize("kind", [PerFrame, FeaturePropagation])
def test_other_methods_keep_their_output(kind):
    method = kind(5, shared(arseg().high_res)).eval()
    assert_same(run(method), run(optimised(method)))


class OwnFuse(ARSeg):
    """Fuses in a way of its own."""

    def fuse(self, low, key_feature, motion):
        return super().fuse(low, key_feature, motion) + 0.5 * key_feature.roll(1, 3)


class OwnStep(ARSeg):
    """Does something to the scores of all frames."""

    def step(self, role, frame, state, **inputs):
        output, state = super().step(role, frame, state, **inputs)
        return dataclasses.replace(output, scores=output.scores.roll(1, 1)), state


class OwnCReFF(CReFF):
    """Attends in a way of its own."""

    def forward(self, low, warped):
        return super().forward(low, warped.roll(2, 3))


@pytest.mark.parametrize(
    "changes", [{"kind": OwnFuse}, {"kind": OwnStep}, {"fusion": OwnCReFF}], ids=str
)
def test_what_a_subclass_overrides_stays(changes):
    method, plain = arseg(**changes), arseg()
    assert_same(run(method), run(optimised(method)))
    assert not torch.allclose(run(method)[1], run(plain)[1], rtol=0.1)


def test_a_method_with_more_networks_than_its_step_keeps_all_of_them():
    method = arseg(kind=JointARSeg)
    fast = optimised(method)
    assert_same(run(method), run(fast))
    for name, baseline in method.baselines().items():
        assert_same(run(baseline), run(fast.baselines()[name]))


class Unknown(VideoMethod):
    """A method that the package has never heard of, its networks wherever it likes."""

    needs, roles = Needs(motion="previous"), ("even", "odd")
    period = 2

    def __init__(self):
        super().__init__()
        networks = [seen_data(BiSeNet18(5, width=0.125)) for _ in range(3)]
        self.listed = nn.ModuleList(networks[:1])
        self.nested = nn.ModuleDict({"deep": nn.Sequential(nn.ModuleList(networks[1:2]))})
        self.again = networks[0]
        self.whole = networks[2]
        self.mix = nn.Conv2d(5, 5, 3, padding=1)

    def step(self, role, frame, state, **inputs):
        if role == "even":
            found = self.listed[0].output(frame.image)
            return found, {"scores": self.mix(found.scores)}
        middle, _ = self.nested["deep"][0][0].run("shallow", {"image": frame.image})
        whole = self.whole.output(frame.image)
        scores = whole.scores + state["scores"] + middle.mean()
        return Output(scores + self.again.output(frame.image).scores, False), state

    def losses(self, clip):
        return {}


def test_an_unknown_method_keeps_its_output_and_its_networks_are_found_wherever_they_are():
    torch.manual_seed(0)
    method = Unknown().eval()
    fast = optimised(method)
    assert_same(run(method), run(fast))
    norms = [name for name, part in fast.named_modules() if isinstance(part, nn.BatchNorm2d)]
    assert [name for name in norms if "auxiliary" not in name] == []  # those heads never run
    assert fast.again is fast.listed[0]
    assert sum(isinstance(part, _InferenceNetwork) for part in fast.modules()) == 3


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("network", [PSPNet18, BiSeNet18])
@torch.inference_mode()
def test_stages_are_those_of_the_plain_network(network, kernels, precision):
    torch.manual_seed(0)
    method = per_frame(seen_data(network(5, width=0.25)))
    wanted = Optimisations(kernels=kernels, precision=precision)
    plain, fast = method.network, optimised(method, wanted).network
    assert dict(fast.stages) == dict(plain.stages)
    assert fast.feature_needs == plain.feature_needs
    image = torch.randn(2, 3, 53, 83)
    ours, theirs = {"image": image}, {"image": image}
    for stage in (*plain.stages, "feature"):
        ours[stage], theirs[stage] = (
            each.run(stage, values)[0] for each, values in ((plain, ours), (fast, theirs))
        )
        assert theirs[stage].dtype == wanted.dtype
    same = [[values[s].float() for s in (*plain.stages, "feature")] for values in (ours, theirs)]
    assert_same(*same, tolerance=1e-4 if precision == "float32" else 0.05)


def test_without_a_compiler_the_algebra_remains(monkeypatch):
    for name in ("inference.optimisations", "inference.upsample_conv", "inference.folded_creff"):
        module = importlib.import_module(f"arseg_lightning.{name}")
        monkeypatch.setattr(module, "load", lambda name: None)
    method = arseg()
    fast = optimised(method)
    kinds = {type(module) for module in fast.modules()}
    assert EarlyContext in kinds
    assert not kinds & {FactoredUpsampleConv, FusedCReFF}
    assert type(fast.folded) is FoldedCReFF
    assert_same(run(method), run(fast))


@needs_kernels
def test_kernels_are_used_where_they_fit():
    kinds = {type(module) for module in optimised(arseg(width=0.25)).modules()}
    assert kinds >= {FactoredUpsampleConv, FusedCReFF}
    kinds = {type(module) for module in optimised(arseg(width=0.125)).modules()}
    assert FusedCReFF not in kinds  # 8 channels are no whole vector


@needs_kernels
@pytest.mark.parametrize("network", [PSPNet18, BiSeNet18])
def test_bfloat16_changes_the_scores_a_little(network):
    method = arseg(network)
    expected, got = run(method), run(optimised(method, Optimisations(precision="bfloat16")))
    assert_same(expected, got, tolerance=0.05)
    differences = [float((a - b).abs().max()) for a, b in zip(expected, got, strict=True)]
    assert min(differences) > 0


def test_the_method_itself_stays_as_it_is():
    method = arseg()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    optimised(method)
    assert all(value.equal(before[name]) for name, value in method.state_dict().items())
    assert any(parameter.requires_grad for parameter in method.parameters())


def full_size():
    with torch.device("meta"):
        method = ARSeg(11, PSPNet18, CReFF, 0.5).eval()
    method.clock = EveryL(12)
    return method


def cost(method):
    return method_cost(method, (720, 960))


def test_the_algebra_of_the_paper_alone_brings_ar_seg_below_95_gmacs():
    wanted = Optimisations(kernels=False)
    plain, fast = cost(full_size()), cost(optimised(full_size(), wanted))
    assert plain.mean_gmacs == pytest.approx(101.85, abs=0.01)
    assert fast.mean_gmacs < 95
    saved = 28.312 - 5.662
    assert fast.role_gmacs["keyframe"] == pytest.approx(
        plain.role_gmacs["keyframe"] - saved, rel=1e-3
    )


@needs_kernels
def test_convolutions_after_upsampling_cost_a_quarter():
    """The three stages of the decoder cost 152.88 GMACs; 15 multiplications a value add them up."""
    method = full_size().baselines()["1x"]
    values = 256 * 180 * 240 + 64 * 360 * 480 + 64 * 720 * 960
    saved = 0.75 * 152.882 - 15 * values / 1e9 + 22.65
    assert cost(method).mean_gmacs - cost(optimised(method)).mean_gmacs == pytest.approx(
        saved, rel=1e-3
    )


@needs_kernels
def test_bisenet_too_convolves_before_it_upsamples():
    with torch.device("meta"):
        method = PerFrame(11, BiSeNet18).eval()
    values = 128 * 90 * 120
    saved = (0.75 * 9 * 128 - 15) * values / 1e9
    assert cost(method).mean_gmacs - cost(optimised(method)).mean_gmacs == pytest.approx(
        saved, rel=1e-6
    )


@needs_kernels
def test_ar_seg_costs_less_than_60_gmacs_with_all_optimisations():
    assert cost(optimised(full_size())).mean_gmacs < 60


def test_a_network_that_uses_a_convolution_twice_is_not_folded_wrongly():
    class Twice(PSPNet18):
        def features_and_side(self, image, with_side):
            feature, side = super().features_and_side(image, with_side)
            raw = self.backbone.conv1(image)
            return feature + raw.mean() + self.backbone.bn1(raw).mean(), side

    torch.manual_seed(0)
    method = per_frame(seen_data(Twice(5, width=0.25)))
    assert_same(run(method), run(optimised(method)))  # runs twice, so that it is left alone


def test_batch_norms_that_cannot_be_folded_stay():
    class Shared(PSPNet18):
        def features_and_side(self, image, with_side):
            raw = self.backbone.conv1(image)
            stem = self.backbone.maxpool(self.backbone.relu(self.backbone.bn1(raw)))
            feature, side = self.run("feature", {"stem": stem}, with_side)
            return feature + raw.mean(), side

    torch.manual_seed(0)
    method = per_frame(seen_data(Shared(5, width=0.25)))
    fast = optimised(method)
    assert_same(run(method), run(fast))
    assert isinstance(fast.network.network.backbone.bn1, nn.BatchNorm2d)
