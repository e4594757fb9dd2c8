"""Inter-BMV: the laws of methods, and its two sides."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from arseg_lightning.datasets.augment import to_tensor
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.methods import EveryL, FeaturePropagation, FrameInput, InterBMV, Stream
from arseg_lightning.types import Motion
from arseg_lightning.video.cache import MotionCache
from arseg_lightning.video.live import open_live
from tests.methods.laws import ExportedLikeAnother, MethodLaws, video
from tests.tiny import TinyNet
from tests.video.small_videos import write_stream, write_video


class TestInterBMV(MethodLaws):
    def method(self):
        return InterBMV(11, TinyNet, clock=EveryL(3))


class TestDistance(ExportedLikeAnother, MethodLaws):
    def method(self):
        return InterBMV(11, TinyNet, "distance", clock=EveryL(3))


class TestMax(ExportedLikeAnother, MethodLaws):
    def method(self):
        return InterBMV(11, TinyNet, "max", masked=False, clock=EveryL(3))


class TestConvolution(ExportedLikeAnother, MethodLaws):
    def method(self):
        return InterBMV(11, TinyNet, "conv3x3", clock=EveryL(3))


class TestSmallConvolution(ExportedLikeAnother, MethodLaws):
    def method(self):
        return InterBMV(11, TinyNet, "conv1x1", clock=EveryL(3))


@pytest.fixture(scope="module", params=["P-frames", "B-frames"])
def clip(tmp_path_factory, request):
    """A video with an I-frame at 0 and at 14, and its motion from the cache."""
    folder = tmp_path_factory.mktemp("video")
    if request.param == "P-frames":
        path = write_video(folder / "clip.mp4", 20, keyframe_interval=14)
    else:
        options = "keyint=14:scenecut=0:bframes=2:b-adapt=0:b-pyramid=none:open-gop=0"
        path = write_stream(folder / "clip.mp4", "libx264", {"x264-params": options})
    cache = MotionCache(folder / "motion")
    cache.ensure(path)
    with open_live(path) as live:
        return [*live], cache.read(path)


def tensors(motion):
    return torch.from_numpy(motion.xy)[None], torch.from_numpy(motion.valid)[None, None]


@torch.no_grad()
def test_a_stream_gives_what_the_steps_give_by_hand_with_motion_from_the_cache(clip):
    frames, motion = clip
    method = TestInterBMV().ready()
    results = [*Stream(method).run(frames)]
    assert [result.frame.index for result in results] == list(range(len(frames)))
    keys = [result.frame.index for result in results if result.is_keyframe]
    first, last, *_ = keys
    rest = tensors(Motion.zero(*motion.size))
    inputs = [Normalisation()(to_tensor(frame.frame.image[None])) for frame in frames]
    _, state = method.step("start", FrameInput(inputs[first], *rest, *rest), {})
    output, state = method.step("keyframe", FrameInput(inputs[last], *rest, *rest), state)
    assert output.scores.equal(results[last].output.scores)
    for index in range(first + 1, last):
        sides = (*tensors(motion.motion(index, first)), *tensors(motion.motion(last, index)))
        output, _ = method.step("between", FrameInput(inputs[index], *sides), state)
        torch.testing.assert_close(results[index].output.scores, output.scores)


def test_frames_wait_for_the_next_keyframe_and_the_last_one_becomes_one(clip):
    frames, _ = clip
    frames = frames[:12]
    stream, lengths = Stream(TestInterBMV().ready()), []
    results = []
    for frame in frames:
        found = stream.add(frame)
        lengths.append(len(found))
        results += found
    end = stream.finish()
    assert stream.finish() == []
    results += end
    assert [result.frame.index for result in results] == list(range(12))
    keys = [result.frame.index for result in results if result.is_keyframe]
    assert lengths[0] == 1
    assert [index for index, length in enumerate(lengths) if length] == keys[
        : len(keys) - bool(end)
    ]
    assert results[-1].reason == ("end" if end else "interval")
    for before, after in pairwise(keys):
        for index in range(before + 1, after):
            assert (results[index].frames_late, results[index].role) == (after - index, "between")
            assert results[index].distance == index - before
    assert {results[index].frames_late for index in keys} == {0}


def test_an_i_frame_leads_nowhere_and_the_frames_before_it_have_one_side(clip):
    """What the later side does not know is taken from the earlier one: motion alone."""
    frames, motion = clip
    method = TestInterBMV().ready()
    alone = FeaturePropagation(11, lambda _: method.network, clock=EveryL(3)).eval()
    both, one = ([*Stream(each).run(frames)] for each in (method, alone))
    before = max(result.frame.index for result in both[:14] if result.is_keyframe)
    assert motion.picture_types[14] == "I"
    for ours, theirs in zip(both[before:15], one[before:15], strict=True):
        torch.testing.assert_close(ours.output.scores, theirs.output.scores)


def test_a_restart_ends_the_stream_before_it(clip):
    frames, _ = clip
    again = replace(frames[5], step=None, restart="reconnected after 2.0 s")
    method = TestInterBMV().ready()
    results = [*Stream(method).run([*frames[:5], again, *frames[6:9]])]
    assert [result.frame.index for result in results] == list(range(9))
    alone = [*Stream(method).run(frames[:5])]
    for ours, expected in zip(results, alone, strict=False):
        assert ours.output.scores.equal(expected.output.scores)
    assert (results[4].reason, results[5].reason) == ("end", "reconnected after 2.0 s")
    assert results[5].role == "start"


def test_frames_cannot_be_pushed_one_by_one():
    with pytest.raises(ValueError, match=r"Inter-BMV \(mean\) waits for later frames .* use run"):
        Stream(TestInterBMV().ready()).push(video()[0])


def test_a_plan_that_makes_the_last_frame_no_keyframe_is_named(monkeypatch):
    monkeypatch.setattr(InterBMV, "keyframe_reason", lambda _, info: info.start)
    with pytest.raises(ValueError, match="makes the last frame of a stream 'between'"):
        [*Stream(TestInterBMV().ready()).run(video())]


def fused(fusion, at=1, masked=True, **changes):
    """The feature between two keyframes of zeros and ones, without motion."""
    method = InterBMV(11, TinyNet, fusion, masked).eval()
    image = torch.zeros(1, 3, 8, 12)
    frame = replace(method.still(image), **changes)
    zeros, ones = torch.zeros(1, 8, 2, 3), torch.ones(1, 8, 2, 3)
    state = {"before": zeros, "after": ones, "interval": torch.tensor([4.0])}
    inputs = {"distance": torch.tensor([float(at)])} if fusion == "distance" else {}
    with torch.no_grad():
        output, after = method.step("between", frame, state, **inputs)
    assert after is state
    return output.feature


@pytest.mark.parametrize(
    ("fusion", "expected"), [("mean", 0.5), ("max", 1.0), ("conv1x1", 0.5), ("conv3x3", 0.5)]
)
def test_a_fusion_is_what_it_is_called(fusion, expected):
    assert fused(fusion).mean().item() == pytest.approx(expected, abs=0.25)
    if "conv" not in fusion:  # those start as a mean with a little noise
        assert fused(fusion).unique().tolist() == [expected]


def test_the_nearer_keyframe_counts_more():
    assert [fused("distance", at).unique().item() for at in (1, 2, 3)] == [0.25, 0.5, 0.75]


@pytest.mark.parametrize("fusion", ["mean", "max", "distance"])
def test_only_the_other_side_counts_where_one_is_not_known(fusion):
    unknown = torch.zeros(1, 1, 8, 12, dtype=torch.bool)
    assert fused(fusion, later_valid=unknown).unique().tolist() == [0.0]
    assert fused(fusion, valid=unknown).unique().tolist() == [1.0]
    both = {"valid": unknown, "later_valid": unknown}
    assert fused(fusion, **both).equal(fused(fusion))
    assert fused(fusion, masked=False, later_valid=unknown).equal(fused(fusion))


def test_what_left_the_picture_is_taken_from_before():
    """The next keyframe was moved by a whole picture: nothing of this frame is in it."""
    away = torch.zeros(1, 2, 8, 12)
    away[:, 0] = 24.0
    assert fused("max", later_motion=away).unique().tolist() == [0.0]


def test_a_fusion_that_is_none_is_named():
    with pytest.raises(ValueError, match="fusion"):
        InterBMV(11, TinyNet, "median")


def test_only_convolutions_train_on_clips():
    assert InterBMV(11, TinyNet).needs.is_still
    needs = InterBMV(11, TinyNet, "conv1x1").needs
    assert (needs.frames, needs.frames_after, needs.spacing) == (3, 1, "keyframe")
