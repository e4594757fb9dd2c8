"""Mask2Former: its masks and maps are those of transformers, it trains, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from arseg_lightning.cost import method_cost
from arseg_lightning.losses import SetLoss
from arseg_lightning.methods import ARSeg, PerFrame, Stream, TapLab
from arseg_lightning.models import Mask2Former, Output
from arseg_lightning.streaming.pretrained import load_pretrained
from tests.methods.laws import MethodLaws, video

transformers = pytest.importorskip("transformers", reason="the extra hf is not installed")
pytest.importorskip("scipy", reason="the extra hf is not installed")

BACKBONES = {
    "swin": {"embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2], "window_size": 4},
    "resnet": {
        "embedding_size": 8,
        "hidden_sizes": [8, 16, 24, 32],
        "depths": [1, 1, 1, 1],
        "layer_type": "basic",
    },
}
SMALL = {
    **dict.fromkeys(("hidden_dim", "feature_size", "mask_feature_size", "dim_feedforward"), 64),
    "encoder_feedforward_dim": 16,
    "encoder_layers": 1,
    "decoder_layers": 4,
    "num_attention_heads": 2,
    "num_queries": 6,
}
NAMES = {index: f"class {index}" for index in range(11)}


def make(kind, folder):
    """What ``save_pretrained`` writes of a small network with random weights."""
    torch.manual_seed(0)
    stages = {"out_features": [f"stage{index}" for index in range(1, 5)]}
    backbone = transformers.AutoConfig.for_model(kind, **BACKBONES[kind], **stages)
    config = transformers.Mask2FormerConfig(backbone_config=backbone, id2label=NAMES, **SMALL)
    model = transformers.Mask2FormerForUniversalSegmentation(config)
    decoder = model.model.transformer_module.decoder
    torch.nn.init.normal_(decoder.layernorm.weight)  # a new one would change nothing
    model.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module", params=BACKBONES)
def folder(request, tmp_path_factory):
    return make(request.param, tmp_path_factory.mktemp("hub") / request.param)


@pytest.fixture(scope="module")
def swin(tmp_path_factory):
    return make("swin", tmp_path_factory.mktemp("hub") / "swin")


@torch.no_grad()
def test_masks_and_classes_of_all_layers_are_those_of_transformers(folder):
    model = transformers.Mask2FormerForUniversalSegmentation.from_pretrained(folder).eval()
    network = Mask2Former(11, folder).eval()
    assert (network.is_trained, network.random) == (True, ())
    image = torch.randn(2, 3, 64, 96)
    theirs = model(pixel_values=image, output_auxiliary_logits=True)
    found = network.find(image, with_earlier=True)
    *earlier, last = found.scores
    torch.testing.assert_close(last.classes, theirs.class_queries_logits)
    torch.testing.assert_close(last.masks, theirs.masks_queries_logits)
    assert len(earlier) == len(theirs.auxiliary_logits) == 3
    for ours, other in zip(earlier, theirs.auxiliary_logits, strict=True):
        torch.testing.assert_close(ours.classes, other["class_queries_logits"])
        torch.testing.assert_close(ours.masks, other["masks_queries_logits"])
    # The queries are those that the heads read.
    torch.testing.assert_close(model.class_predictor(found.vectors), last.classes)
    assert found.vectors.shape == (2, network.num_queries, network.query_channels)


@torch.no_grad()
def test_the_map_adds_up_masks_by_the_probability_of_their_classes(swin):
    network, image = Mask2Former(11, swin).eval(), torch.randn(1, 3, 37, 51)
    output = network.output(image)
    assert output.scores.shape == (1, 11, 37, 51)
    found = network.find(F.pad(image, (0, 13, 0, 27))).scores[-1]
    masks = F.interpolate(found.masks, (64, 64), mode="bilinear")[0].sigmoid()
    expected = sum(
        found.classes[0, query].softmax(0)[:-1, None, None] * masks[query]
        for query in range(network.num_queries)
    )
    torch.testing.assert_close(output.scores[0], expected[:, :37, :51])


def test_its_loss_is_that_of_transformers(folder):
    model = transformers.Mask2FormerForUniversalSegmentation.from_pretrained(folder).train()
    network = Mask2Former(11, folder).train()
    image, label = torch.randn(2, 3, 64, 64), torch.randint(0, 11, (2, 64, 64))
    label[0, :9] = 255
    classes = [each.unique()[each.unique() != 255] for each in label]
    masks = [
        (each == found[:, None, None]).float() for each, found in zip(label, classes, strict=True)
    ]
    torch.manual_seed(0)
    theirs = model(pixel_values=image, mask_labels=masks, class_labels=classes).loss
    torch.manual_seed(0)
    ours = SetLoss()(network.output(image), label)
    torch.testing.assert_close(ours, theirs.squeeze())
    ours.backward()
    learned = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    without = [name for name, p in learned if p.grad is None]
    assert without == []


def test_an_image_without_a_label_trains_nothing_and_breaks_nothing(swin):
    network = Mask2Former(11, swin).train()
    loss = SetLoss(points=50)(
        network.output(torch.randn(1, 3, 32, 32)), torch.full((1, 32, 32), 255)
    )
    loss.backward()
    assert loss.isfinite()


def test_it_learns_a_picture(swin):
    torch.manual_seed(0)
    network, loss = Mask2Former(11, swin, pretrained=False).train(), SetLoss(points=200)
    assert network.random == ("all",)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    image, label = torch.randn(1, 3, 64, 64), torch.zeros(1, 64, 64, dtype=torch.long)
    label[:, :, 32:] = 3
    values = []
    for _ in range(25):
        optimiser.zero_grad()
        values.append(loss(network.output(image), label))
        values[-1].backward()
        optimiser.step()
    assert values[-1] < 0.8 * values[0]


def test_other_classes_start_anew(swin):
    network = Mask2Former(5, swin)
    assert (network.random, network.is_trained) == (("class_predictor",), False)
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 5, 32, 32)


def test_what_it_cannot_be_is_said(swin, tmp_path):
    with pytest.raises(
        ValueError, match=r"no feature that a last 1x1 .* PerFrame, TapLab or MPVSS"
    ):
        ARSeg(11, lambda classes: Mask2Former(classes, swin))
    config = transformers.MaskFormerConfig()
    config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="is a maskformer, and Mask2Former takes mask2former"):
        Mask2Former(11, str(tmp_path), pretrained=False)
    with pytest.raises(ValueError, match="SetLoss compares the queries"):
        SetLoss()(Output(torch.zeros(1, 11, 8, 8), True), torch.zeros(1, 32, 32))


class TestMask2FormerPerFrame(MethodLaws):
    training_size = (64, 96)

    @pytest.fixture(autouse=True)
    def network(self, swin):
        type(self).folder = swin

    def method(self):
        network = lambda classes: Mask2Former(classes, self.folder)  # noqa: E731
        return PerFrame(11, network, loss=SetLoss(points=50))


@torch.no_grad()
def test_scores_follow_motion(swin):
    method = TapLab(11, lambda classes: Mask2Former(classes, swin)).eval()
    for result in Stream(method).run(video(size=(64, 96))):
        assert result.labels.shape == (64, 96)
    assert set(method_cost(method, (64, 96)).role_gmacs) == set(method.roles)


def test_predict_takes_it_by_its_folder(swin):
    known = load_pretrained(f"hf:{swin}")
    method = known.method(None)
    assert isinstance(method.network, Mask2Former)
    assert known.classes.names == tuple(NAMES.values())
