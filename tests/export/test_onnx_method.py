"""Graphs in the place of the method: the same labels, and errors that say what to do."""

import importlib
import json
import shutil
from typing import get_args

import numpy as np
import pytest
import torch

from arseg_lightning.cli import main
from arseg_lightning.export import CONTRACT_NAME, OnnxMethod, Runtime, export_method
from arseg_lightning.inference import Optimisations
from arseg_lightning.methods import (
    CodecKeyframes,
    EveryL,
    FrameInput,
    InterBMV,
    Plan,
    Stream,
)
from arseg_lightning.streaming import load_run
from arseg_lightning.video.live import open_live
from tests.export.made import SETTINGS, SIZE, Recurrent, decided, tiny_arseg
from tests.tiny import TinyNet
from tests.video.small_videos import write_video

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "moving.mp4"
    return write_video(path, 15, SIZE, keyframe_interval=None)


@pytest.fixture(params=get_args(Runtime))
def runtime(request):
    pytest.importorskip(request.param, reason=f"the extra with {request.param} is not installed")
    return request.param


def streamed(method, clip):
    stream = Stream(method)
    with open_live(clip) as video:
        return [stream.push(frame) for frame in video]


def assert_same_streams(ours, theirs):
    assert [each.executed for each in theirs] == [each.executed for each in ours]
    facts = ("distance", "is_keyframe", "reason")
    for fact in facts:
        assert [getattr(r, fact) for r in theirs] == [getattr(r, fact) for r in ours]
    labels = [np.stack([each.labels for each in results]) for results in (ours, theirs)]
    assert (labels[0] == labels[1]).mean() >= 0.9999
    assert len(np.unique(labels[0])) > 3
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(other.output.scores, own.output.scores, atol=1e-3, rtol=1e-3)


def test_a_whole_stream_gets_the_labels_of_the_eager_method(exported, clip, runtime):
    onnx = OnnxMethod(exported, runtime=runtime)
    assert_same_streams(streamed(tiny_arseg(), clip), streamed(onnx, clip))


def test_a_method_that_looks_ahead_is_the_same_up_to_the_end_of_a_stream(clip, tmp_path):
    method = decided(InterBMV(11, TinyNet, clock=EveryL(4, on_intra=False)).eval())
    export_method(method, tmp_path / "out", SETTINGS)
    with open_live(clip) as video:
        frames = [*video][:11]
    ours, theirs = ([*Stream(each).run(frames)] for each in (method, OnnxMethod(tmp_path / "out")))
    assert [each.role for each in theirs] == [each.role for each in ours]
    assert theirs[-1].role == "keyframe"
    for own, other in zip(ours, theirs, strict=True):
        assert own.frame is other.frame
        torch.testing.assert_close(other.output.scores, own.output.scores, atol=1e-3, rtol=1e-3)


def test_a_recurrent_method_of_several_steps_a_frame_is_the_same(recurrent, clip, runtime):
    method, folder = recurrent
    onnx = OnnxMethod(folder, runtime=runtime)
    assert (onnx.clock, onnx.cycle, onnx.name) == (None, 3, "Recurrent")
    assert (onnx.roles, onnx.key_roles, onnx.needs) == (method.roles, frozenset(), method.needs)
    results = streamed(onnx, clip)
    assert [each.role for each in results[:4]] == ["start", "score", "score", "start"]
    assert_same_streams(streamed(method, clip), results)


def test_a_stream_that_begins_again_begins_the_schedule_again(recurrent, clip):
    method, folder = recurrent
    with open_live(clip) as video:
        frames = list(video)[:2]
    for each in (method, OnnxMethod(folder)):
        stream = Stream(each)
        stream.push(frames[0])
        stream.reset()
        assert stream.push(frames[0]).role == "start"
        assert stream.push(frames[1]).role == "score"


def test_another_clock_may_choose_the_keyframes(exported, clip):
    eager, onnx = tiny_arseg(), OnnxMethod(exported)
    assert isinstance(onnx.clock, EveryL)
    assert (onnx.clock.keyframe_interval, onnx.cycle) == (4, 4)
    eager.clock = onnx.clock = CodecKeyframes(7)
    assert_same_streams(streamed(eager, clip), streamed(onnx, clip))


def test_single_images_are_first_frames(exported):
    pixels = torch.randint(0, 256, (1, 3, *SIZE)).float()
    onnx = OnnxMethod(exported)
    image = onnx.contract.normalisation(pixels)
    with torch.no_grad():
        torch.testing.assert_close(onnx(image), tiny_arseg()(image), atol=1e-3, rtol=1e-3)
    assert onnx.for_inference(Optimisations()) is onnx


