"""OpenVINO runs the folders that ONNX Runtime runs, or says why it does not."""

import gc
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from arseg_lightning.cli import main
from arseg_lightning.export import OnnxMethod, export_method
from arseg_lightning.export.openvino_file import OpenVinoGraph, _core
from arseg_lightning.export.runtime import open_graph
from arseg_lightning.streaming import load_run
from tests.export.made import SETTINGS, SIZE, tiny_per_frame
from tests.video.small_videos import write_video


@pytest.fixture
def openvino():
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    return pytest.importorskip("openvino", reason="the extra openvino is not installed")


def test_predict_takes_the_runtime_and_its_labels_are_the_same(openvino, exported, tmp_path):
    clip = write_video(tmp_path / "clip.mp4", 9, SIZE, keyframe_interval=None)
    words = ["--video", str(clip), "--outputs", "", "--output", str(tmp_path / "out")]
    record = main(["predict", str(exported), "--runtime", "openvino", *words])
    assert (record.frames, record.keyframes) == (9, 3)
    found = [
        np.stack([each.labels for each in load_run(exported, runtime=runtime).stream(clip)])
        for runtime in ("onnxruntime", "openvino")
    ]
    assert (found[0] == found[1]).mean() >= 0.9999


def test_labels_are_computed_in_float32_in_as_many_threads_as_torch_uses(openvino, exported):
    graph = open_graph(exported / "keyframe.onnx", "openvino")
    threads = graph.compiled.get_property("INFERENCE_NUM_THREADS")
    assert threads == torch.get_num_threads()
    assert graph.compiled.get_property("INFERENCE_PRECISION_HINT") == openvino.Type.f32


def test_an_export_can_be_proven_on_it(openvino, tmp_path):
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    contract = export_method(
        tiny_per_frame(), tmp_path / "out", replace(SETTINGS, runtime="openvino")
    )
    assert {"openvino", "onnx"} <= contract.versions.keys()
    assert "onnxruntime" not in contract.versions
    (graph,) = contract.graphs.values()
    assert graph.agreement.equal_labels >= 0.9999


def test_the_check_asks_the_runtime(openvino, tmp_path, monkeypatch):
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    real = OpenVinoGraph.__call__
    monkeypatch.setattr(
        OpenVinoGraph, "__call__", lambda self, image: real(self, torch.zeros_like(image))
    )
    with pytest.raises(ValueError, match=r"graph does not agree .* or of the runtime may help"):
        export_method(tiny_per_frame(), tmp_path / "out", replace(SETTINGS, runtime="openvino"))
    assert list(tmp_path.iterdir()) == []


def test_signals_are_handled_when_graphs_are_gone(openvino, exported):
    """Each core of OpenVINO moves the stack on which Python handles them: there is only one."""
    method = OnnxMethod(exported, runtime="openvino")
    for role in method.roles:
        del method.graphs[role]
        gc.collect()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_programs_of_torch_are_not_for_it():
    with pytest.raises(ValueError, match=r"openvino runs ONNX files, got format torch; leave out"):
        replace(SETTINGS, format="torch", runtime="openvino")


def test_a_runtime_is_for_exported_folders(tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(ValueError, match=r"--runtime openvino is for a folder that .*/run is none"):
        load_run(tmp_path / "run", runtime="openvino")


def test_a_graph_that_it_does_not_run_is_named_with_the_reason(openvino, exported, tmp_path):
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    folder = shutil.copytree(exported, tmp_path / "out")
    model = onnx.load(folder / "keyframe.onnx")
    model.opset_import.append(onnx.helper.make_opsetid("somebody", 1))
    next(node for node in model.graph.node if node.op_type == "Relu").domain = "somebody"
    onnx.save(model, folder / "keyframe.onnx")
    with pytest.raises(
        ValueError, match=r"does not run .*keyframe\.onnx \(.*somebody\.Relu.*\); run"
    ):
        OnnxMethod(folder, runtime="openvino")
    (folder / "keyframe.onnx").unlink()
    with pytest.raises(FileNotFoundError, match=r"keyframe\.onnx is missing; export again"):
        OnnxMethod(folder, runtime="openvino")


def test_without_it_the_extra_is_said(exported, monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("arseg_lightning.export.openvino_file.import_module", absent)
    monkeypatch.setattr("arseg_lightning.export.openvino_file._core", _core.__wrapped__)
    with pytest.raises(ValueError, match=r"package openvino: pip install 'arseg_lightning\[openv"):
        OnnxMethod(exported, runtime="openvino")
