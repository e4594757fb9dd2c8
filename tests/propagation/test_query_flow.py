"""MPVSS's motion network: every stage gives what the published code gives."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from arseg_lightning.propagation.query_flow import QueryFlow, warp_masks
from tests.parity import PARITY, assert_close, assert_same, recipe

MEAN = (0.411, 0.432, 0.450)
LEVELS = {"6": 0, "5": 1, "4": 2, "3": 3, "2": 4}
NAMES = {
    r"encoder\.conv(\d)\.(\d)\.conv": lambda m: f"encoder.{int(m[1]) - 1}.{2 * int(m[2])}",
    r"decoder\.deconv(\d)\.conv": lambda m: f"dense.enlarge.{5 - int(m[1])}",
    r"decoder\.upsample_flow(\d)\.conv": lambda m: f"dense.enlarge_flow.{5 - int(m[1])}",
    r"decoder\.predict_flow(\d)\.conv": lambda m: f"dense.predict.{6 - int(m[1])}",
    r"decoder\.predict_flow\.conv": lambda m: "dense.predict.4",
    r"decoder\.transformer_self_attention_layers\.(\d)\.self_attn": (
        lambda m: f"attention.{m[1]}.attend"
    ),
    r"decoder\.transformer_self_attention_layers\.(\d)\.norm": lambda m: f"attention.{m[1]}.first",
    r"decoder\.transformer_ffn_layers\.(\d)\.linear(\d)": (
        lambda m: f"attention.{m[1]}.forth.{2 * int(m[2]) - 2}"
    ),
    r"decoder\.transformer_ffn_layers\.(\d)\.norm": lambda m: f"attention.{m[1]}.second",
    r"decoder\.decoder_norm": lambda m: "norm",
    r"decoder\.output_head\.layers\.(\d)": lambda m: f"vector.{2 * int(m[1])}",
    r"decoder\.scale_layer\.layers\.(\d)": lambda m: f"motion_map.{2 * int(m[1])}",
    r"decoder\.query_embed": lambda m: "position",
    r"decoder\.fuse_layer\.conv": lambda m: "fuse",
    r"decoder\.level_embed": lambda m: "level",
    r"decoder\.input_proj\.(\d)": lambda m: f"project.{m[1]}",
}
"""Our names of the published layers."""


def ours(name):
    for pattern, make in NAMES.items():
        name = re.sub(rf"^{pattern}(?=[._])", make, name)
    return name


def published(name):
    """The network with the published names' weights, and its numbers."""
    if not PARITY.is_dir():
        pytest.skip(f"what the published code computes is not at {PARITY}")
    keys = json.loads((PARITY / f"mpvss-{name}.keys.json").read_text())["motion"]
    layers = 1 + max(int(m[1]) for m in (re.search(r"ffn_layers\.(\d)", key) for key in keys) if m)
    queries = keys["decoder.query_embed.weight"][0]
    network = QueryFlow(num_queries=queries, layers=layers).eval()
    network.load_state_dict({ours(k): recipe(f"motion.{k}", shape) for k, shape in keys.items()})
    with np.load(PARITY / f"mpvss-{name}.npz") as stored:
        return network, {key: torch.from_numpy(stored[key]) for key in stored}


def motion_input(frame):
    """As the published code prepares a frame, (H, W, 3): its own mean, zeros to multiples of 32."""
    image = frame.permute(2, 0, 1).float()[None] / 255 - torch.tensor(MEAN)[:, None, None]
    return F.pad(image, (0, -image.shape[-1] % 32, 0, -image.shape[-2] % 32))


@pytest.mark.parametrize("name", ["motion", "odd"])
@torch.no_grad()
def test_every_stage_is_the_published_one(name):
    network, numbers = published(name)
    key, *others = map(motion_input, numbers["frames_u8"])
    queries = numbers["queries"].transpose(0, 1)
    for index, image in enumerate(others, start=1):
        maps = network.encode(image, key)
        vectors, levels = network.attend(queries, maps)
        flows = network.dense((*levels, *maps[3:]))
        assert_same(flows[-1], numbers[f"dense_flow_{index}"])
        flow = network(image, key, queries)
        assert_same(flow[0], numbers[f"final_flow_{index}"])
        masks, expected = numbers["mask_logits"][-1], numbers[f"warped_masks_{index}"]
        given = numbers[f"final_flow_{index}"][None]
        assert_same(warp_masks(masks, given, "released"), expected)
        # Random masks are steep: the last digits of a flow move them more than itself.
        assert_close(warp_masks(masks, flow, "released"), expected, worst=3e-4, typical=1e-5)
        for level, place in LEVELS.items():
            if f"encoder_{level}_{index}" in numbers:
                assert_same(maps[place][:, ::8], numbers[f"encoder_{level}_{index}"])
            if f"coarse_flow_{level}_{index}" in numbers:
                assert_same(flows[place], numbers[f"coarse_flow_{level}_{index}"])
        if f"query_flow_{index}" in numbers:
            assert_same(vectors[0, :, ::4], numbers[f"query_vector_{index}"][:, 0])
            assert_same(network.query_flow(vectors, maps[-1])[0], numbers[f"query_flow_{index}"])


def test_the_warp_is_the_published_one():
    if not PARITY.is_dir():
        pytest.skip(f"what the published code computes is not at {PARITY}")
    with np.load(PARITY / "mpvss-warp.npz") as stored:
        numbers = {key: torch.from_numpy(stored[key]) for key in stored}
    masks = numbers["value"].transpose(0, 1)  # (1, 3, 24, 32)
    flows = {"warped": numbers["flow"], "warped_same": numbers["flow_same"]}
    flows["warped_zero"] = torch.zeros_like(numbers["flow"])
    flows["warped_init"] = torch.ones_like(numbers["flow"])
    for name, flow in flows.items():
        assert_same(warp_masks(masks, flow[None], "released").transpose(0, 1), numbers[name])


def test_without_flow_masks_stay_where_they_are():
    masks, still = torch.randn(2, 3, 10, 14), torch.zeros(2, 3, 2, 5, 7)
    assert warp_masks(masks, still).equal(masks)
    assert (warp_masks(masks, still, "released") - masks).abs().max() > 0.1
    right = still.clone()
    right[:, :, 0] = 1  # two pixels of the masks' grid
    assert warp_masks(masks, right)[..., :-2].allclose(masks[..., 2:], atol=1e-6)


@pytest.mark.parametrize("size", [(32, 64), (96, 160)])
def test_it_starts_still_and_all_of_it_learns(size):
    torch.manual_seed(0)
    network = QueryFlow(32, num_queries=5, layers=4, heads=2, width=0.125)
    images, queries = torch.randn(2, 2, 3, *size), torch.randn(2, 5, 32)
    flow = network(*images, queries)
    assert flow.shape == (2, 5, 2, size[0] // 8, size[1] // 8)
    assert not flow.any()
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    for _ in range(2):
        optimiser.zero_grad()
        (network(*images, queries) - 1).square().mean().backward()
        optimiser.step()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []
