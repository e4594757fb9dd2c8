"""Tokens of a ViT that follow motion: the laws of methods, and what moves and what is anew."""

from __future__ import annotations

import pytest
import torch

from arseg_lightning.cost import method_cost
from arseg_lightning.losses import SetLoss
from arseg_lightning.methods import FrameInput, TokenPropagation
from arseg_lightning.models import EoMT
from tests.methods.laws import ExportedLikeAnother, MethodLaws, assert_same
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
        tokens = method._carried(other, method.still(other), state)
        assert_same(tokens[:, prefix:], method.network.early(other)[:, prefix:])
        assert tokens[:, :prefix].equal(state["tokens"][:, :prefix])  # of the image as a whole

    @torch.no_grad()
    def test_where_no_motion_leads_tokens_are_anew(self):
        method = self.method(share=1 / 48).eval()
        still, other = torch.randn(2, 1, 3, 48, 64)
        _, state = method.step("keyframe", method.still(still), {})
        valid = torch.ones(1, 1, 48, 64, dtype=torch.bool)
        valid[..., 8:16, 16:24] = False  # the patch in the second row and the third column
        frame = FrameInput(other, torch.zeros(1, 2, 48, 64), valid)
        image = method.network.padded(other)
        prefix = method.network.num_prefix
        moved = method._carried(image, frame, state)[0, prefix:]
        changed = (moved != state["tokens"][0, prefix:]).any(1).nonzero()[:, 0]
        assert changed.tolist() == [8 + 2]

    def test_its_share_is_in_the_cost(self):
        cheap, dear = (method_cost(self.method(share), (48, 64)).role_gmacs for share in (0, 0.5))
        assert cheap["propagate"] < dear["propagate"] < dear["keyframe"]


class TestTokensAndQueries(ExportedLikeAnother, TokenLaws):
    carries_queries = True


class TestTokensOfDINOv3(ExportedLikeAnother, TokenLaws):
    kind = "eomt_dinov3"


def test_another_network_is_refused_by_name():
    with pytest.raises(ValueError, match="carries the tokens of an EoMT, and got TinyNet"):
        TokenPropagation(11, TinyNet)
