"""TapLab: the laws of methods, and what the published code computes."""

from __future__ import annotations

import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.methods import EveryL, FrameInfo, FrameInput, Stream, TapLab
from arseg_lightning.methods.motion_track import residual
from arseg_lightning.methods.taplab import residual_windows
from arseg_lightning.models import TorchSegBiSeNet18, load_segmentor_weights
from arseg_lightning.types import Motion
from tests.methods.laws import ExportedLikeAnother, MethodLaws, video
from tests.parity import PARITY, assert_same, recipe
from tests.tiny import TinyNet


class TestTapLab(MethodLaws):
    export_refused = "depend on what frames show"

    def method(self):
        return TapLab(11, TinyNet, clock=EveryL(4))


class TestWindows(MethodLaws):
    def method(self):
        return TapLab(11, TinyNet, "window", window=16, clock=EveryL(4))


class TestPublishedWarp(ExportedLikeAnother, MethodLaws):
    def method(self):
        return TapLab(11, TinyNet, "none", sampling="taplab", clock=EveryL(4))


def test_windows_overlap_by_half_and_reach_the_border():
    corners, sums = residual_windows(np.ones((1024, 2048)), 512)
    assert corners.shape == (7, 3, 2)
    assert corners[6, 2].tolist() == [512, 1536]
    assert (sums == 512 * 512).all()
    corners, sums = residual_windows(np.eye(5, 7), 4)
    assert corners[:, :, 0].tolist() == [[0, 1], [0, 1], [0, 1]]
    assert corners[:, 0, 1].tolist() == [0, 2, 3]
    assert sums[:, 0].tolist() == [4, 2, 1]


def info(index, residual=None):
    size = (64, 96)
    residual = np.zeros((*size, 3)) if residual is None else residual
    return FrameInfo(index, index, None if index else "start", size, find_residual=lambda: residual)


def test_the_window_that_changes_is_segmented_and_then_others_have_their_turn():
    method = TapLab(11, TinyNet, "window", window=32, clock=EveryL(9))
    memory, residual = method.begin(), np.zeros((64, 96, 3))
    residual[32:, 64:], residual[:16, :16] = 9, 4
    plans = [method.plan(info(index, residual), {}, memory) for index in range(3)]
    assert [plan.role for plan in plans] == ["keyframe", "window", "window"]
    assert plans[1].inputs["corner"].tolist() == [32, 64]
    assert plans[2].inputs["corner"].tolist() != [32, 64]


@pytest.mark.parametrize(("grey_levels", "frames"), [(18.0, [1]), (10.0, [5]), (1.0, [])])
def test_a_frame_is_segmented_where_its_residual_or_their_sum_is_large(grey_levels, frames):
    method = TapLab(11, TinyNet, clock=EveryL(9))
    memory, residual = method.begin(), np.full((64, 96, 3), grey_levels / 3)
    roles = [method.plan(info(i, residual), {}, memory).role for i in range(6)]
    assert [index for index, role in enumerate(roles) if role == "frame"] == frames or (
        frames == [1] and roles[1:] == ["frame"] * 5
    )


def test_a_still_stream_keeps_its_labels():
    method = TapLab(11, TinyNet, "none", clock=EveryL(9)).eval()
    torch.nn.init.normal_(method.network.classifier.weight)
    first, second = video(2)
    still = first.__class__(
        second.frame.__class__(1, 0.04, "P", first.frame.image),
        second.step.__class__(np.zeros_like(second.step.quarter_pixels), second.step.intra),
    )
    stream = Stream(method)
    assert (stream.push(first).labels == stream.push(still).labels).all()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    if not PARITY.is_dir():
        pytest.skip(f"what the published code computes is not at {PARITY}")
    keys = json.loads((PARITY / "taplab-bisenet.keys.json").read_text())["network"]
    path = tmp_path_factory.mktemp("taplab") / "bisenet.pth"
    torch.save({"model": {k: recipe(f"bisenet.{k}", shape) for k, shape in keys.items()}}, path)
    network = TorchSegBiSeNet18(19).eval()
    load_segmentor_weights(network, path)
    return network


