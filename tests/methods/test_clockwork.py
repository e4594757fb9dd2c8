"""Clockwork: its schedules and its adaptive clock are those of the release."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch import nn

from arseg_lightning.cost import method_cost
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.methods import Clockwork, Stream
from arseg_lightning.methods.clockwork import changed_share
from arseg_lightning.models import BiSeNet18, PSPNet18, SwiftNet
from arseg_lightning.models.segmentor import SideOutputs, StagedSegmentor
from arseg_lightning.types import Frame
from arseg_lightning.video.live import SourceFrame
from tests.methods.laws import NUM_CLASSES, ExportedLikeAnother, MethodLaws
from tests.parity import PARITY
from tests.tiny import TinyNet, clip_batch


def bisenet(num_classes):
    return BiSeNet18(num_classes, width=0.125)


def pspnet(num_classes):
    return PSPNet18(num_classes, width=0.125)


class ClockworkLaws(MethodLaws):
    network = staticmethod(bisenet)
    mode = "alternating"

    def method(self):
        return Clockwork(NUM_CLASSES, self.network, self.mode)


class TestAlternating(ExportedLikeAnother, ClockworkLaws):
    pass


class TestPipelined2(ExportedLikeAnother, ClockworkLaws):
    mode = "pipelined2"

    @staticmethod
    def network(num_classes):
        return SwiftNet(num_classes, width=0.125)  # one more stage, before the shallow one


class TestPipelined3(ExportedLikeAnother, ClockworkLaws):
    mode = "pipelined3"


class TestPipelined3AsInTheNotebook(ExportedLikeAnother, ClockworkLaws):
    def method(self):
        return Clockwork(NUM_CLASSES, pspnet, "pipelined3", filling="notebook")


class TestAdaptive(ClockworkLaws):
    network = staticmethod(pspnet)
    mode = "adaptive"
    export_refused = "the roles of Clockwork adaptive 0.25 depend on what frames show"


class Numbered(StagedSegmentor):
    """Its stages hand on the number of the frame that they saw; its scores are those numbers."""

    feature_channels, feature_stride = 1, 4
    stages = MappingProxyType({"shallow": 1, "middle": 1})
    feature_needs = ("image", "middle")

    def __init__(self, num_classes):
        super().__init__()
        self.classifier = nn.Conv2d(1, num_classes, 1)

    def run_stage(self, stage, values, with_side):
        if stage == "feature":
            assert values["image"][:, :1, ::4, ::4].equal(values["middle"])
            return values["middle"], SideOutputs()
        source = values["image"][:, :1, ::4, ::4] if stage == "shallow" else values["shallow"]
        return source.clone(), SideOutputs()


def pushed(method, count, size=(8, 8)):
    """What a stream gives for frames that are filled with their numbers."""
    as_they_are = Normalisation((0.0,) * 3, (1 / 255,) * 3)
    stream = Stream(method.eval(), as_they_are)
    for index in range(count):
        frame = Frame(index, index / 25, "P", np.full((*size, 3), index, np.uint8))
        yield stream.push(SourceFrame(frame, None, None if index else "start"))


@pytest.fixture(scope="module")
def release():
    """What the released functions did."""
    path = PARITY / "clockwork-adaptive.npz"
    if not path.is_file():
        pytest.skip(f"the released functions' results are not at {path}")
    with np.load(path) as stored:
        found = {name: stored[name] for name in stored}
    # A share may be exactly a threshold, which is not what is stored: 0.6 in single precision.
    return found | {"thresholds": found["thresholds"].astype(float).round(6).tolist()}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("alternating", {"mode": "alternating"}),
        ("two", {"mode": "pipelined2"}),
        ("three", {"mode": "pipelined3"}),
        ("three_notebook", {"mode": "pipelined3", "filling": "notebook"}),
    ],
)
def test_scores_come_from_the_frames_that_they_come_from_in_the_release(release, name, settings):
    method = Clockwork(3, Numbered, **settings)
    parts = (method.heads["shallow"], method.heads["middle"], method.network.classifier)
    for channel, part in enumerate(parts):
        nn.init.zeros_(part.weight)
        nn.init.zeros_(part.bias)
        part.weight.data[channel] = 1.0
    expected = release[f"schedule_{name}"]
    sources = [result.output.scores[0, :, 0, 0] for result in pushed(method, len(expected))]
    assert torch.stack(sources).round().long().tolist() == expected.tolist()


def test_the_share_of_changed_positions_is_that_of_the_release(release):
    scores = torch.from_numpy(release["score_pool4"]).split(1)
    runs = zip(release["thresholds"], release["differences"], release["fires"], strict=True)
    for threshold, shares, fires in runs:
        reference = scores[0]
        for now, share, fired in zip(scores[1:], shares[1:], fires[1:], strict=True):
            changed = changed_share(now, reference)
            assert changed == pytest.approx(share, abs=1e-6)
            assert (changed >= threshold) == fired
            reference = now if fired else reference


class Replayed(Numbered):
    """Its middle stage gives the release's scores of the frame."""

    stages = MappingProxyType({"shallow": 1, "middle": 19})
    feature_needs = ("image",)

    def run_stage(self, stage, values, with_side):
        if stage == "middle":
            number = int(values["shallow"].flatten()[0].round())
            return self.scores[number : number + 1], SideOutputs()
        feature = values["image"][:, :1]
        return (feature if stage == "feature" else feature[:, :, ::4, ::4]), SideOutputs()


