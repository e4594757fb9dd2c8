"""VidEoMT: a stream gives what transformers gives for the clip, and it trains."""

from __future__ import annotations

import pytest
import torch

from arseg_lightning.losses import SetLoss
from arseg_lightning.methods import EveryL, FrameInput, NominalStream, PerFrame, Stream, VidEoMT
from arseg_lightning.models import EoMT
from arseg_lightning.streaming.pretrained import load_pretrained
from tests.methods.laws import ExportedLikeAnother, MethodLaws, assert_same, video
from tests.models.test_eomt import NAMES, SMALL, make
from tests.tiny import TinyNet

transformers = pytest.importorskip("transformers", reason="the extra hf is not installed")


def network_in(folder):
    return lambda classes: EoMT(classes, folder)


class VidEoMTLaws(MethodLaws):
    clock = None

    @pytest.fixture(autouse=True)
    def made(self, tmp_path_factory):
        if not hasattr(type(self), "path"):
            type(self).path = make("eomt", tmp_path_factory.mktemp("hub") / "eomt", 0.0)

    def method(self):
        return VidEoMT(11, network_in(self.path), loss=SetLoss(points=50), clock=self.clock)


class TestVidEoMT(VidEoMTLaws):
    def test_it_starts_as_its_network_on_every_frame(self):
        fresh = self.method().eval()
        alone = PerFrame(11, lambda _: fresh.network).eval()
        for ours, other in zip(*(Stream(m).run(video()) for m in (fresh, alone)), strict=True):
            assert_same(ours.output.scores, other.output.scores)

    def test_a_stream_remembers_the_last_queries_and_no_more(self):
        stream = Stream(self.ready())
        sizes = {stream.push(frame) and stream.state_bytes for frame in video(8)}
        assert sizes == {4 * SMALL["num_queries"] * SMALL["hidden_size"]}


class TestVidEoMTWithResets(ExportedLikeAnother, VidEoMTLaws):
    clock = EveryL(3)


def make_videomt(folder):
    """A small VidEoMT with random weights, and what ``save_pretrained`` writes of it."""
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model("videomt", id2label=NAMES, **SMALL)
    model = transformers.AutoModelForUniversalSegmentation.from_config(config).eval()
    torch.nn.init.normal_(model.query.weight)
    torch.nn.init.normal_(model.query_updater.weight, std=0.5)
    model.save_pretrained(folder)
    return model


@torch.no_grad()
def test_a_stream_gives_what_transformers_gives_for_the_clip(tmp_path):
    model = make_videomt(tmp_path)
    clip = torch.randn(2, 4, 3, 48, 48)
    expected = model(pixel_values_videos=clip)
    masks = expected.masks_queries_logits.unflatten(0, (4, 2))  # frames, then batch
    method = VidEoMT(11, network_in(str(tmp_path))).eval()
    outputs = [o for _, o in NominalStream(method).run(FrameInput(x) for x in clip.unbind(1))]
    for index, output in enumerate(outputs):
        assert_same(output.side.queries[-1].masks, masks[index])
    known = load_pretrained(f"hf:{tmp_path}").method(VidEoMT)
    assert known.updater.weight.equal(method.updater.weight)


def test_another_network_is_refused_by_name():
    with pytest.raises(ValueError, match="VidEoMT carries the queries of an EoMT, and got TinyNet"):
        VidEoMT(11, TinyNet)
