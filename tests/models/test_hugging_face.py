"""Networks of transformers: what they give as segmentors, and what is refused."""

from __future__ import annotations

import json

import pytest
import torch

from arseg_lightning.cost import count_macs, method_cost
from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.export import ExportSettings, export_method
from arseg_lightning.methods import ARSeg, EveryL, FeaturePropagation, PerFrame, Stream, TapLab
from arseg_lightning.models import (
    HuggingFaceSegmentor,
    hugging_face_classes,
    hugging_face_normalisation,
)
from arseg_lightning.streaming.pretrained import load_pretrained
from tests.methods.laws import random_clip, video

transformers = pytest.importorskip("transformers", reason="the extra hf is not installed")

TINY = {
    "segformer": {
        "hidden_sizes": [8, 16, 24, 32],
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 1, 2, 2],
        "decoder_hidden_size": 16,
    },
    "mobilenet_v2": {"depth_multiplier": 0.25},
}
NAMES = {index: f"class {index}" for index in range(11)}


def make(kind, folder):
    """What ``save_pretrained`` writes of a small network with random weights."""
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(kind, id2label=NAMES, **TINY[kind])
    transformers.AutoModelForSemanticSegmentation.from_config(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=TINY)
def folder(request, tmp_path_factory):
    return make(request.param, tmp_path_factory.mktemp("hub") / request.param)


@pytest.fixture(scope="module")
def segformer(tmp_path_factory):
    return str(make("segformer", tmp_path_factory.mktemp("hub") / "segformer"))


@pytest.fixture(scope="module")
def network(folder):
    return HuggingFaceSegmentor(11, str(folder)).eval()


@torch.no_grad()
@pytest.mark.parametrize("size", [(64, 96), (37, 51)])
def test_scores_are_those_of_transformers(folder, network, size):
    model = transformers.AutoModelForSemanticSegmentation.from_pretrained(folder).eval()
    image = torch.randn(2, 3, *size)
    output = network.output(image)
    torch.testing.assert_close(output.scores, model(pixel_values=image).logits)
    assert output.feature.shape[1] == network.feature_channels
    assert network(image).shape == (2, 11, *size)


def test_the_stride_is_that_of_the_feature(network):
    side = 128 // network.feature_stride
    assert network.features(torch.zeros(1, 3, 128, 128)).shape[-2:] == (side, side)


def test_all_of_a_new_network_trains_as_any_module_does(folder):
    assert all(part.training for part in HuggingFaceSegmentor(11, str(folder)).modules())


def test_every_parameter_learns(segformer):
    network = HuggingFaceSegmentor(11, segformer).train()
    network.output(torch.randn(2, 3, 64, 64)).scores.square().mean().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def test_other_classes_get_a_last_convolution_of_their_own(folder):
    network = HuggingFaceSegmentor(3, str(folder)).eval()
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 3, 64, 64)


def test_classes_and_normalisation_are_its_own(folder):
    classes = hugging_face_classes(str(folder))
    assert classes.names == tuple(NAMES.values())
    assert len(set(classes.palette)) == 11
    assert hugging_face_normalisation(str(folder)) == Normalisation()
    facts = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
    (folder / "preprocessor_config.json").write_text(json.dumps(facts))
    half = Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    assert hugging_face_normalisation(str(folder)) == half


@pytest.mark.parametrize("build", [PerFrame, FeaturePropagation, TapLab, ARSeg])
def test_methods_run_on_it(segformer, build):
    method = build(11, lambda classes: HuggingFaceSegmentor(classes, segformer))
    if method.clock is not None:
        method.use_clock(EveryL(3))
    losses = method.train().losses(random_clip(method, (64, 96)))
    torch.stack([*losses.values()]).sum().backward()
    stream = Stream(method.eval())
    for frame in video(4, (64, 96)):
        assert stream.push(frame).labels.shape == (64, 96)
    assert method_cost(method, (64, 96)).mean_gmacs > 0


def test_it_is_exported(network, tmp_path):
    method = PerFrame(11, lambda _: network).eval()
    settings = ExportSettings(size=(64, 96), classes=CAMVID11, format="torch")
    assert set(export_method(method, tmp_path / "out", settings).graphs) == {"frame"}


def test_its_cost_is_counted(network):
    assert count_macs(network, torch.zeros(1, 3, 64, 96)) > 1e5


def test_a_network_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"nobody/nothing is neither a folder .*check the name"):
        HuggingFaceSegmentor(11, "nobody/nothing")


def test_a_folder_without_weights_is_named(tmp_path):
    transformers.SegformerConfig().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"lacks a file .*safetensors.* give a folder that save_"):
        HuggingFaceSegmentor(11, str(tmp_path))


@pytest.mark.parametrize("kind", ["Bert", "ViT", "MaskFormer"])
def test_a_network_of_another_kind_is_refused(kind, tmp_path):
    getattr(transformers, f"{kind}Config")().save_pretrained(tmp_path)
    message = r"is no semantic segmentation network of transformers .* such networks are .*segform"
    with pytest.raises(ValueError, match=message):
        HuggingFaceSegmentor(11, str(tmp_path))


def test_what_is_trained_for_something_else_is_no_more_than_a_start(tmp_path):
    """Such as nvidia/mit-b0: transformers fills its decoder with random numbers."""
    config = transformers.AutoConfig.for_model("segformer", **TINY["segformer"])
    transformers.SegformerForImageClassification(config).save_pretrained(tmp_path)
    assert "decode_head.classifier.weight" in HuggingFaceSegmentor(11, str(tmp_path)).random
    with pytest.raises(ValueError, match=r"is trained for something else: .*, such as decode_head"):
        load_pretrained(f"hf:{tmp_path}")
