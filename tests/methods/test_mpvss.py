"""MPVSS: the laws of methods, and the published code's maps, matches and losses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from arseg_lightning.losses import SetLoss
from arseg_lightning.methods import MPVSS, FrameInput, Stream
from arseg_lightning.models import Mask2Former, Queries, QueryScores, QuerySegmentor
from tests.methods.laws import ExportedLikeAnother, MethodLaws, video
from tests.models.test_mask2former import make
from tests.parity import PARITY, assert_close, recipe
from tests.propagation.test_query_flow import MEAN, ours
from tests.tiny import TinyNet

pytest.importorskip("transformers", reason="the extra hf is not installed")


class MPVSSLaws(MethodLaws):
    training_size = (64, 96)
    motion = "learned"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path_factory):
        if not hasattr(type(self), "made"):
            type(self).made = make("resnet", tmp_path_factory.mktemp("hub") / "resnet")

    def method(self):
        network = lambda classes: Mask2Former(classes, self.made)  # noqa: E731
        size = {"layers": 3, "heads": 2, "width": 0.125}
        return MPVSS(11, network, motion=self.motion, loss=SetLoss(points=50), **size)


class TestMPVSS(MPVSSLaws):
    def test_only_the_motion_and_the_heads_learn(self):
        method = self.method().train()
        learned = {name for name, p in method.named_parameters() if p.requires_grad}
        heads = {id(p) for head in method.network.heads() for p in head.parameters()}
        of_network = {n for n, p in method.network.named_parameters() if id(p) in heads}
        assert {
            n.removeprefix("network.") for n in learned if n.startswith("network.")
        } == of_network
        assert not method.network.training


class TestMasksCopied(ExportedLikeAnother, MPVSSLaws):
    motion = "none"

    def test_they_stay_where_the_keyframe_had_them(self):
        labels = [result.labels for result in Stream(self.ready()).run(video())]
        assert all((each == labels[0]).all() for each in labels)


def test_a_stream_remembers_a_keyframe_and_no_more(tmp_path):
    made = make("resnet", tmp_path / "resnet")
    method = MPVSS(11, lambda classes: Mask2Former(classes, made), layers=3, heads=2, width=0.125)
    stream = Stream(method.eval())
    sizes = {stream.push(frame) and stream.state_bytes for frame in video(9)}
    assert len(sizes) == 1


def test_a_network_without_queries_is_refused_by_name():
    with pytest.raises(ValueError, match="MPVSS warps the masks of queries, and TinyNet has none"):
        MPVSS(11, TinyNet)


class Prepared(QuerySegmentor):
    """Hands out stored masks, classes and queries."""

    def __init__(self, num_classes, numbers):
        super().__init__(num_classes)
        self.numbers = numbers
        self.num_queries, self.query_channels = numbers["queries"].shape[0], 256
        self.head = nn.Linear(1, 1)

    def find(self, image, with_earlier=False):
        classes, masks = self.numbers["class_logits"], self.numbers["mask_logits"]
        scores = tuple(QueryScores(*each) for each in zip(classes, masks, strict=True))
        vectors = self.numbers["queries"].transpose(0, 1)
        return Queries(scores if with_earlier else scores[-1:], vectors)

    def heads(self):
        yield self.head


def published(name):
    if not PARITY.is_dir():
        pytest.skip(f"what the published code computes is not at {PARITY}")
    keys = json.loads((PARITY / f"mpvss-{name}.keys.json").read_text())["motion"]
    with np.load(PARITY / f"mpvss-{name}.npz") as stored:
        numbers = {key: torch.from_numpy(stored[key]) for key in stored}
    classes = numbers["class_logits"].shape[-1] - 1
    layers = sum(key.endswith("linear1.weight") for key in keys)
    method = MPVSS(
        classes, lambda k: Prepared(k, numbers), layers=layers, convention="released", gap=1
    )
    weights = {ours(key): recipe(f"motion.{key}", shape) for key, shape in keys.items()}
    method.flow.load_state_dict(weights)
    return method, numbers


def images(frames):
    """Frames (..., H, W, 3) as the published motion network takes them."""
    return frames.movedim(-1, -3).float() / 255 - torch.tensor(MEAN)[:, None, None]


@pytest.mark.parametrize("name", ["motion", "odd"])
@torch.no_grad()
def test_every_frame_has_the_published_map(name):
    method, numbers = published(name)
    method.eval()
    size, state = tuple(numbers["height_width"].tolist()), {}
    for index, image in enumerate(images(numbers["frames_u8"])[:, None]):
        role = "propagate" if state else "keyframe"
        output, state = method.step(role, FrameInput(image), state)
        scores = output.logits(size)
        assert_close(scores[0, :, ::2, ::2], numbers[f"semantic_{index}"], worst=1e-4, typical=1e-5)
        assert scores[0].argmax(0).equal(numbers[f"labels_{index}"].long())


def test_training_has_the_published_loss_and_gradients(monkeypatch):
    method, numbers = published("loss")
    method.train()
    loss = SetLoss(points=numbers["points"].shape[1])
    criterion = loss._criterion(method.network.num_classes)
    points = numbers["points"]
    monkeypatch.setattr(
        criterion,
        "sample_points_using_uncertainty",
        lambda logits, *_: points.expand(len(logits), -1, -1),
    )
    monkeypatch.setattr(torch, "rand", lambda *_, **__: points)
    key, current = images(numbers["frames_u8"]).unbind(1)
    with torch.no_grad():
        _, state = method.step("keyframe", FrameInput(key), {})
    output, _ = method.step("propagate", FrameInput(current), state)
    total = loss(output, numbers["labels"].long())
    assert float(total.detach()) == pytest.approx(float(numbers["loss"]), rel=1e-5)
    total.backward()
    found = {ours(k.removeprefix("grad.")): k for k in numbers if k.startswith("grad.")}
    known = dict(method.flow.named_parameters())
    norm = torch.stack([p.grad.norm() for p in known.values()]).norm()
    assert float(norm) == pytest.approx(float(numbers["grad_norm.motion"]), rel=1e-3)
    assert set(found) & set(known)
