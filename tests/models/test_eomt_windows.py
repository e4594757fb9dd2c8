"""EoMT in windows: they cover the image, and give what transformers' image processor gives."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from arseg_lightning.cost import count_macs
from arseg_lightning.losses import SetLoss
from arseg_lightning.methods import MPVSS, PerFrame, TokenPropagation, VidEoMT
from arseg_lightning.models import EoMT, Output, SideOutputs, class_map
from arseg_lightning.models.windows import Windows
from tests.methods.laws import ExportedLikeAnother, assert_same

transformers = pytest.importorskip("transformers", reason="the extra hf is not installed")

from tests.models.test_eomt import EoMTLaws, make, theirs  # noqa: E402 (it skips, too)

SIDE = 48


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make("eomt", tmp_path_factory.mktemp("hub"), 0.0)


@pytest.fixture(scope="module")
def network(folder):
    return EoMT(11, folder, windows=True).eval()


@pytest.mark.parametrize(
    ("size", "side", "expected"),
    [
        ((1024, 2048), 1024, Windows((1024, 2048), (0, 1024))),
        ((360, 480), 256, Windows((256, 341), (0, 85))),
        ((90, 30), 60, Windows((180, 60), (0, 60, 120))),
        ((512, 683), 512, Windows((512, 683), (0, 171))),
        ((7, 7), 640, Windows((640, 640), (0,))),
    ],
)
def test_windows_of_known_sizes(size, side, expected):
    assert Windows.over(size, side) == expected


def test_every_pixel_is_in_a_window_and_none_is_spared():
    for longer in range(48, 400):
        starts = Windows.over((longer, 48), 48).starts
        assert starts[0] == 0
        assert starts[-1] == longer - 48
        assert all(0 < after - before <= 48 for before, after in pairwise(starts))
        assert len(starts) == -(-longer // 48)


@pytest.mark.parametrize("size", [(48, 113), (113, 48)])
def test_what_is_cut_and_averaged_is_as_before(size):
    windows, image = Windows.over(size, 48), torch.randn(2, 3, *size)
    torch.testing.assert_close(windows.average(windows.cut(image)), image)
    labels = torch.randint(0, 256, (2, *size), dtype=torch.uint8)
    assert windows.cut_labels(labels).equal(windows.cut(labels[:, None])[:, 0])


@torch.no_grad()
def test_a_square_of_the_windows_size_is_seen_as_a_whole(network, folder):
    image = torch.randn(2, 3, SIDE, SIDE)
    assert network.output(image).scores.equal(EoMT(11, folder).eval().output(image).scores)


@torch.no_grad()
def test_two_windows_are_the_network_on_each(network):
    image = torch.randn(2, 3, SIDE, 80)
    left, right = (
        class_map(network.find(part).scores[-1], (SIDE, SIDE))
        for part in (image[..., :SIDE], image[..., 80 - SIDE :])
    )
    scores = network.output(image).scores
    assert_same(scores[..., :32], left[..., :32])
    assert_same(scores[..., 32:48], (left[..., 32:] + right[..., :16]) / 2)
    assert_same(scores[..., 48:], right[..., 16:])


@pytest.mark.parametrize("size", [(SIDE, 117), (131, SIDE)])
@torch.no_grad()
def test_scores_are_those_of_transformers_image_processor(size, network, folder):
    image = torch.randn(3, *size)
    processor = transformers.EomtImageProcessorPil(
        size={"shortest_edge": SIDE, "longest_edge": None}
    )
    parts, offsets = processor._split_image(image.numpy(), processor.size, 0)
    outputs = theirs(folder).eval()(torch.stack([torch.from_numpy(part) for part in parts]))
    outputs.patch_offsets = offsets
    [expected] = processor.post_process_semantic_segmentation(
        outputs, [size], {"shortest_edge": SIDE, "longest_edge": None}, True
    )
    assert_same(network.output(image[None]).scores[0], expected.segmentation_scores)


def test_each_window_costs_what_the_network_costs(network, folder):
    plain = count_macs(EoMT(11, folder), torch.empty(1, 3, SIDE, SIDE))
    assert count_macs(network, torch.empty(1, 3, 100, 202)) == 3 * plain


def test_training_sees_crops_as_they_are(folder):
    network = EoMT(11, folder, windows=True).train()
    side = network.output(torch.randn(2, 3, SIDE, 80)).side
    assert side.windows is None
    assert len(side.queries[-1].masks) == 2


@torch.no_grad()
def test_the_loss_compares_windows_with_the_labels_there(network):
    image, label = torch.randn(1, 3, SIDE, 96), torch.randint(0, 11, (1, SIDE, 96))
    output, loss = network.output(image), SetLoss(points=50)
    parts = torch.cat([label[..., :SIDE], label[..., SIDE:]])
    torch.manual_seed(0)
    expected = loss(
        Output(output.scores, False, side=SideOutputs(queries=output.side.queries)), parts
    )
    torch.manual_seed(0)
    assert loss(output, label).equal(expected)


def test_windows_of_a_network_share_its_weights_and_masks(folder, tmp_path):
    own = EoMT(11, make("eomt", tmp_path, 1.0))
    windows = EoMT(11, folder, windows=True).sharing(own)
    assert windows.window == SIDE
    assert windows.model is own.model
    own.load_state_dict(EoMT(11, folder).state_dict())
    assert windows.masking == own.masking == [0.0, 0.0]
    assert EoMT(11, folder).sharing(own) is own


@pytest.mark.parametrize("method", [VidEoMT, TokenPropagation, MPVSS])
def test_methods_that_carry_queries_refuse_windows_by_name(method, network):
    message = f"{method.__name__} carries what queries found in the whole image"
    with pytest.raises(ValueError, match=f"{message}.*; leave windows out, or run it by PerFrame"):
        method(11, lambda _: network)


def test_windows_that_are_no_whole_patches_are_refused(tmp_path):
    make("eomt_dinov3", tmp_path, image_size=50)
    with pytest.raises(ValueError, match="made for images of 50 with patches of 8 pixels; leave"):
        EoMT(11, str(tmp_path), windows=True)


class TestEoMTInWindows(ExportedLikeAnother, EoMTLaws):
    def method(self):
        network = lambda classes: EoMT(classes, self.path, windows=True)  # noqa: E731
        return PerFrame(11, network, loss=SetLoss(points=50))
