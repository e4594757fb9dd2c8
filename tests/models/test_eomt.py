"""EoMT: its masks and loss are those of transformers, at its size; other sizes run too."""

from __future__ import annotations

import pytest
import torch

from arseg_lightning.losses import SetLoss
from arseg_lightning.methods import PerFrame
from arseg_lightning.models import EoMT
from arseg_lightning.streaming.pretrained import load_pretrained
from tests.methods.laws import ExportedLikeAnother, MethodLaws

transformers = pytest.importorskip("transformers", reason="the extra hf is not installed")

NAMES = {index: f"class {index}" for index in range(11)}
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "num_blocks": 2,
    "num_queries": 6,
    "num_upscale_blocks": 1,
    "image_size": 48,
    "patch_size": 8,
}
KINDS = {"eomt": {}, "eomt_dinov3": {"intermediate_size": 64}}


def make(kind, folder, probability=1.0, **changes):
    """What ``save_pretrained`` writes of a small network with random weights."""
    torch.manual_seed(0)
    sizes = SMALL | KINDS[kind] | changes
    config = transformers.AutoConfig.for_model(kind, id2label=NAMES, **sizes)
    model = transformers.AutoModelForUniversalSegmentation.from_config(config)
    model.attn_mask_probs.copy_(torch.tensor(probability))
    for weight in (model.query.weight, model.class_predictor.weight):
        torch.nn.init.normal_(weight)  # new ones would find the same everywhere
    model.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def folder(kind, tmp_path_factory):
    return make(kind, tmp_path_factory.mktemp("hub") / kind)


def theirs(folder):
    return transformers.AutoModelForUniversalSegmentation.from_pretrained(folder)


@pytest.mark.parametrize("probability", [1.0, 0.0])
@torch.no_grad()
def test_masks_and_classes_are_those_of_transformers(kind, probability, tmp_path):
    folder = make(kind, tmp_path, probability)
    network, image = EoMT(11, folder).eval(), torch.randn(2, 3, 48, 48)
    expected = theirs(folder).eval()(pixel_values=image)
    assert network.is_trained
    last = network.find(image).scores[-1]
    torch.testing.assert_close(last.classes, expected.class_queries_logits)
    torch.testing.assert_close(last.masks, expected.masks_queries_logits)
    assert last.masks.shape[-1] == 48 // network.feature_stride


@torch.no_grad()
def test_any_size_gives_scores_of_that_size(folder):
    network = EoMT(11, folder).eval()
    for size in ((48, 96), (37, 51)):
        assert network.output(torch.randn(1, 3, *size)).scores.shape == (1, 11, *size)


def test_positions_are_drawn_once_an_image(tmp_path):
    """In training, DINOv3 moves them at random, and all blocks see the same."""
    network = EoMT(11, make("eomt_dinov3", tmp_path)).train()
    drawn = []
    network.model.rope_embeddings.register_forward_hook(lambda *_: drawn.append(1))
    network.find(torch.randn(1, 3, 48, 48))
    assert drawn == [1]


def test_its_loss_is_that_of_transformers_and_all_of_it_learns(folder):
    model, network = theirs(folder).train(), EoMT(11, folder).train()
    image, label = torch.randn(2, 3, 48, 48), torch.randint(0, 11, (2, 48, 48))
    classes = [each.unique() for each in label]
    masks = [
        (each == found[:, None, None]).float() for each, found in zip(label, classes, strict=True)
    ]
    torch.manual_seed(0)
    expected = model(pixel_values=image, mask_labels=masks, class_labels=classes).loss
    output = network.output(image)
    assert len(output.side.queries) == 3
    # They draw points for the first layer first, we for the last one: losses agree about.
    ours = SetLoss()(output, label)
    assert float(ours.detach()) == pytest.approx(float(expected.detach()), rel=2e-2)
    ours.backward()
    learned = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    assert [name for name, p in learned if p.grad is None] == []


def test_another_network_is_refused(tmp_path):
    transformers.MaskFormerConfig().save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match="is a maskformer, and EoMT takes eomt, eomt_dinov3, videomt;"
    ):
        EoMT(11, str(tmp_path), pretrained=False)


def test_predict_takes_it_by_its_folder(folder):
    assert isinstance(load_pretrained(f"hf:{folder}").method(None).network, EoMT)


class EoMTLaws(MethodLaws):
    kind = "eomt"

    @pytest.fixture(autouse=True)
    def made(self, tmp_path_factory):
        if not hasattr(type(self), "path"):
            type(self).path = make(self.kind, tmp_path_factory.mktemp("hub") / self.kind)

    def method(self):
        network = lambda classes: EoMT(classes, self.path)  # noqa: E731
        return PerFrame(11, network, loss=SetLoss(points=50))


class TestEoMTPerFrame(EoMTLaws):
    pass


class TestEoMTOnDINOv3PerFrame(ExportedLikeAnother, EoMTLaws):
    kind = "eomt_dinov3"
