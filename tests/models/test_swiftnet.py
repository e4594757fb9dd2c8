"""SwiftNet: the laws of networks, and the numbers of BlockCopy's published form."""

import json
from functools import partial

import numpy as np
import pytest
import torch

from arseg_lightning.cost import count_macs
from arseg_lightning.models import SwiftNet, load_segmentor_weights
from tests.models.laws import SegmentorLaws
from tests.parity import PARITY, assert_same, recipe

MEAN, STD = (73.1584, 82.9090, 72.3924), (44.9149, 46.1529, 45.3192)


class TestSwiftNet(SegmentorLaws):
    network = SwiftNet
    num_parameters = 11_797_071 - 7 * 129


class TestSwiftNet50(SegmentorLaws):
    network = partial(SwiftNet, depth=50)
    num_parameters = 24_502_991 - 7 * 129


@pytest.fixture(scope="module", params=[18, 50])
def released(request, tmp_path_factory):
    """The published file, made by its names, in our class; and its numbers."""
    if not PARITY.is_dir():
        pytest.skip(f"what the published code computes is not at {PARITY}")
    name = f"swiftnet{request.param}"
    keys = json.loads((PARITY / f"blockcopy-{name}.keys.json").read_text())["swiftnet"]
    file = tmp_path_factory.mktemp(name) / "swiftnet.pth"
    state = {key: recipe(f"{name}.{key}", shape) for key, shape in keys.items()}
    torch.save({"state_dict": state, "epoch": 1}, file)
    network = SwiftNet(19, depth=request.param, sizes="released").eval()
    load_segmentor_weights(network, file)
    with np.load(PARITY / f"blockcopy-{name}.npz") as stored:
        return network, {key: torch.from_numpy(stored[key]) for key in stored}


@torch.no_grad()
def test_every_part_is_the_published_one(released):
    network, numbers = released
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (MEAN, STD))
    image = ((numbers["frame_u8"].permute(2, 0, 1).float() - mean) / std)[None]
    assert_same(image[:, :, ::8, ::8], numbers["image_thin"])
    values = {"image": image}
    for stage in network.stages:
        values[stage] = network.run(stage, values)[0]
    values["deepest"] = network.backbone.layer4(values["middle"])
    thin = 16 if network.backbone.channels[0] > 128 else 8
    layers = ("quarter", "shallow", "middle", "deepest")
    for index, stage in enumerate(layers, start=1):
        assert_same(values[stage][:, ::thin], numbers[f"layer{index}"])
    assert_same(values["pyramid"][:, ::4], numbers["spp"])
    x = values["pyramid"]
    for index, (blend, stage) in enumerate(zip(network.decoder, layers[2::-1], strict=True)):
        x = blend(x, values[stage])
        assert_same(x[:, :: 4 if index == 0 else 8], numbers[f"up{index}"])
    output = network.output(image)
    assert_same(output.scores, numbers["logits"])
    assert output.labels(tuple(image.shape[-2:])).equal(numbers["labels"])


def test_the_released_rule_names_sizes_that_it_refuses():
    network = SwiftNet(3, width=0.125, sizes="released").eval()
    with pytest.raises(ValueError, match=r"multiples of 32, and got 720x960 .*leave out sizes"):
        network(torch.zeros(1, 3, 720, 960, device="cpu"))
    assert SwiftNet(3, width=0.125).eval()(torch.zeros(1, 3, 90, 120)).shape == (1, 3, 90, 120)


@pytest.mark.parametrize(("depth", "gmacs"), [(18, 103.566), (50, 204.632)])
def test_it_costs_what_the_published_one_costs(depth, gmacs):
    with torch.device("meta"):
        network, image = SwiftNet(19, depth=depth).eval(), torch.empty(1, 3, 1024, 2048)
    assert count_macs(network, image) / 1e9 == pytest.approx(gmacs, rel=1e-5)