def test_a_stream_fires_as_the_release(release):
    for threshold, fires in zip(release["thresholds"], release["fires"], strict=True):
        method = Clockwork(19, Replayed, "adaptive", threshold)
        method.network.scores = torch.from_numpy(release["score_pool4"])
        method.heads["middle"].weight.data[:, :, 0, 0] = torch.eye(19)
        results = [*pushed(method, len(fires))]
        assert [result.role == "fire" for result in results] == fires.tolist()
        assert {result.executed[0].role for result in results} == {"probe"}
        since = [index - np.flatnonzero(fires[: index + 1])[-1] for index in range(len(fires))]
        assert [result.distance for result in results] == since


@pytest.mark.parametrize("network", [bisenet, pspnet])
@pytest.mark.parametrize("size", [(32, 48), (37, 51)])
def test_it_starts_as_the_network_itself(network, size):
    method = Clockwork(3, network).eval()
    image = torch.randn(1, 3, *size)
    torch.testing.assert_close(method(image), method.network(image))


def test_what_is_stale_is_not_warped_but_its_scores_stay():
    method = Clockwork(3, bisenet).eval()
    full, stale, fresh = pushed(method, 3, size=(64, 64))
    assert stale.output.scores.equal(full.output.scores)
    assert not fresh.output.scores.equal(full.output.scores)
    assert [each.distance for each in (full, stale, fresh)] == [0, 1, 0]
    assert [each.reason for each in (full, stale, fresh)] == ["start", None, "interval"]


@pytest.mark.parametrize("mode", ["alternating", "pipelined3", "adaptive"])
def test_training_is_that_of_the_network_with_its_auxiliary_heads(mode):
    method = Clockwork(3, bisenet, mode).train()
    clip = clip_batch(frames=1, size=(64, 64))
    losses = method.losses(clip)
    expected = method.loss(method.network.output(clip.images[:, 0]), clip.labels[:, 0])
    torch.testing.assert_close(losses["segmentation"], expected)


def gmacs(mode):
    cost = method_cost(Clockwork(3, bisenet, mode), (64, 96))
    return cost.mean_gmacs, cost.role_gmacs


def test_stages_side_by_side_cost_what_they_cost_one_after_the_other():
    full, roles = gmacs("every_frame")
    assert roles == {"full": full}
    for mode in ("pipelined2", "pipelined3"):
        mean, roles = gmacs(mode)
        assert roles == dict.fromkeys(roles, pytest.approx(full))
        assert mean == pytest.approx(full)


def test_a_deep_stage_left_out_is_saved():
    full, _ = gmacs("every_frame")
    mean, roles = gmacs("alternating")
    assert mean == pytest.approx((full + roles["shallow"]) / 2)
    assert roles["shallow"] < full
    _, roles = gmacs("adaptive")
    assert roles["probe"] + roles["fire"] == pytest.approx(full)
    assert roles["reuse"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"network": TinyNet}, r"TinyNet has no shallow and no middle; use PSPNet18 or BiSeNet18"),
        ({"threshold": 1.5}, r"threshold lies in \[0, 1\], got 1.5"),
        ({"mode": "often"}, r"mode is one of every_frame, .*, got 'often'"),
        ({"filling": "slowly"}, r"filling is one of release, notebook, got 'slowly'"),
    ],
)
def test_what_does_not_fit_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Clockwork(3, **({"network": bisenet} | arguments))


def test_names_tell_the_modes_apart():
    assert Clockwork(3, bisenet).name == "Clockwork alternating"
    assert Clockwork(3, bisenet, "adaptive").name == "Clockwork adaptive 0.25"
    assert Clockwork(3, bisenet, "pipelined3").name == "Clockwork pipelined3"
    assert [*Clockwork(3, bisenet).baselines()] == ["1x"]
    assert Clockwork(3, bisenet, "every_frame").baselines() == {}
