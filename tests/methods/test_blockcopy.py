"""BlockCopy: the laws of methods, and the numbers of the published code."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from arseg_lightning.methods import BlockCopy, FrameInfo, FrameInput, Plan, Stream
from arseg_lightning.models import SwiftNet, load_segmentor_weights
from arseg_lightning.propagation.blocks import information_gain, policy_loss, rounded_up
from tests.methods.laws import NUM_CLASSES, MethodLaws, random_clip, video
from tests.models.test_swiftnet import MEAN, STD
from tests.parity import PARITY, assert_close, assert_same, recipe


def swiftnet(num_classes):
    return SwiftNet(num_classes, width=0.125)


class TestBlockCopy(MethodLaws):
    export_refused = "the roles of BlockCopy 0.5 depend on what frames show"

    def method(self):
        return BlockCopy(NUM_CLASSES, swiftnet, block_size=32, width=8)


@pytest.mark.parametrize("policy", ["random", "rotating"])
def test_other_policies_run_about_their_share(policy):
    method = BlockCopy(NUM_CLASSES, swiftnet, policy, share=0.3, block_size=32).eval()
    shares = [r.executed[-1].share for r in Stream(method).run(video(12, (128, 160)))][1:]
    assert 0.2 < sum(shares) / len(shares) < 0.45
    with pytest.raises(ValueError, match=rf"nothing of BlockCopy {policy} 0.3 learns"):
        method.losses(None)


def test_a_stream_learns_its_own_policy_and_remembers_no_more():
    method = BlockCopy(NUM_CLASSES, swiftnet, block_size=32, width=8, share=0.1).eval()
    before = {name: weight.clone() for name, weight in method.policy.state_dict().items()}
    stream = Stream(method)
    results, sizes = [], []
    for frame in video(40, (64, 96)):
        results.append(stream.push(frame))
        sizes.append(stream.state_bytes)
    assert all(tensor.equal(before[name]) for name, tensor in method.policy.state_dict().items())
    own = stream._memory.weights["head.2.bias"]
    assert not own.equal(method.policy.head[2].bias)
    assert len({*sizes[1:]}) == 1
    shares = [result.executed[-1].share for result in results[1:]]
    assert sum(shares[-10:]) < sum(shares[:10])  # towards a tenth


def test_training_learns_once_from_each_frame_but_the_first(monkeypatch):
    method = BlockCopy(NUM_CLASSES, swiftnet, block_size=32, width=8).train()
    seen, loss = [], method._loss
    monkeypatch.setattr(method, "_loss", lambda *given: seen.append(given[1]) or loss(*given))
    clip = random_clip(method, (64, 96))
    method.losses(clip)
    assert len(seen) == clip.images.shape[1] - 1
    # Each from its own scores and those of the frame before.
    assert seen[1]["before"].equal(seen[0]["scores"])


def test_nothing_executed_is_the_frame_before():
    method = BlockCopy(NUM_CLASSES, swiftnet, "random", share=0.0, block_size=32).eval()
    first, *others = [*Stream(method).run(video())]
    assert all((each.labels == first.labels).all() for each in others)


def test_a_block_that_no_stage_fits_in_is_refused():
    with pytest.raises(ValueError, match="block_size is a multiple of 32 pixels, got 48"):
        BlockCopy(NUM_CLASSES, swiftnet, block_size=48)


PARTS = {"backbone.conv1": "stem.conv", "backbone.bn1": "stem.bn"}
PARTS |= {
    f"backbone.layer{stage + 1}.0.{part}": f"blocks.{stage}.{part}"
    for stage in range(3)
    for part in ("conv1", "bn1", "conv2", "bn2", "downsample.0", "downsample.1")
}
for layer in range(2):
    PARTS |= {f"layers.{layer}.0": f"head.{layer}.conv", f"layers.{layer}.1": f"head.{layer}.bn"}
PARTS["layers.2.0"] = "head.2"
"""Our names of the published policy's layers."""


def ours(name: str) -> str:
    """Our name of a published policy's weight."""
    part, _, kind = name.rpartition(".")
    return f"{PARTS[part]}.{kind}" if part in PARTS else ""


def stored(name):
    if not PARITY.is_dir():
        pytest.skip(f"what the published code computes is not at {PARITY}")
    keys = json.loads((PARITY / f"blockcopy-{name}.keys.json").read_text())
    with np.load(PARITY / f"blockcopy-{name}.npz") as file:
        return keys, {key: torch.from_numpy(file[key]) for key in file}


def published(keys, numbers, tmp_path, **options):
    """The method with the published weights."""
    network = partial(SwiftNet, sizes="released")
    options = {"upsampling": "released", "rounds": False, **options}
    method = BlockCopy(19, network, block_size=int(numbers["block_size"]), **options).eval()
    if "swiftnet" in keys:
        state = {k: recipe(f"swiftnet18.{k}", shape) for k, shape in keys["swiftnet"].items()}
        torch.save({"state_dict": state}, tmp_path / "swiftnet.pth")
        load_segmentor_weights(method.network, tmp_path / "swiftnet.pth")
    if "policy" in keys:
        theirs = {k: recipe(f"policy.{k}", shape) for k, shape in keys["policy"].items()}
        own = method.policy.state_dict()
        method.policy.load_state_dict({ours(k): v for k, v in theirs.items() if ours(k) in own})
    return method


