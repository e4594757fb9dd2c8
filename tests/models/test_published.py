from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from arseg_lightning.models import (
    BiSeNet18,
    PSPNet18,
    PSPNet18EarlyCut,
    PSPNet18Stride8,
    load_segmentor_weights,
    published_fusion_weights,
    read_checkpoint,
)
from arseg_lightning.models.published import has_trained_fusion
from arseg_lightning.propagation import CReFF
from tests.models.laws import pairs
from tests.published_files import published_state, write_high, write_low


def test_every_weight_comes_from_the_file(published):
    network = published.build()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    load_segmentor_weights(network, published.high_file)
    after = network.state_dict()
    assert [
        key
        for key in after
        if torch.equal(before[key], after[key]) and not key.endswith("num_batches_tracked")
    ] == []


def test_fusion_weights_are_those_of_three_depthwise_convolutions(published):
    weights = published_fusion_weights(read_checkpoint(published.low_file))
    channels = len(weights["query.bias"])
    expected = nn.ModuleDict(
        {
            name: nn.Conv2d(channels, channels, 3, groups=channels)
            for name in ("query", "key", "value")
        }
    )
    expected.load_state_dict(weights)


def test_a_file_without_fusion_has_no_fusion_weights():
    assert published_fusion_weights({"feats.conv1.weight": torch.zeros(1)}) == {}


TINY = {
    "PSPNet18": lambda: PSPNet18(5, width=0.125),
    "PSPNet18Stride8": lambda: PSPNet18Stride8(5, width=0.125),
    "BiSeNet18": lambda: BiSeNet18(5, width=0.125),
}


@pytest.fixture(params=TINY.values(), ids=TINY)
def build(request):
    """Builds a small network of each kind; two calls give different weights."""
    return request.param


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "net"])
@pytest.mark.parametrize("zipped", [True, False], ids=["zipped", "before PyTorch 1.6"])
def test_a_file_of_the_published_format_is_read_however_it_is_wrapped(
    build, wrapper, zipped, tmp_path
):
    saved, network = build(), build()
    state = published_state(saved, CReFF(saved.feature_channels))
    content = state if wrapper is None else {"epoch": 90, "best": torch.ones(1), wrapper: state}
    path = tmp_path / "PSPNet_resnet18_0.5_90_.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    load_segmentor_weights(network, path)
    assert all(torch.equal(a, b) for a, b in pairs(network, saved))


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (TINY["PSPNet18"], ["feats.conv1.weight", "up_3.conv.2.weight", "classifier.2.bias"]),
        (
            TINY["PSPNet18Stride8"],
            ["layer0.0.weight", "cls.4.bias", "final_conv.bias", "aux.0.weight"],
        ),
        (
            TINY["BiSeNet18"],
            ["conv_out.conv_out.bias", "final_conv.bias", "cp.arm16.bn_atten.bias"],
        ),
    ],
    ids=TINY,
)
def test_the_made_files_have_published_names(build, names):
    state = published_state(build())
    assert {f"module.{name}" for name in names} <= set(state)


def test_the_made_files_have_all_published_names(published):
    with torch.device("meta"):
        network = published.build()
        fusion = CReFF(network.feature_channels)
    made = published_state(network, fusion)
    assert set(made) == set(torch.load(published.low_file, weights_only=True))


@pytest.mark.parametrize("left_out", ["cls.4.", "final_conv."])
def test_one_name_of_a_tensor_with_two_is_enough(left_out, tmp_path):
    """The authors' high-res files of Cityscapes need not hold ``final_conv``."""
    saved, network = TINY["PSPNet18Stride8"](), TINY["PSPNet18Stride8"]()
    known = {"cls.4.weight": saved.classifier.weight, "cls.4.bias": saved.classifier.bias}
    state = published_state(saved) | {f"module.{name}": value for name, value in known.items()}
    kept = {k: v for k, v in state.items() if not k.startswith(f"module.{left_out}")}
    torch.save(kept, tmp_path / "hr.pth")
    load_segmentor_weights(network, tmp_path / "hr.pth")
    assert all(torch.equal(a, b) for a, b in pairs(network, saved))


def test_a_network_that_is_cut_earlier_takes_the_same_files(tmp_path):
    saved = TINY["PSPNet18"]()
    network = PSPNet18EarlyCut(5, width=0.125)
    load_segmentor_weights(network, write_high(tmp_path / "hr.pth", saved))
    assert all(torch.equal(a, b) for a, b in pairs(network, saved))


@pytest.mark.parametrize(
    ("saved", "model", "data"),
    [
        ("PSPNet18", "BiSeNet18", "CamVid"),
        ("PSPNet18Stride8", "PSPNet18", "Cityscapes"),
        ("BiSeNet18", "PSPNet18Stride8", "CamVid or Cityscapes"),
    ],
)
def test_a_file_of_another_network_says_what_to_set(saved, model, data, tmp_path):
    path = write_high(tmp_path / "hr.pth", TINY[saved]())
    message = (
        f"{path} is a published checkpoint of {saved} for {data}, but the model's network is "
        f"{model}; set network to {saved} (--model.network {saved}) or give a checkpoint of {model}"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        load_segmentor_weights(TINY[model](), path)


def test_the_published_twelfth_class_is_explained(tmp_path):
    path = write_high(tmp_path / "hr.pth", PSPNet18(12, width=0.125))
    message = (
        "is for 12 classes, but the data has 11; use the data set and class protocol "
        "that the checkpoint was trained with: as published for CamVid, void is the twelfth "
        "class; set protocol: camvid12 in data.train, data.val and data.test"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        load_segmentor_weights(PSPNet18(11, width=0.125), path)


def test_a_published_file_of_part_of_a_network_is_refused(tmp_path):
    state = published_state(TINY["PSPNet18"]())
    del state["module.psp.bottleneck.bias"]
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(
        ValueError, match=r"part\.pth does not .* \(missing: context.bottleneck\.bias\)"
    ):
        load_segmentor_weights(TINY["PSPNet18"](), tmp_path / "part.pth")


def test_a_fusion_as_it_was_initialised_counts_as_none(tmp_path):
    network = TINY["PSPNet18"]()
    for trained in (True, False):
        path = write_low(tmp_path / "low.pth", network, trained=trained)
        fusion = published_fusion_weights(read_checkpoint(path))
        assert len(fusion) == 6
        assert has_trained_fusion(fusion) is trained
    assert not has_trained_fusion({})
