"""Optimised systems give the same output, each optimisation by itself and all together."""

import dataclasses
import importlib

import pytest
import torch
from torch import nn

from arseg_lightning import native
from arseg_lightning.cost import system_cost
from arseg_lightning.inference import FoldedARSeg, Optimisations, optimise
from arseg_lightning.inference.early_context import EarlyContext
from arseg_lightning.inference.enlarged_conv import FactoredEnlargedConv
from arseg_lightning.inference.fused_creff import FusedCReFF
from arseg_lightning.models import BiSeNet18, EfficientNetLite0, PSPNet18, PSPNet18Stride8
from arseg_lightning.models.pspnet_cuts import PSPNet18EarlyCut
from arseg_lightning.propagation import ConvFusion, CReFF, NoFusion
from arseg_lightning.systems import ARSeg, EveryFrame, StreamFrame, WarpedKey

NETWORKS = (PSPNet18, PSPNet18Stride8, BiSeNet18, EfficientNetLite0)
ONE_BY_ONE = [
    dataclasses.replace(Optimisations.none(), **{field.name: True})
    for field in dataclasses.fields(Optimisations)
    if field.type == "bool"
]
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


def arseg(network=PSPNet18, width=0.25, fusion=CReFF, ratio=0.5, **arguments):
    torch.manual_seed(0)
    high, low = (seen_data(network(5, width=width)) for _ in range(2))
    fuse = fusion(high.carried_channels, **arguments.pop("fusion_arguments", {}))
    system = ARSeg(high, low, fuse, ratio, **arguments).eval()
    system.share_classifier()
    for parameter in fuse.parameters():
        nn.init.normal_(parameter, std=0.2)
    return system


@torch.inference_mode()
def run(system, size=(48, 72), batch=1):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(2, batch, 3, *size, generator=generator)
    motion = torch.randn(batch, 2, *size, generator=generator) * 4
    key, state = system.step(StreamFrame(images[0], motion, 0), None)
    other, _ = system.step(StreamFrame(images[1], motion, 3), state)
    return key, other


def assert_same(expected, got, tolerance=1e-4):
    for one, two in zip(expected, got, strict=True):
        scale = float(one.logits.abs().max())
        assert float((one.logits - two.logits).abs().max()) <= tolerance * scale
        assert (one.role, one.size, one.distance) == (two.role, two.size, two.distance)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("size", [(48, 72), (53, 83)], ids=str)
def test_all_together_leave_the_output_as_it_is(network, size):
    system = arseg(network)
    assert_same(run(system, size), run(optimise(system), size))


@pytest.mark.parametrize("optimisations", ONE_BY_ONE, ids=repr)
@pytest.mark.parametrize("network", [PSPNet18, BiSeNet18])
def test_each_by_itself_leaves_the_output_as_it_is(network, optimisations):
    system = arseg(network)
    assert_same(run(system), run(optimise(system, optimisations)))


@pytest.mark.parametrize(
    "changes",
    [
        {"convention": "paper"},
        {"ratio": 0.3},
        {"ratio": 1.0},
        {"fusion_arguments": {"window": 3, "zero_padding": False}},
        {"fusion_arguments": {"window": 11, "spread": 0.7}},
        {"fusion_arguments": {"window": 13}},
        {"fusion_arguments": {"direct_connection": False}},
        {"fusion_arguments": {"projection": "full"}},
        {"fusion": ConvFusion},
        {"fusion": NoFusion, "ratio": 1.0},
        {"network": PSPNet18EarlyCut},
        {"network": PSPNet18, "width": 0.125},
    ],
    ids=str,
)
def test_any_variant_of_the_method_keeps_its_output(changes):
    system = arseg(**changes)
    assert_same(run(system), run(optimise(system)))


def test_several_images_at_once():
    system = arseg()
    assert_same(run(system, batch=2), run(optimise(system), batch=2))


@pytest.mark.parametrize("kind", [EveryFrame, WarpedKey])
def test_other_systems_keep_their_output(kind):
    system = kind(arseg().high_res).eval()
    assert_same(run(system), run(optimise(system)))


def test_without_a_compiler_the_algebra_remains(monkeypatch):
    for room in ("kernels", "fused_creff", "enlarged_conv"):
        module = importlib.import_module(f"arseg_lightning.inference.{room}")
        monkeypatch.setattr(module, "load", lambda name: None)
    system = arseg()
    fast = optimise(system)
    kinds = {type(module) for module in fast.modules()}
    assert EarlyContext in kinds
    assert not kinds & {FactoredEnlargedConv, FusedCReFF}
    assert isinstance(fast, FoldedARSeg)
    assert_same(run(system), run(fast))


