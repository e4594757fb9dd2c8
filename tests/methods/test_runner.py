"""The laws of a stream: what a method is given of frames, and what is kept between them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from arseg_lightning.datasets.clips import keyframes
from arseg_lightning.methods import EveryL, Executed, PerFrame, Plan, Stream
from arseg_lightning.propagation import warp_to
from arseg_lightning.video.cache import MotionCache
from arseg_lightning.video.live import open_live
from arseg_lightning.video.motion import BlockMotion
from tests.methods.laws import Footage, video
from tests.methods.toys import InParts, Learning, RunningMean
from tests.streaming.made import segmenter, streamed, tiny_method
from tests.tiny import TinyNet
from tests.video.hand_made import shift
from tests.video.small_videos import write_stream, write_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Frames of a video with an I-frame at 0 and at 14."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    return list(streamed(write_video(path, 20, keyframe_interval=14)))


def labels_of(results):
    return [result.labels for result in results]


def same(left, right):
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


@torch.no_grad()
def test_a_method_that_remembers_gets_its_state_and_the_motion_to_the_frame_before():
    method, footage = RunningMean(), Footage.make(4)
    stream = Stream(method)
    results = [stream.push(frame) for frame in footage.frames()]
    given = footage.clip(method)
    mean = method.network.features(given.images[:, 0])
    for index in range(1, 4):
        warped = warp_to(mean, given.motion[:, index])
        feature = method.network.features(given.images[:, index])
        mean = warped + (feature - warped) / (index + 1)
        torch.testing.assert_close(results[index].output.feature, mean)
    assert [result.role for result in results] == ["first", *["next"] * 3]


def test_a_frame_may_take_several_steps():
    stream = Stream(InParts())
    results = [stream.push(frame) for frame in video(5)]
    assert [result.roles for result in results] == [
        *("shallow+deep", "shallow", "shallow", "shallow+deep", "shallow")
    ]
    assert results[3].executed == (Executed("shallow"), Executed("deep", 0.5))
    assert [result.reason for result in results] == ["third", None, None, "third", None]


def test_a_frame_that_ends_without_scores_is_named(monkeypatch):
    monkeypatch.setattr(InParts, "plan", lambda *_: Plan("shallow"))
    with pytest.raises(ValueError, match="InParts ends a frame with shallow: it has no scores"):
        Stream(InParts()).push(video(1)[0])


@pytest.mark.parametrize(
    ("state", "named"),
    [(None, "NoneType"), (torch.ones(1), "Tensor"), ({"a": [1], "b": torch.ones(1)}, "a: list")],
)
def test_a_state_that_is_no_mapping_of_tensors_is_named(monkeypatch, state, named):
    method, step = PerFrame(3, TinyNet).eval(), PerFrame.step
    monkeypatch.setattr(PerFrame, "step", lambda *args: (step(*args)[0], state))
    with pytest.raises(TypeError, match=f"state of 1x is a mapping of .* tensors, got {named}"):
        Stream(method).push(video(1)[0])


def test_a_role_that_is_not_declared_is_named(monkeypatch):
    monkeypatch.setattr(Learning, "plan", lambda *_: Plan("other"))
    with pytest.raises(ValueError, match="plans the role 'other', which is none of its roles"):
        Stream(Learning()).push(video(1)[0])


@pytest.mark.parametrize("inference", [False, True])
def test_a_method_learns_in_a_stream_even_in_inference_mode(inference):
    """As in Lightning's test loop."""
    method = Learning()
    before = method.network.classifier.bias.clone()
    with torch.inference_mode(inference):
        stream, other = Stream(method), Stream(method)
        scores = [stream.push(frame).output.scores for frame in [video(1)[0]] * 2]
        assert other.push(video(1)[0]).output.scores.equal(scores[0])
    assert not scores[0].equal(scores[1])
    assert method.network.classifier.bias.equal(before)
    stream.reset()
    assert stream.push(video(1)[0]).output.scores.equal(scores[0])


def test_a_step_is_told_where_the_codec_gave_no_vector():
    seen = []

    class Seeing(RunningMean):
        def step(self, role, frame, state, **inputs):
            seen.append(frame)
            return super().step(role, frame, state)

    footage = Footage.make(3)
    stream = Stream(Seeing())
    for frame in footage.frames():
        stream.push(frame)
    assert (seen[0].valid.all(), seen[0].motion.any()) == (True, False)
    for frame, step in zip(seen[1:], footage.motion[1:], strict=True):
        height, width = frame.size
        lost = step.intra.repeat(4, 0).repeat(4, 1)[:height, :width]
        assert np.array_equal(frame.valid[0, 0].numpy(), ~lost)
        assert lost.any()