def test_predict_runs_an_export_as_it_runs_a_run(exported, clip, tmp_path):
    words = ["predict", str(exported), "--video", str(clip), "--outputs", "", "--limit", "9"]
    record = main([*words, "--output", str(tmp_path / "out")])
    assert (record.frames, record.keyframes) == (9, 3)
    segmenter = load_run(exported)
    assert (segmenter.classes.names, segmenter.chaining) == (SETTINGS.classes.names, "subpixel")
    labels = [result.labels for result in segmenter.stream(clip)]
    assert np.array_equal(labels, [each.labels for each in streamed(OnnxMethod(exported), clip)])


def frame(image):
    size = (image.shape[-2], image.shape[-1])
    return FrameInput(
        image, torch.zeros(len(image), 2, *size), torch.ones(len(image), 1, *size) > 0
    )


def test_what_a_keyframe_leaves_stays_when_the_next_one_is_computed(exported, runtime):
    method = OnnxMethod(exported, runtime=runtime)
    _, first = method.step("keyframe", frame(torch.randn(1, 3, *SIZE)), {})
    kept = first["feature"].clone()
    _, second = method.step("keyframe", frame(torch.randn(1, 3, *SIZE)), {})
    assert first["feature"].equal(kept)
    assert not second["feature"].equal(kept)


def test_frames_of_another_size_are_refused_with_the_remedy(exported):
    with pytest.raises(ValueError, match=r"frame of 50x70 .* got .* 64, 96\); .*--size 64x96"):
        OnnxMethod(exported).step("keyframe", frame(torch.zeros(1, 3, 64, 96)), {})
    with pytest.raises(ValueError, match=r"take one frame .* \(2, 3, 50, 70\)"):
        OnnxMethod(exported).step("keyframe", frame(torch.zeros(2, 3, *SIZE)), {})


def test_state_that_is_not_there_is_named(exported):
    with pytest.raises(ValueError, match=r"nonkeyframe reads feature, .* state from graphs before"):
        OnnxMethod(exported).step("nonkeyframe", frame(torch.zeros(1, 3, *SIZE)), {})


@pytest.mark.slow
def test_what_a_plan_makes_is_left_to_a_subclass(tmp_path):
    class Weighted(Recurrent):
        roles, period = ("start",), 1

        def plan(self, info, state, memory):
            return Plan("start", {"weight": torch.tensor(0.5)})

        def step(self, role, frame, state, *, weight):
            return super().step(role, FrameInput(frame.image * weight), state)[0], {}

    class Host(OnnxMethod):
        def plan(self, info, state, memory):
            return Plan("start", {"weight": torch.tensor(0.25)})

    export_method(decided(Weighted()), tmp_path / "out", SETTINGS)
    image = frame(torch.zeros(1, 3, *SIZE))
    with pytest.raises(ValueError, match=r"graph start reads weight, .* subclass of OnnxMethod"):
        OnnxMethod(tmp_path / "out").step("start", image, {})
    assert Stream(Host(tmp_path / "out")).method(image.image).shape == (1, 11, *SIZE)


def test_graphs_do_not_learn(exported):
    with pytest.raises(ValueError, match="exported graphs of ARSeg do not learn; train the method"):
        OnnxMethod(exported).losses(None)


def test_a_provider_that_is_not_there_is_named_with_those_that_are(exported):
    with pytest.raises(ValueError, match=r"no NoSuchProvider here; .* CPUExecutionProvider"):
        OnnxMethod(exported, providers=["NoSuchProvider"])


def test_files_of_torch_are_not_for_onnx_runtime(exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "out")
    content = json.loads((folder / CONTRACT_NAME).read_text())
    (folder / CONTRACT_NAME).write_text(json.dumps(content | {"format": "torch"}))
    with pytest.raises(
        ValueError, match="files of format torch; ONNX Runtime and OpenVINO run those of"
    ):
        OnnxMethod(folder)


def test_a_graph_that_is_gone_or_broken_is_named(exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "out")
    (folder / "nonkeyframe.onnx").write_bytes(b"no graph")
    with pytest.raises(ValueError, match=r"nonkeyframe\.onnx is not .* export again"):
        OnnxMethod(folder)
    (folder / "nonkeyframe.onnx").unlink()
    with pytest.raises(FileNotFoundError, match=r"nonkeyframe\.onnx is missing; export again"):
        OnnxMethod(folder)


def test_without_onnx_runtime_the_command_that_brings_it_is_said(exported, monkeypatch):
    real = importlib.import_module

    def absent(name, *rest):
        if name == "onnxruntime":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr("arseg_lightning.export.onnx_file.import_module", absent)
    with pytest.raises(ValueError, match=r"package onnxruntime: pip install 'arseg_lightning\[onn"):
        OnnxMethod(exported)
