"""Evaluation: every method is shown the stream that it gets in use, with its own clock."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from arseg_lightning.datasets.evaluation import EvaluationClip
from arseg_lightning.datasets.needs import EvaluationNeeds
from arseg_lightning.methods import (
    Adaptive,
    ARSeg,
    CodecKeyframes,
    EveryL,
    FeaturePropagation,
    InterBMV,
    Needs,
    Output,
    PerFrame,
    Plan,
    Stream,
    VideoMethod,
)
from arseg_lightning.propagation import CReFF, warp_to
from arseg_lightning.tasks.evaluation import Evaluation, evaluation_needs
from tests.tiny import TinyNet, evaluation_clip


class Remembering(VideoMethod):
    """Scores the mean feature of all frames so far, warped from frame to frame."""

    needs = Needs(motion="previous", frames=2)
    roles = ("start", "next")

    def __init__(self, num_classes):
        super().__init__()
        self.network = TinyNet(num_classes)
        self.keep = nn.Parameter(torch.tensor(0.5))

    def plan(self, info, state, memory):
        return Plan("start" if info.start else "next", reason=info.start)

    def step(self, role, frame, state, **inputs):
        feature = self.network.features(frame.image)
        if role == "next":
            past = warp_to(state["feature"], frame.field())
            feature = feature + self.keep * (past - feature)
        output = Output(self.network.classifier(feature), self.network.align_corners, feature)
        return output, {"feature": feature}

    def losses(self, clip):
        return {}


def arseg(clock=None):
    torch.manual_seed(0)
    return ARSeg(3, TinyNet, partial(CReFF, window=3), clock=clock).eval()


def scores_of(method, frames):
    stream = Stream(method)
    return [stream.push(frame.streamed).output.scores for frame in frames]


def test_a_method_that_remembers_is_shown_every_frame():
    """At the label, a recurrent method has seen all that it sees in use, and scores the same."""
    needs = evaluation_needs([PerFrame(3, TinyNet), Remembering(3)], keyframe_interval=4)
    assert needs == EvaluationNeeds(motion=True, every_frame=True)
    clip = evaluation_clip(6, labelled=(5,))
    method = Remembering(3).eval()
    evaluation = Evaluation(method, 3, 12)
    results = evaluation.add(clip)
    used = scores_of(method, clip.frames)
    assert all(r.output.scores.equal(own) for r, own in zip(results, used, strict=True))
    (without_past,) = scores_of(method, clip.frames[5:])
    assert not without_past.allclose(used[5])


@pytest.mark.parametrize(
    ("methods", "cut"),
    [
        ([PerFrame(3, TinyNet)], True),
        ([PerFrame(3, TinyNet), arseg(EveryL(4))], True),
        ([arseg(EveryL(5))], False),
        ([arseg(EveryL(4, on_intra=False))], False),
        ([arseg(Adaptive())], False),
        ([arseg(CodecKeyframes())], False),
        ([FeaturePropagation(3, TinyNet, clock=EveryL(4)), Remembering(3)], False),
    ],
    ids=["per frame", "every L", "another L", "no I-frames", "adaptive", "codec", "recurrent"],
)
def test_a_stream_is_cut_only_where_that_changes_nothing(methods, cut):
    needs = evaluation_needs(methods, keyframe_interval=4)
    assert needs.every_frame is not cut


def test_without_motion_none_is_needed():
    assert not evaluation_needs([PerFrame(3, TinyNet)], 4).motion
    assert evaluation_needs([PerFrame(3, TinyNet), arseg(EveryL(4))], 4).motion


def test_an_adaptive_clock_is_evaluated_as_it_runs():
    """Keyframes come where motion is lost; distances beyond the data's interval are counted."""
    clock = Adaptive(min_interval=2, max_interval=7, intra_share=1.0, motion_energy=1.0)
    evaluation = Evaluation(arseg(clock), 3, distances=4)
    results = evaluation.add(evaluation_clip(16))
    assert evaluation.accuracy().frames_at_distance == (3, 3, 2, 2, 2, 2, 2)
    assert evaluation.tally.reasons == {"start": 1, "bound": 2}
    assert evaluation.tally.executed == {"keyframe": 3.0, "nonkeyframe": 13.0}
    keyframes = [i for i, result in enumerate(results) if result.role == "keyframe"]
    assert keyframes == [0, 7, 14]
    assert [results[i].reason for i in keyframes] == ["start", "bound", "bound"]


