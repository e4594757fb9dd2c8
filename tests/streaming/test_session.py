"""Sessions: what a stream comes to equals the system run by hand, and streams stay apart."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from arseg_lightning.datasets.augment import to_tensor
from arseg_lightning.datasets.clips import keyframes
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.inference import optimise
from arseg_lightning.streaming import EveryL
from arseg_lightning.systems import EveryFrame
from arseg_lightning.video.cache import MotionCache
from arseg_lightning.video.decode import decode
from arseg_lightning.video.errors import UnsupportedReference
from tests.streaming.made import bisenet_system, segmenter, streamed, tiny_system
from tests.video.hand_made import shift
from tests.video.small_videos import moving_frames, write_stream, write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """An I-frame at 0 and at 14."""
    folder = tmp_path_factory.mktemp("video")
    return write_video(folder / "clip.mp4", 20, keyframe_interval=14)


@torch.no_grad()
def by_hand(system, video, interval, folder, chaining="subpixel"):
    """Labels as the evaluation computes them: cached motion, whole keyframe periods."""
    cache = MotionCache(folder)
    cache.ensure(video)
    motion = cache.read(video, chaining)
    frames = list(decode(video))
    images = Normalisation()(to_tensor(np.stack([frame.image for frame in frames])))
    keys = keyframes(motion.intra_frames, len(frames), interval)
    labels = []
    for start, stop in zip(keys, [*keys[1:], len(frames)], strict=True):
        fields = np.stack([motion.motion(t, start).xy for t in range(start, stop)])
        clip = images[start:stop][None], torch.from_numpy(fields)[None], list(range(stop - start))
        labels += [prediction.labels[0].numpy() for prediction in system.run(*clip)]
    return labels


def labels_of(results):
    return [result.labels for result in results]


def same(left, right):
    return all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("chaining", ["subpixel", "integer", "none"])
def test_a_stream_gives_the_labels_of_the_evaluation(video, tmp_path, chaining):
    system = tiny_system()
    session = segmenter(system, policy=EveryL(5), chaining=chaining).session()
    results = [session.push(frame) for frame in streamed(video)]
    assert same(labels_of(results), by_hand(system, video, 5, tmp_path, chaining))
    keys = [result.frame.index for result in results if result.is_keyframe]
    assert keys == [0, 5, 10, 14, 19]
    distances = [result.prediction.distance for result in results]
    assert distances == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 0, 1, 2, 3, 4, 0]


def test_optimised_networks_give_the_same_labels(video, tmp_path):
    system = bisenet_system()
    session = segmenter(optimise(system), policy=EveryL(5)).session()
    streams = labels_of(session.push(frame) for frame in streamed(video))
    plain = by_hand(system, video, 5, tmp_path)
    assert (np.stack(list(streams)) == np.stack(plain)).mean() > 0.9999


def test_a_file_is_streamed_as_its_frames_are(video):
    own = segmenter(policy=EveryL(5))
    session = own.session()
    pushed = labels_of(session.push(frame) for frame in streamed(video))
    results = list(own.stream(video))
    assert same(labels_of(results), pushed)
    assert [result.reason for result in results][:6] == ["start", *[None] * 4, "interval"]
    assert len(list(own.stream(video, limit=3))) == 3


@pytest.mark.parametrize("batch_frames", [2, 3, 100])
def test_batches_give_what_single_frames_give(video, batch_frames):
    own = segmenter(policy=EveryL(8))
    alone = list(own.stream(video))
    batched = list(own.stream(video, batch_frames=batch_frames))
    assert same(labels_of(batched), labels_of(alone))
    for left, right in zip(batched, alone, strict=True):
        assert (left.frame.index, left.reason) == (right.frame.index, right.reason)
        assert left.prediction.distance == right.prediction.distance
        assert left.prediction.scores.shape == right.prediction.scores.shape


def test_a_batch_has_frames(video):
    with pytest.raises(ValueError, match="batch_frames is at least 1, got 0"):
        next(segmenter().stream(video, batch_frames=0))


def test_two_streams_at_once_are_two_streams(video, tmp_path):
    other = write_video(tmp_path / "other.mp4", 20, keyframe_interval=9)
    own = segmenter(policy=EveryL(4))
    alone = [labels_of(map(own.session().push, streamed(path))) for path in (video, other)]
    sessions = own.session(), own.session(EveryL(4))
    pairs = [
        (sessions[0].push(left), sessions[1].push(right))
        for left, right in zip(streamed(video), streamed(other), strict=True)
    ]
    assert same(labels_of(pair[0] for pair in pairs), alone[0])
    assert same(labels_of(pair[1] for pair in pairs), alone[1])


def test_after_reset_nothing_of_the_stream_is_left(video):
    session = segmenter(policy=EveryL(7)).session()
    frames = list(streamed(video))
    first = labels_of(map(session.push, frames[:10]))
    session.reset()
    late = replace(frames[10], restart=None)
    assert session.push(late).reason == "start"
    session.reset()
    assert same(labels_of(map(session.push, frames[:10])), first)


def test_what_cannot_refer_to_the_past_is_a_keyframe(video):
    session = segmenter(policy=EveryL(12)).session()
    frames = list(streamed(video))
    session.push(frames[0])
    assert session.push(replace(frames[1], step=None)).reason == "no motion"
    assert session.push(frames[2]).reason is None
    broken = replace(frames[3], step=None, restart="reconnected after 2.0 s")
    assert session.push(broken).reason == "reconnected after 2.0 s"
    small = replace(frames[4].frame, image=frames[4].frame.image[:48, :80].copy())
    result = session.push(replace(frames[4], frame=small, step=shift(1, 0, 48, 80)))
    assert result.reason == "size changed from 64x96 to 48x80"
    assert result.labels.shape == (48, 80)
    following = session.push(replace(frames[5], frame=small, step=shift(1, 0, 48, 80)))
    assert (following.reason, following.prediction.distance) == (None, 1)


def test_an_intra_frame_may_be_taken_for_one_that_rests(video):
    session = segmenter(policy=EveryL(20, on_intra=False)).session()
    results = [session.push(frame) for frame in streamed(video)]
    assert [result.frame.index for result in results if result.is_keyframe] == [0]
    assert results[14].prediction.distance == 14


def test_a_method_without_motion_composes_none(video):
    system = EveryFrame(tiny_system().high_res)
    session = segmenter(system, policy=EveryL(6)).session()
    frames = list(streamed(video))
    results = [session.push(frame) for frame in frames]
    alone = [segmenter(system).session().push(frame).labels for frame in frames]
    assert same(labels_of(results), alone)


def test_a_method_without_motion_looks_for_none_unless_told_where(tmp_path):
    path = write_stream(tmp_path / "clip.mp4", "libx264", {"bf": "2"}, moving_frames(8))
    every_frame = segmenter(EveryFrame(tiny_system().high_res))
    steps = {}
    for name, own in ("arseg", segmenter()), ("every frame", every_frame):
        with own.open(path) as live:
            steps[name] = [f.step for f in live if f.step is not None]
    assert any(step.quarter_pixels.any() for step in steps["arseg"])
    assert not any(step.quarter_pixels.any() for step in steps["every frame"])
    found = labels_of(every_frame.stream(path, motion="reencode"))
    assert same(labels_of(every_frame.stream(path)), found)
    with pytest.raises(UnsupportedReference):
        every_frame.open(path, "codec")


def test_a_result_says_what_was_done_and_how_long_it_took(video):
    session = segmenter(policy=EveryL(5)).session()
    first, second, *_ = [session.push(frame) for frame in streamed(video)]
    assert (first.prediction.role, second.prediction.role) == ("keyframe", "nonkeyframe")
    assert (first.prediction.resolution_ratio, second.prediction.resolution_ratio) == (1.0, 0.5)
    assert second.labels.dtype == np.uint8
    assert set(second.stages) == {"wait", "image", "motion", "queue", "network", "labels"}
    assert second.latency_ms == pytest.approx(sum(second.stages.values()))
