"""Tokens of a ViT that follow motion: the laws of methods, and what moves and what is anew."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from arseg_lightning.cost import method_cost
from arseg_lightning.losses import SetLoss
from arseg_lightning.methods import FrameInput, TokenPropagation, VidEoMT
from arseg_lightning.models import EoMT
from arseg_lightning.streaming.pretrained import load_pretrained
from tests.methods.laws import ExportedLikeAnother, MethodLaws, assert_same
from tests.methods.test_videomt import make_videomt
from tests.models.test_eomt import make
from tests.tiny import TinyNet

pytest.importorskip("transformers", reason="the extra hf is not installed")


class TokenLaws(MethodLaws):
    kind, carries_queries = "eomt", False

    @pytest.fixture(autouse=True)
    def made(self, tmp_path_factory):
        if not hasattr(type(self), "path"):
            type(self).path = make(self.kind, tmp_path_factory.mktemp("hub") / self.kind, 0.0)

    def method(self, share=0.25):
        network = lambda classes: EoMT(classes, self.path)  # noqa: E731
        loss = SetLoss(points=50)
        return TokenPropagation(11, network, share, self.carries_queries, loss=loss)


class TestTokens(TokenLaws):
    @torch.no_grad()
    def test_a_picture_that_does_not_move_keeps_its_scores(self):
        method = self.method(share=0.0).eval()
        frame = method.still(torch.randn(1, 3, 48, 64))
        first, state = method.step("keyframe", frame, {})
        then, _ = method.step("propagate", frame, state)
        assert_same(then.scores, first.scores)

    @torch.no_grad()
    def test_all_patches_anew_are_the_network(self):
        method = self.method(share=1.0).eval()
        still, other = torch.randn(2, 1, 3, 48, 64)
        _, state = method.step("keyframe", method.still(still), {})
        prefix = method.network.num_prefix
        patches = method.network.patches(other)
        tokens = method._carried(patches, method.still(other), state)
        assert_same(tokens[:, prefix:], method.network.early(patches)[:, prefix:])
        assert tokens[:, :prefix].equal(state["tokens"][:, :prefix])  # of the image as a whole

    @torch.no_grad()
    def test_where_no_motion_leads_tokens_are_anew(self):
        method = self.method(share=1 / 48).eval()
        still, other = torch.randn(2, 1, 3, 48, 64)
        _, state = method.step("keyframe", method.still(still), {})
        valid = torch.ones(1, 1, 48, 64, dtype=torch.bool)
        valid[..., 8:16, 16:24] = False  # the patch in the second row and the third column
        frame = FrameInput(other, torch.zeros(1, 2, 48, 64), valid)
        prefix = method.network.num_prefix
        moved = method._carried(method.network.patches(other), frame, state)[0, prefix:]
        changed = (moved != state["tokens"][0, prefix:]).any(1).nonzero()[:, 0]
        assert changed.tolist() == [8 + 2]

    def test_its_share_is_in_the_cost(self):
        cheap, dear = (method_cost(self.method(share), (48, 64)).role_gmacs for share in (0, 0.5))
        assert cheap["propagate"] < dear["propagate"] < dear["keyframe"]

    def test_patches_that_are_not_chosen_are_not_embedded(self):
        method = self.method()
        embedding = method.network.model.embeddings.patch_embeddings
        embedding = getattr(embedding, "projection", embedding)
        images = []
        embedding.register_forward_pre_hook(lambda _, inputs: images.append(inputs[0].shape))
        patches = method.network.patches(torch.randn(2, 3, 48, 64))
        method.network.early(patches, torch.tensor([[3, 1, 7], [0, 1, 2]]))
        assert images == [(6, 3, 8, 8)]


@torch.no_grad()
def test_queries_are_carried_as_the_file_of_a_videomt_says(tmp_path):
    trained = make_videomt(tmp_path).query_updater.weight
    build = partial(TokenPropagation, share=1.0, carries_queries=True)
    ours = load_pretrained(f"hf:{tmp_path}").method(build)  # which refuses new weights
    assert ours.updater.weight.equal(trained)
    theirs = load_pretrained(f"hf:{tmp_path}").method(VidEoMT)
    still = ours.still(torch.randn(1, 3, 48, 48))
    states = [each.step("keyframe", still, {})[1]["queries"] for each in (ours, theirs)]
    assert_same(*states)
    without = load_pretrained(f"hf:{tmp_path}").method(TokenPropagation)
    assert without.updater is None


class TestTokensAndQueries(ExportedLikeAnother, TokenLaws):
    carries_queries = True


class TestTokensOfDINOv3(ExportedLikeAnother, TokenLaws):
    kind = "eomt_dinov3"


def test_another_network_is_refused_by_name():
    with pytest.raises(ValueError, match="carries the tokens of an EoMT, and got TinyNet"):
        TokenPropagation(11, TinyNet)