def stored(name):
    if not PARITY.is_dir():
        pytest.skip(f"what the published code computes is not at {PARITY}")
    with np.load(PARITY / f"{name}.npz") as arrays:
        return SimpleNamespace(**{key: arrays[key] for key in arrays})


def image_of(pixels):
    return Normalisation()(torch.from_numpy(pixels).permute(2, 0, 1).float())[None]


@torch.no_grad()
def test_the_network_gives_what_the_published_one_gives(network):
    published = stored("taplab-bisenet")
    output = network.output(image_of(published.frame_u8))
    assert_same(output.scores, torch.from_numpy(getattr(published, "heads.2.conv_1x1")))
    ours = output.labels((128, 256))[0].numpy()
    assert (ours == published.labels[0]).mean() > 0.9999


@torch.no_grad()
@pytest.mark.parametrize("sampling", ["taplab", "taplab-1.2"])
def test_the_warp_is_the_published_one(sampling):
    published, method = stored("taplab-warp"), TapLab(5, TinyNet, sampling=sampling)
    for suffix, motion in (("", published.motion_xy), ("_zero_motion", 0 * published.motion_xy)):
        field = -torch.from_numpy(motion).float().permute(2, 0, 1)[None]
        frame = FrameInput(field[:, :1], field, torch.ones_like(field[:, :1], dtype=torch.bool))
        suffix += "_aligned" if sampling == "taplab-1.2" else ""
        warped = method._warp(torch.from_numpy(published.map), frame)
        assert_same(warped, torch.from_numpy(getattr(published, f"warped{suffix}")))


RUNS = {
    "full": ("window_and_frame", "taplab"),
    "rgc": ("window", "taplab"),
    "ffw": ("none", "taplab"),
    "full_aligned": ("window_and_frame", "taplab-1.2"),
    "ffw_aligned": ("none", "taplab-1.2"),
}


@torch.no_grad()
@pytest.mark.parametrize("run", RUNS)
def test_a_stream_gives_what_the_published_code_gives(network, run):
    published, (correction, sampling) = stored("taplab-sequence"), RUNS[run]
    pixels = 128 * 256
    method = TapLab(
        *(19, lambda _: network, correction, int(published.window[0])),
        frame_threshold=int(published.threshold_frame[0]) / pixels,
        total_threshold=int(published.threshold_sum[0]) / pixels,
        sampling=sampling,
        clock=EveryL(99),
    ).eval()
    frames, memory, state = published.frames_u8, method.begin(), {}
    spacing = 4 if run in ("full", "rgc") else 8
    for index, pixels_of in enumerate(frames):
        field = -published.motion_xy[index].astype(np.float32).transpose(2, 0, 1)
        motion = Motion(np.ascontiguousarray(field), np.ones(field.shape[1:], np.bool_))
        known = FrameInfo(
            *(index, index, None if index else "start", (128, 256)),
            find_residual=partial(residual, pixels_of, frames[max(index - 1, 0)], motion),
        )
        plan = method.plan(known, state, memory)
        field = torch.from_numpy(motion.xy)[None]
        frame = FrameInput(image_of(pixels_of), field, torch.from_numpy(motion.valid)[None, None])
        output, state = method.step(plan.role, frame, state, **plan.inputs)
        if index == 0:
            assert_same(output.scores[:, ::2, ::4, ::4], torch.from_numpy(published.key_map))
            continue
        maps = torch.from_numpy(getattr(published, f"{run}_maps"))
        assert_same(output.scores[0, ::4, ::spacing, ::spacing], maps[index - 1])
        if correction == "window_and_frame":
            assert (plan.role == "frame") == published.fires[index - 1]
            assert memory.total * pixels == pytest.approx(published.cumulative[index - 1])
        if plan.role == "window":
            top, _, left, _, _ = getattr(published, f"{run.split('_')[0]}_windows")[index - 1]
            assert plan.inputs["corner"].tolist() == [top, left]
    labels = output.labels((128, 256))[0].numpy()
    assert (labels == getattr(published, f"{run}_labels_last")).mean() > 0.9999