def test_frames_that_pass_by_change_nothing_for_independent_methods():
    clip = evaluation_clip(5, labelled=(4,))
    method = arseg(EveryL(12))
    whole = Evaluation(method, 3, 12)
    pair = evaluation_clip(5, labelled=(4,))
    passed = tuple(frame.streamed.step for frame in pair.frames[1:4])
    pair.frames[4].passed = passed
    pair.frames = [pair.frames[0], pair.frames[4]]
    short = Evaluation(method, 3, 12)
    assert np.array_equal(short.add(pair)[-1].labels, whole.add(clip)[-1].labels)
    assert short.add(pair)[-1].distance == 4


def test_pieces_of_a_stream_are_one_stream():
    clip = evaluation_clip(8)
    method = Remembering(3).eval()
    whole, pieces = Evaluation(method, 3, 12), Evaluation(method, 3, 12)
    whole.add(clip)
    for part in (clip.frames[:3], clip.frames[3:4], clip.frames[4:]):
        piece = evaluation_clip(1)
        piece.frames = part
        pieces.add(piece)
    assert torch.equal(whole.metric.confusion, pieces.metric.confusion)
    assert whole.tally == pieces.tally


def test_methods_without_keyframes_are_counted_at_the_interval_of_the_data():
    evaluation = Evaluation(PerFrame(3, TinyNet).eval(), 3, 4)
    clip = evaluation_clip(4)
    evaluation.add(clip)
    evaluation.add(clip)
    assert evaluation.accuracy().frames_at_distance == (2, 2, 2, 2)
    assert evaluation.tally.num_frames == 8


def test_without_a_clock_all_frames_may_count_together():
    evaluation = Evaluation(PerFrame(3, TinyNet).eval(), 3, distances=1)
    evaluation.add(evaluation_clip(4))
    assert evaluation.accuracy().frames_at_distance == (4,)
    assert evaluation.accuracy().by_distance("val/miou") == {}


def test_labels_are_counted_with_the_results_that_come_later():
    """Frames between keyframes wait; in whatever pieces a stream comes, each counts as itself."""
    method = InterBMV(3, TinyNet, clock=EveryL(4)).eval()
    needs = evaluation_needs([PerFrame(3, TinyNet), method], keyframe_interval=4)
    assert needs == EvaluationNeeds(every_frame=True, lookahead=3)
    clips = [evaluation_clip(10, seed=seed, labelled=(0, 3, 6, 9)) for seed in range(2)]
    evaluation, expected = Evaluation(method, 3, 12), Evaluation(method, 3, 12)
    results = [Stream(method).run([frame.streamed for frame in clip.frames]) for clip in clips]
    for clip in clips:
        for start in range(0, 10, 4):
            piece = EvaluationClip(clip.frames[start : start + 4], clip.normalise, "subpixel")
            evaluation.add(piece)
    evaluation.end()
    for clip, found in zip(clips, results, strict=True):
        for frame, result in zip(clip.frames, found, strict=True):
            if frame.label is not None:
                labels = (torch.from_numpy(each)[None] for each in (result.labels, frame.label))
                expected.metric.update(*labels, result.distance)
    assert evaluation.metric.confusion.equal(expected.metric.confusion)
    totals = evaluation.tally
    assert totals.frames == {"start": 2, "between": 12, "keyframe": 6}
    assert totals.reasons == {"start": 2, "interval": 4, "end": 2}
    assert totals.num_frames == 20


@pytest.mark.parametrize(
    ("make", "calls"), [(PerFrame, 6), (Remembering, 16)], ids=["per frame", "recurrent"]
)
def test_a_frame_of_several_streams_is_segmented_once_where_that_changes_nothing(make, calls):
    method = (make(3, TinyNet) if make is PerFrame else make(3)).eval()
    clip = evaluation_clip(6)
    later = EvaluationClip(clip.frames[2:], clip.normalise, clip.chaining)
    steps = []
    step = method.step
    method.step = lambda *given, **inputs: steps.append(1) or step(*given, **inputs)
    found = []
    for repeats in (False, True):
        for frame in clip.frames:
            frame.repeats = repeats
        evaluation = Evaluation(method, 3, 4)
        results = [each for stream in (clip, later, clip) for each in evaluation.add(stream)]
        found.append((results, evaluation.metric.confusion, evaluation.tally, len(steps)))
    (results, confusion, tally, every), (again, repeated, counted, total) = found
    assert (every, total - every) == (16, calls)
    assert all(np.array_equal(a.labels, b.labels) for a, b in zip(results, again, strict=True))
    assert confusion.equal(repeated)
    assert tally == counted