def test_a_plan_knows_how_much_of_a_frame_the_codec_did_not_predict():
    shares = []

    class Asking(RunningMean):
        def plan(self, info, state, memory):
            shares.append(info.intra_share)
            return super().plan(info, state, memory)

    (first, second), stream = video(2), Stream(Asking())
    cells = np.zeros_like(second.step.intra)
    cells[: len(cells) // 2] = True
    stream.push(first)
    stream.push(replace(second, step=BlockMotion(second.step.quarter_pixels, cells)))
    assert shares == [1.0, cells.mean()]


@pytest.mark.parametrize("method", [tiny_method(EveryL(6)), PerFrame(11, TinyNet).eval()])
def test_frames_that_nobody_wants_may_be_passed_over(clip, method):
    stream, sparse = Stream(method), Stream(method)
    results = [stream.push(frame) for frame in clip[:12]]
    for index, frame in enumerate(clip[:12]):
        if index % 6 in (0, 4):
            found = sparse.push(frame)
            assert np.array_equal(found.labels, results[index].labels)
            assert found.distance == results[index].distance
        else:
            sparse.pass_over(frame)


def test_what_later_frames_depend_on_is_not_passed_over(clip):
    stream = Stream(RunningMean())
    stream.push(clip[0])
    with pytest.raises(ValueError, match="RunningMean has to see every frame; push it"):
        stream.pass_over(clip[1])
    stream = Stream(tiny_method(EveryL(1)))
    stream.push(clip[0])
    with pytest.raises(ValueError, match=r"refer to this one, a keyframe \(interval\); push it"):
        stream.pass_over(clip[1])


def test_two_streams_at_once_are_two_streams(clip, tmp_path):
    other = list(streamed(write_video(tmp_path / "other.mp4", 20, keyframe_interval=9)))
    for method in (tiny_method(EveryL(4)), RunningMean(), InParts()):
        alone = [labels_of(map(Stream(method).push, frames)) for frames in (clip, other)]
        streams = Stream(method), Stream(method)
        pairs = [
            (streams[0].push(left), streams[1].push(right))
            for left, right in zip(clip, other, strict=True)
        ]
        assert same(labels_of(pair[0] for pair in pairs), alone[0])
        assert same(labels_of(pair[1] for pair in pairs), alone[1])


@pytest.mark.parametrize("method", [tiny_method(EveryL(7)), RunningMean()])
def test_after_reset_nothing_of_the_stream_is_left(clip, method):
    stream = Stream(method)
    first = labels_of(map(stream.push, clip[:10]))
    stream.reset()
    late = replace(clip[10], restart=None)
    assert stream.push(late).reason == "start"
    stream.reset()
    assert same(labels_of(map(stream.push, clip[:10])), first)


@pytest.mark.parametrize("method", [tiny_method(EveryL(12)), RunningMean()])
def test_what_cannot_refer_to_the_past_starts_again(clip, method):
    stream = Stream(method)
    stream.push(clip[0])
    assert stream.push(replace(clip[1], step=None)).reason == "no motion"
    assert stream.push(clip[2]).reason is None
    broken = replace(clip[3], step=None, restart="reconnected after 2.0 s")
    assert stream.push(broken).reason == "reconnected after 2.0 s"
    small = replace(clip[4].frame, image=clip[4].frame.image[:48, :80].copy())
    result = stream.push(replace(clip[4], frame=small, step=shift(1, 0, 48, 80)))
    assert result.reason == "size changed from 64x96 to 48x80"
    assert result.labels.shape == (48, 80)
    following = stream.push(replace(clip[5], frame=small, step=shift(1, 0, 48, 80)))
    assert (following.reason, following.distance) == (None, 1)


def test_an_intra_frame_may_be_taken_for_one_that_rests(clip):
    stream = Stream(tiny_method(EveryL(20, on_intra=False)))
    results = [stream.push(frame) for frame in clip]
    assert [result.frame.index for result in results if result.is_keyframe] == [0]
    assert results[14].distance == 14


def test_a_method_without_motion_composes_none(clip):
    method = PerFrame(11, TinyNet).eval()
    stream = Stream(method)
    results = [stream.push(replace(frame, step=None)) for frame in clip]
    alone = [Stream(method).push(frame).labels for frame in clip]
    assert same(labels_of(results), alone)


def test_a_result_says_what_was_done_and_how_long_it_took(clip):
    stream = segmenter(clock=EveryL(5)).session()
    first, second, *_ = [stream.push(frame) for frame in clip]
    assert (first.role, second.role) == ("keyframe", "nonkeyframe")
    assert (first.is_keyframe, second.is_keyframe) == (True, False)
    assert second.labels.dtype == np.uint8
    assert set(second.stages) == {"wait", "image", "motion", "queue", "network", "labels"}
    assert second.latency_ms == pytest.approx(sum(second.stages.values()))


def test_streams_and_data_have_the_same_keyframes_and_none_is_a_b_frame(tmp_path):
    options = {"x264-params": "keyint=18:scenecut=0:bframes=3:b-adapt=0:b-pyramid=strict"}
    path = write_stream(tmp_path / "clip.mp4", "libx264", options)
    cache = MotionCache(tmp_path / "motion")
    cache.ensure(path)
    motion = cache.read(path)
    stream = Stream(tiny_method(EveryL(5)))
    with open_live(path) as live:
        results = [stream.push(streamed) for streamed in live]
    found = [each.frame.index for each in results if each.is_keyframe]
    assert found == keyframes(motion.intra_frames, motion.num_frames, 5, motion.anchors)
    assert "B" not in {motion.picture_types[frame] for frame in found}
    assert found != list(range(0, 30, 5))
    assert "interval, then no B-frame" in {each.reason for each in results}
