"""ONNX Runtime in the place of the system: the same labels, and errors that say what to do."""

import importlib
import json
import shutil

import numpy as np
import pytest
import torch

from arseg_lightning.cli import main
from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.export import CONTRACT_NAME, OnnxSystem
from arseg_lightning.streaming import EveryL, Segmenter, load_run
from arseg_lightning.systems import StreamFrame
from tests.export.made import SIZE, tiny_arseg
from tests.tiny import clip_batch
from tests.video.small_videos import write_video

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "moving.mp4"
    return write_video(path, 30, SIZE, keyframe_interval=None)


def test_a_whole_clip_gets_the_labels_of_the_eager_system(exported, clip):
    eager = Segmenter(tiny_arseg(), CAMVID11, policy=EveryL(4), device="cpu")
    ours, theirs = ([*each.stream(clip)] for each in (eager, load_run(exported)))
    assert [each.prediction.role for each in theirs] == [each.prediction.role for each in ours]
    assert len(theirs) == 30
    labels = [np.stack([each.labels for each in results]) for results in (ours, theirs)]
    assert (labels[0] == labels[1]).mean() >= 0.9999
    assert len(np.unique(labels[0])) > 3


def test_predict_runs_an_export_as_it_runs_a_run(exported, clip, tmp_path):
    words = ["predict", str(exported), "--video", str(clip), "--outputs", "npz", "--limit", "9"]
    record = main([*words, "--output", str(tmp_path / "out")])
    assert (record.frames, record.keyframes) == (9, 3)


def test_predictions_say_what_the_systems_say(exported):
    batch = clip_batch(batch=1, frames=2, size=SIZE, distance=3)
    images = OnnxSystem(exported).contract.normalisation(
        torch.randint(0, 256, (1, 2, 3, *SIZE)).float()
    )
    with torch.inference_mode():
        ours, theirs = (
            list(system.run(images, batch.motion, [0, 3]))
            for system in (tiny_arseg(), OnnxSystem(exported, threads=1))
        )
    for own, other in zip(ours, theirs, strict=True):
        for fact in ("size", "align_corners", "role", "resolution_ratio", "distance"):
            assert getattr(own, fact) == getattr(other, fact)
        torch.testing.assert_close(other.scores, own.scores, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(other.logits, own.logits, atol=1e-4, rtol=1e-4)
        assert other.labels.equal(own.labels)
        assert other.labels.dtype == torch.uint8


def test_what_a_keyframe_carries_stays_when_the_next_one_is_computed(exported):
    system = OnnxSystem(exported)
    frames = [StreamFrame(torch.randn(1, 3, *SIZE), torch.zeros(1, 2, *SIZE), 0) for _ in range(2)]
    _, first = system.step(frames[0], None)
    kept = first.clone()
    _, second = system.step(frames[1], None)
    assert first.equal(kept)
    assert not second.equal(first)


def test_frames_of_another_size_are_refused_with_the_remedy(exported):
    frame = StreamFrame(torch.zeros(1, 3, 64, 96), torch.zeros(1, 2, 64, 96), 0)
    with pytest.raises(ValueError, match=r"frames of 50x70, got .* 64, 96\); .*--size 64x96"):
        OnnxSystem(exported).step(frame, None)


def test_several_frames_at_once_are_refused_where_the_graphs_take_one(exported):
    frame = StreamFrame(torch.zeros(2, 3, *SIZE), torch.zeros(2, 2, *SIZE), 0)
    with pytest.raises(ValueError, match="one frame at a time, got 2; export with --any_batch"):
        OnnxSystem(exported).step(frame, None)


def test_a_stream_starts_with_a_keyframe(exported):
    frame = StreamFrame(torch.zeros(1, 3, *SIZE), torch.zeros(1, 2, *SIZE), 5)
    with pytest.raises(ValueError, match=r"starts with a keyframe \(distance 0\), got distance 5"):
        OnnxSystem(exported).step(frame, None)


def test_a_provider_that_is_not_there_is_named_with_those_that_are(exported):
    with pytest.raises(ValueError, match=r"no NoSuchProvider here; .* CPUExecutionProvider"):
        OnnxSystem(exported, providers=["NoSuchProvider"])


def test_files_of_torch_are_not_for_onnx_runtime(exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "out")
    content = json.loads((folder / CONTRACT_NAME).read_text())
    (folder / CONTRACT_NAME).write_text(json.dumps(content | {"format": "torch"}))
    with pytest.raises(ValueError, match="files of format torch; ONNX Runtime runs those of"):
        OnnxSystem(folder)


def test_a_graph_that_is_gone_or_broken_is_named(exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "out")
    (folder / "nonkeyframe.onnx").write_bytes(b"no graph")
    with pytest.raises(ValueError, match=r"nonkeyframe\.onnx is not .* export again"):
        OnnxSystem(folder)
    (folder / "nonkeyframe.onnx").unlink()
    with pytest.raises(FileNotFoundError, match=r"nonkeyframe\.onnx is missing; export again"):
        OnnxSystem(folder)


def test_without_onnx_runtime_the_command_that_brings_it_is_said(exported, monkeypatch):
    _hide(monkeypatch, "onnxruntime")
    with pytest.raises(ValueError, match=r"package onnxruntime: pip install 'arseg_lightning\[onn"):
        OnnxSystem(exported)


def _hide(monkeypatch, package):
    """Let an installed package be missing."""
    real = importlib.import_module

    def absent(name, *rest):
        if name == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr("arseg_lightning.export.packages.import_module", absent)