def images(numbers):
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (MEAN, STD))
    frames = numbers["frames_u8"].permute(0, 3, 1, 2).float()
    return ((frames - mean) / std)[:, None]


@pytest.mark.parametrize("execution", ["sparse", "dense"])
@torch.no_grad()
def test_a_clip_with_given_blocks_gives_the_published_scores(execution, tmp_path):
    keys, numbers = stored("clip")
    method = published(keys, numbers, tmp_path, policy="random", execution=execution)
    state = {}
    for index, image in enumerate(images(numbers)):
        role = "blocks" if state else "full"
        inputs = {"executed": numbers["grids"][index][None, None]} if state else {}
        output, state = method.step(role, FrameInput(image), state, **inputs)
        assert_same(output.scores, numbers["logits"][index : index + 1])
    assert not numbers["grids"][-1].any()  # the last frame ran nothing
    plain = method.network.output(images(numbers)[0]).scores
    assert_same(plain, numbers["static_logits_0"])
    assert (plain - numbers["logits"][:1]).abs().mean() > 0.05 * plain.std()  # by upsampling alone


def test_one_optimisation_step_is_the_published_one(tmp_path):
    keys, numbers = stored("policy")
    method = published(keys, numbers, tmp_path)
    before, image = images(numbers)
    grid, previous = numbers["grid"][None], numbers["grid_previous"][None]
    size = tuple(image.shape[-2:])
    last_seen = torch.where(F.interpolate(previous.float(), size) > 0, before, before.flip(-1))
    assert_same(last_seen[..., ::4, ::4], numbers["frame_state_thin"])
    state = {"scores": numbers["previous_output"], "executed": previous, "last_seen": last_seen}
    with torch.no_grad():
        learner = method.begin()
        _, state = method.step("policy", FrameInput(image), state, **learner.weights)
    assert_same(state["logits"], numbers["logits_train"])
    after = {"executed": grid, "scores": numbers["output"], "before": numbers["previous_output"]}
    gain = information_gain(after["scores"], after["before"])
    assert_same(gain, numbers["information_gain"])
    learner.mean_share, learner.index = numbers["running_cost_before"][0], 2
    method.adapt(learner, Plan("blocks"), None, {"observed": state["observed"], **after})
    assert learner.mean_share == pytest.approx(float(numbers["running_cost_after"]), rel=1e-6)
    loss = policy_loss(state["logits"], grid, gain, learner.mean_share, 0.5, 5.0)
    assert float(loss) == pytest.approx(float(numbers["loss"]), rel=1e-4)
    found = [key for key in numbers if key.startswith("after.") and ours(key[6:])]
    assert len(found) == 5
    for key in found:
        weight, grad = learner.weights[ours(key[6:])], numbers[f"grad.{key[6:]}"]
        if key[6:].startswith("layers"):
            torch.testing.assert_close(weight.grad, grad, rtol=1e-4, atol=1e-6)
        else:
            # Rectifiers whose input is zero up to rounding: float64 is as far from both.
            assert_close(weight.grad, grad, worst=3e-2, typical=1e-2)
            assert float(weight.grad.norm()) == pytest.approx(float(grad.norm()), rel=1e-3)
        assert (weight.detach() - numbers[key]).abs().quantile(0.99) < 2e-5


def test_counts_are_rounded_as_published():
    _, numbers = stored("policy")
    assert [rounded_up(n, 64) for n in range(65)] == numbers["quantised_counts_of_64"].tolist()
    assert [rounded_up(n, 12) for n in range(13)] == [*range(13)]


def test_the_whole_loop_learns_as_published(tmp_path, monkeypatch):
    keys, numbers = stored("loop")
    method = published(keys, numbers, tmp_path, learn_every=int(numbers["train_interval"]))
    grids = iter(numbers["grids"][1:])
    monkeypatch.setattr(method, "_choose", lambda *_: next(grids)[None, None])
    learner, state, logits, losses, loss = method.begin(), {}, [], [], method._loss
    monkeypatch.setattr(method, "_loss", lambda *given: losses.append(loss(*given)) or losses[-1])
    with torch.no_grad():
        for index, image in enumerate(images(numbers)):
            while True:
                plan = method.plan(FrameInfo(index, index, size=(128, 256)), state, learner)
                output, state = method.step(plan.role, FrameInput(image), state, **plan.inputs)
                if plan.final:
                    break
                logits.append(state["logits"][0])
            assert_same(output.scores[0, :, ::2, ::2], numbers["logits"][index])
            method.adapt(learner, plan, output, state)
            share = float(numbers["running_cost"][index])
            assert float(learner.mean_share) == pytest.approx(share, rel=1e-6)
    policy = torch.cat(logits)
    assert_close(policy[:2], numbers["policy_logits"][:2], worst=1e-4, typical=3e-5)
    # After a step of RMSprop, whose first one is 1e-3 in the sign of each gradient, noise of 1e-7
    # in the images moves the logits by 1e-2 of their spread, and after two by 7e-2.
    assert_close(policy[2:5], numbers["policy_logits"][2:5], worst=3e-2, typical=1e-2)
    assert [float(each.detach()) for each in losses] == pytest.approx(
        numbers["losses"].tolist(), rel=1e-2
    )
    last = learner.weights["head.2.weight"].detach()
    assert (last - numbers["after.layers.2.0.weight"]).abs().max() < 2e-5
