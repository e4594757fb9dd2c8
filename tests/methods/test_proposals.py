"""Proposals: the laws of methods, what is chosen, and what the ranker learns."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch.nn import functional as F

from arseg_lightning.cost import method_cost
from arseg_lightning.losses import CrossEntropy, IoULoss
from arseg_lightning.methods import FrameInput, Proposals, Stream
from arseg_lightning.metrics import mean_iou
from arseg_lightning.models.segmentor import Output
from experiments.study.proposals import measure, oracle
from tests.methods.laws import NUM_CLASSES, MethodLaws, random_clip, video
from tests.tiny import TinyNet, evaluation_clip

pytest.importorskip("maxflow", reason="the extra graphical is not installed")
pytest.importorskip("skimage", reason="the extra graphical is not installed")

SIZE = (24, 32)


class TestProposals(MethodLaws):
    export_refused = r"Proposals \(ranked of 4\) is not exported: superpixels and graph cuts"

    def method(self):
        # A superpixel for each pixel: of noise, no larger connected ones are left.
        return Proposals(NUM_CLASSES, TinyNet, number=4, superpixels=4000, width=8)


def made(**options):
    torch.manual_seed(0)
    method = Proposals(3, TinyNet, **{"superpixels": 40, "number": 4, "width": 8} | options).eval()
    torch.nn.init.normal_(method.network.classifier.weight)
    return method


def images(batch=2):
    """Smooth colours, of which superpixels can be made."""
    size = {"size": SIZE, "mode": "bilinear"}
    return F.interpolate(torch.randn(batch, 3, 6, 8), **size)


def chosen(method, image):
    """The proposals of images, and the labels of the one that was chosen."""
    frame = FrameInput(image)
    _, state = method.step("network", frame, {})
    inputs = method.propose(image, state["scores"], frame.size)
    output, after = method.step("choose", frame, state, **inputs)
    assert after == {}
    return inputs["proposals"], output.labels(frame.size)


def test_a_superpixel_for_each_pixel_without_borders_is_the_network():
    method = made(choice="energy", superpixels=24 * 32, smoothness=0.0)
    image = images()
    expected = method.network.output(image).labels(SIZE)
    proposals, labels = chosen(method, image)
    assert proposals.shape == (2, 1, *SIZE)
    assert labels.equal(expected)


@pytest.mark.parametrize("choice", ["ranked", "energy"])
def test_what_comes_out_is_one_of_the_proposals(choice):
    proposals, labels = chosen(made(choice=choice), images())
    if choice == "ranked":
        assert len({each.numpy().tobytes() for each in proposals[0]}) > 1
    for own, label in zip(proposals, labels, strict=True):
        assert any(each.equal(label.long()) for each in own)


def test_the_greatest_rank_is_chosen():
    method, image = made(), images(1)
    for best in range(4):
        method.ranker.forward = lambda *_, best=best: torch.eye(4)[best : best + 1]
        proposals, labels = chosen(method, image)
        assert labels.long().equal(proposals[:, best])


def test_least_energy_is_the_first_proposal_and_a_baseline():
    method, image = made(), images(1)
    baselines = method.baselines()
    assert [*baselines] == ["1x", "least energy"]
    proposals, _ = chosen(method, image)
    _, labels = chosen(baselines["least energy"].eval(), image)
    assert labels.long().equal(proposals[:, 0])


def test_training_sees_the_mean_of_the_proposals():
    """With the probabilities of being chosen: the loss of a batch is what choosing would cost."""
    method = made(loss=CrossEntropy())
    clip = random_clip(method, SIZE)
    clip.images[:, -1] = images()
    clip.labels[:] = clip.labels % 3
    seen = []
    method.loss.forward = lambda output, label: seen.append(output) or output.scores.sum()
    method.train().losses(clip)
    [output] = seen
    assert isinstance(output, Output)
    probability = output.scores.softmax(1)
    torch.testing.assert_close(probability.sum(1), torch.ones(2, *SIZE))
    proposals, _ = chosen(method.eval(), clip.images[:, -1])
    for k in range(3):
        never = (proposals != k).all(1)  # where no proposal says so
        assert (probability[:, k][never] < 1e-5).all()
        always = (proposals == k).all(1)
        assert (probability[:, k][always] > 1 - 1e-5).all()


def test_the_ranker_learns_and_the_network_does_not():
    method = made().train()
    clip = random_clip(method, SIZE)
    clip.images[:, -1] = images()
    clip.labels[:] = clip.labels % 3
    proposals, _ = chosen(method.eval(), clip.images[:, -1])
    clip.labels[:, -1] = proposals[:, 2]  # the third is right
    optimiser = torch.optim.Adam([p for p in method.parameters() if p.requires_grad], lr=0.02)
    method.train()
    losses = []
    for _ in range(40):
        optimiser.zero_grad()
        loss = method.losses(clip)["ranking"]
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert isinstance(method.loss, IoULoss)
    assert losses[-1] < losses[0]
    assert losses[-1] == pytest.approx(0.0, abs=0.1)
    assert {n.split(".")[0] for n, p in method.named_parameters() if p.grad is not None} == {
        "ranker"
    }


def test_without_a_ranker_nothing_learns():
    with pytest.raises(ValueError, match="nothing of least energy learns: train its network"):
        made(choice="energy").losses(None)


def test_frames_leave_nothing_behind_and_both_steps_count():
    method = made()
    stream = Stream(method)
    results = [*stream.run(video())]
    assert stream.state_bytes == 0
    assert [step.role for step in results[-1].executed] == ["network", "choose"]
    assert method_cost(method, SIZE).role_gmacs["choose"] > 0


@pytest.mark.parametrize("number", [0, -3])
def test_there_is_a_proposal(number):
    with pytest.raises(ValueError, match=f"number is at least 1, got {number}"):
        made(number=number)


def test_the_oracle_is_the_best_choice_for_all_frames():
    confusions = torch.randint(0, 50, (4, 3, 5, 5), generator=torch.Generator().manual_seed(0))
    every = product(range(3), repeat=4)
    best = max(float(mean_iou(confusions[range(4), [*each]].sum(0))) for each in every)
    found = float(mean_iou(oracle(confusions)))
    # Single changes may end before the best; here, they do not.
    assert found == pytest.approx(best)


def test_the_study_shows_each_way_of_choosing():
    clip = evaluation_clip(frames=3, labelled=(0, 2))
    method = made(superpixels=24 * 32)
    table = measure(method, clip.frames, clip.normalise, [0.0, 0.5])
    assert table.frames.tolist() == [2, 2]
    assert table.bonus.tolist() == [0.0, 0.5]
    # Without a bonus, all proposals are the same; with one, the oracle chooses among more.
    assert table["ranked of 4"][0] == table["least energy"][0] == table["oracle of 4"][0]
    assert table["oracle of 4"][1] >= table["least energy"][1]
    assert table["least energy"][0] == table["least energy"][1]