@needs_kernels
def test_kernels_are_used_where_they_fit():
    kinds = {type(module) for module in optimise(arseg(width=0.25)).modules()}
    assert kinds >= {FactoredEnlargedConv, FusedCReFF}
    kinds = {type(module) for module in optimise(arseg(width=0.125)).modules()}
    assert FusedCReFF not in kinds  # 8 channels are no whole vector


@needs_kernels
@pytest.mark.parametrize("network", [PSPNet18, BiSeNet18])
def test_bfloat16_changes_the_scores_a_little(network):
    system = arseg(network)
    expected, got = run(system), run(optimise(system, Optimisations(precision="bfloat16")))
    assert_same(expected, got, tolerance=0.05)
    differences = [
        float((a.logits - b.logits).abs().max()) for a, b in zip(expected, got, strict=True)
    ]
    assert min(differences) > 0


def test_the_system_itself_stays_as_it_is():
    system = arseg()
    before = {name: value.clone() for name, value in system.state_dict().items()}
    optimise(system)
    assert all(value.equal(before[name]) for name, value in system.state_dict().items())
    assert any(parameter.requires_grad for parameter in system.parameters())


def full_size():
    with torch.device("meta"):
        return ARSeg(PSPNet18(11), PSPNet18(11), CReFF(64), 0.5).eval()


def test_the_algebra_of_the_paper_alone_brings_ar_seg_below_95_gmacs():
    wanted = dataclasses.replace(Optimisations(), factored_enlargement=False, fused_fusion=False)
    plain = system_cost(full_size(), (720, 960), 12)
    fast = system_cost(optimise(full_size(), wanted), (720, 960), 12)
    assert plain.mean_gmacs == pytest.approx(101.85, abs=0.01)
    assert fast.mean_gmacs < 95
    assert fast.key_gmacs == pytest.approx(plain.key_gmacs - 28.312 + 5.662, rel=1e-3)


@needs_kernels
def test_convolutions_behind_enlargements_cost_a_quarter():
    """The three stages of the decoder cost 152.88 GMACs; 15 multiplications a value add them up."""
    plain = system_cost(EveryFrame(full_size().high_res), (720, 960), 12)
    fast = system_cost(optimise(EveryFrame(full_size().high_res)), (720, 960), 12)
    values = 256 * 180 * 240 + 64 * 360 * 480 + 64 * 720 * 960
    saved = 0.75 * 152.882 - 15 * values / 1e9 + 22.65
    assert plain.mean_gmacs - fast.mean_gmacs == pytest.approx(saved, rel=1e-3)


@needs_kernels
def test_bisenet_too_convolves_before_it_doubles():
    with torch.device("meta"):
        system = EveryFrame(BiSeNet18(11)).eval()
    plain, fast = (system_cost(s, (720, 960), 12) for s in (system, optimise(system)))
    values = 128 * 90 * 120
    saved = (0.75 * 9 * 128 - 15) * values / 1e9
    assert plain.mean_gmacs - fast.mean_gmacs == pytest.approx(saved, rel=1e-6)


@needs_kernels
def test_ar_seg_costs_less_than_60_gmacs_with_all_optimisations():
    assert system_cost(optimise(full_size()), (720, 960), 12).mean_gmacs < 60


def test_a_network_that_uses_a_convolution_twice_is_not_folded_wrongly():
    class Twice(PSPNet18):
        def features_and_side(self, image, with_side):
            feature, side = super().features_and_side(image, with_side)
            raw = self.backbone.conv1(image)
            return feature + raw.mean() + self.backbone.bn1(raw).mean(), side

    torch.manual_seed(0)
    system = EveryFrame(seen_data(Twice(5, width=0.25))).eval()
    assert_same(run(system), run(optimise(system)))  # runs twice, so that it is left alone


def test_a_batch_norm_that_cannot_be_folded_is_refused():
    class Shared(PSPNet18):
        def features_and_side(self, image, with_side):
            raw = self.backbone.conv1(image)
            stem = self.backbone.maxpool(self.backbone.relu(self.backbone.bn1(raw)))
            _, third, fourth = self.backbone.stages(stem)
            return self.decode(fourth) + raw.mean(), self.side(third, with_side)

    torch.manual_seed(0)
    system = EveryFrame(seen_data(Shared(5, width=0.25))).eval()
    with pytest.raises(
        ValueError, match=r"of Shared cannot be folded: .* fold_batch_norms to false"
    ):
        optimise(system)
    kept = dataclasses.replace(Optimisations(), fold_batch_norms=False)
    assert_same(run(system), run(optimise(system, kept)))
