"""Our networks as graphs: at odd sizes, where pooling and upsampling are least regular."""

import warnings
from dataclasses import replace
from functools import partial

import pytest

from arseg_lightning.export import export_method
from arseg_lightning.methods import ARSeg, PerFrame
from arseg_lightning.propagation import ConvFusion, CReFF, GlobalAttention
from tests.export.made import SETTINGS, tiny_arseg
from tests.networks import NETWORKS

ODD = replace(SETTINGS, size=(67, 93))


def scores_agree(contract):
    """Agreement itself is what export proves; this is how close it is."""
    checks = [graph.agreement for graph in contract.graphs.values()]
    assert max(check.scores_difference / check.scores_scale for check in checks) < 1e-4
    assert min(check.equal_labels for check in checks) >= 0.9999


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_at_an_odd_size_is_the_same_on_onnx_runtime(network, tmp_path):
    pytest.importorskip("onnxruntime")
    method = PerFrame(11, partial(network, width=0.125))
    scores_agree(export_method(method, tmp_path / "out", ODD))


@pytest.mark.parametrize(
    ("fusion", "convention"),
    [
        pytest.param(
            CReFF(8, projection="full", direct_connection=False), "paper", marks=pytest.mark.slow
        ),
        pytest.param(ConvFusion(8), "exact", marks=pytest.mark.slow),
        (GlobalAttention(8, reduction=4), "paper"),
    ],
    ids=["full", "convolution", "global"],
)
def test_every_fusion_is_the_same_as_a_program(fusion, convention, tmp_path):
    settings = replace(SETTINGS, format="torch")
    scores_agree(export_method(tiny_arseg(fusion, convention), tmp_path / "out", settings))


@pytest.mark.slow
def test_the_published_warp_and_attention_without_an_outside_are_the_same(tmp_path, capfd):
    pytest.importorskip("onnxruntime")
    fusion = CReFF(8, window=7, zero_padding=False, prior_sigma=2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores_agree(export_method(tiny_arseg(fusion, "paper"), tmp_path / "out", SETTINGS))
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "torch"])
@pytest.mark.parametrize("convention", ["exact", "paper"])
@pytest.mark.parametrize("network", NETWORKS)
def test_ar_seg_of_every_network_is_the_same(network, convention, format, tmp_path):
    fusion = partial(CReFF, zero_padding=convention == "paper", prior_sigma=2.0)
    method = ARSeg(11, partial(network, width=0.25), fusion, 0.3, convention)
    scores_agree(export_method(method, tmp_path / "out", replace(ODD, format=format)))
