"""Graphs in int8: what becomes int8, that it is close to float, and refused where it is not."""

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from arseg_lightning.commands.export import export
from arseg_lightning.export import Int8Settings, export_method, read_contract
from arseg_lightning.export import export as module
from arseg_lightning.export.graphs import RoleGraph
from arseg_lightning.export.int8 import quantised
from arseg_lightning.export.quantisation import network_weights
from arseg_lightning.export.signature import lay_out
from arseg_lightning.inference import Optimisations
from arseg_lightning.streaming import load_run
from tests.export.made import SETTINGS, SIZE, tiny_arseg
from tests.video.small_videos import write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    folder = tmp_path_factory.mktemp("video")
    return write_video(folder / "drive.mp4", 16, SIZE, keyframe_interval=None)


@pytest.fixture(scope="module")
def quick(video, tmp_path_factory):
    """A folder with the graphs of ``tiny_arseg()`` in int8."""
    folder = tmp_path_factory.mktemp("int8") / "tiny"
    int8 = Int8Settings(video, frames=8, most_changed=0.2)
    export_method(tiny_arseg(), folder, replace(SETTINGS, int8=int8))
    return folder


def test_only_the_networks_convolutions_are_int8_and_not_their_last(quick):
    assert sorted(path.name for path in quick.iterdir()) == [
        "contract.json",
        "keyframe.onnx",
        "nonkeyframe.onnx",
    ]
    for role, (chosen, total) in read_contract(quick).quantisation.convolutions.items():
        model = onnx.load(quick / f"{role}.onnx")
        onnx.checker.check_model(model)
        weights = [each for each in model.graph.initializer if each.name.endswith("_quantized")]
        convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
        names = {node.input[1].removesuffix("_DequantizeLinear_Output") for node in convolutions}
        assert (chosen, total) == (2, len(convolutions))
        assert {each.data_type for each in weights if len(each.dims) == 4} == {
            onnx.TensorProto.INT8
        }
        in_int8 = {name for name in names if f"{name}_quantized" in {w.name for w in weights}}
        assert all(".stem." in name or ".body." in name for name in in_int8)


def test_weights_have_seven_bits(quick):
    for path in quick.glob("*.onnx"):
        for each in onnx.load(path).graph.initializer:
            if each.name.endswith("weight_quantized"):
                assert np.abs(onnx.numpy_helper.to_array(each).astype(int)).max() <= 64


def test_the_contract_says_what_changed(quick, video):
    found = read_contract(quick).quantisation
    assert (found.video, found.calibration_frames, found.checked_frames) == ("drive.mp4", 8, 8)
    assert 0.8 < found.equal_labels_worst <= found.equal_labels < 1
    assert (found.labelled_frames, found.miou) == (0, None)


@pytest.mark.slow
def test_openvino_runs_them_and_their_check(quick, video, tmp_path):
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    settings = replace(SETTINGS, int8=Int8Settings(video, 8, most_changed=0.2), runtime="openvino")
    export_method(tiny_arseg(), tmp_path / "out", settings)
    found = [read_contract(each).quantisation for each in (quick, tmp_path / "out")]
    assert found[1].convolutions == found[0].convolutions
    assert abs(found[1].equal_labels - found[0].equal_labels) < 0.01


def test_graphs_in_float_have_no_quantisation(exported):
    assert read_contract(exported).quantisation is None


def test_predict_runs_them(quick, exported, video):
    found, exact = ([r.labels for r in load_run(each).stream(video)] for each in (quick, exported))
    assert 0.8 < np.mean(np.stack(found) == np.stack(exact)) < 1


def make_int8(exported, target, settings):
    """Quantise the graphs of ``tiny_arseg()``, which are there already."""
    source = shutil.copytree(exported, target.with_name("float"))
    method = tiny_arseg().for_inference(Optimisations(kernels=False))
    _, signatures = lay_out(method, SIZE)
    graphs = {
        role: RoleGraph(method, role, each, SETTINGS.normalise) for role, each in signatures.items()
    }
    return quantised(read_contract(source), graphs, source, target, settings, SETTINGS.classes)


@pytest.mark.parametrize("most_lost", [0.5, 0.0])
def test_labels_decide_by_mean_iou(exported, video, tmp_path, most_lost):
    for result in load_run(exported).stream(video):
        if result.frame.index in (3, 9, 12):  # 3 is not checked
            Image.fromarray(result.labels).save(tmp_path / f"{result.frame.index:06d}.png")
    int8 = Int8Settings(video, 8, most_changed=0.0, labels=tmp_path, most_lost=most_lost)
    if not most_lost:
        with pytest.raises(ValueError, match=r"IoU falls from .*\(2 labelled\).*--most_lost 0\)"):
            make_int8(exported, tmp_path / "out", int8)
        return
    found = make_int8(exported, tmp_path / "out", int8).quantisation
    assert found.labelled_frames == 2
    assert 0.5 < found.miou[1] < found.miou[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"most_changed": 0.0},
            r"in int8, .*% of the labels change on the 8 frames .* nothing was",
        ),
        ({"frames": 16}, r"has 16 frames, and the check needs some after .*calibrate_frames 8\)"),
        ({"frames": 1}, r"the first 1 frames .* never reach the role nonkeyframe"),
        ({"labels": True}, r"holds no label of the 8 frames .*000064\.png"),
    ],
)
def test_what_cannot_be_held_to_float_is_refused(exported, video, tmp_path, changes, message):
    if "labels" in changes:
        changes = {"labels": tmp_path}
        Image.fromarray(np.zeros(SIZE, np.uint8)).save(tmp_path / "000003.png")  # not checked
    int8 = replace(Int8Settings(video, frames=8), **changes)
    with pytest.raises(ValueError, match=message):
        make_int8(exported, tmp_path / "out", int8)


def test_what_is_refused_leaves_nothing(video, tmp_path, monkeypatch):
    def refuse(*_):
        raise ValueError("too much changes")

    monkeypatch.setattr(module, "quantised", refuse)
    monkeypatch.setattr(module, "_export", lambda *_: (None, {}))
    settings = replace(SETTINGS, int8=Int8Settings(video, 8))
    with pytest.raises(ValueError, match="too much changes"):
        export_method(tiny_arseg(), tmp_path / "out", settings)
    assert list(tmp_path.iterdir()) == []


def test_a_video_of_another_size_is_refused_before_anything_is_made(video, tmp_path):
    settings = replace(SETTINGS, size=(48, 64), int8=Int8Settings(video, 8))
    with pytest.raises(ValueError, match=r"is 50x70 .* graphs are for 48x64; .* --size 50x70"):
        export_method(tiny_arseg(), tmp_path / "out", settings)


def test_torch_programs_are_not_int8(video):
    with pytest.raises(ValueError, match="int8 are for ONNX Runtime, got format torch"):
        replace(SETTINGS, format="torch", int8=Int8Settings(video))


@pytest.mark.parametrize("given", [{"int8": True}, {"calibrate": "drive.mp4"}])
def test_int8_and_its_video_come_together(tmp_path, given):
    with pytest.raises(ValueError, match="give both --int8 true and --calibrate VIDEO"):
        export(configs=[tmp_path / "run"], output=tmp_path / "out", size="48x64", **given)


@pytest.mark.parametrize(
    "wrong", [{"frames": 0}, {"most_changed": 1.5}, {"most_lost": float("nan")}]
)
def test_numbers_out_of_range_are_named(video, wrong):
    with pytest.raises(ValueError, match=r"calibrate_frames|most_changed|most_lost"):
        Int8Settings(video, **wrong)


def test_pixels_are_normalised_alike_for_int8():
    method = tiny_arseg()
    _, signatures = lay_out(method, SIZE)
    parts = method, "keyframe", signatures["keyframe"], SETTINGS.normalise
    image = torch.randint(0, 256, (1, *SIZE, 3), dtype=torch.uint8)
    with torch.no_grad():
        _, scores, *_ = RoleGraph(*parts)(image)
        _, same, *_ = RoleGraph(*parts, for_int8=True)(image)
    torch.testing.assert_close(scores, same, rtol=1e-4, atol=1e-4)


def test_weights_of_networks_are_found_and_those_of_fusion_are_not():
    method = tiny_arseg()
    names = network_weights(method)
    assert {"high_res.stem.0.weight", "low_res.body.0.weight"} <= names
    assert not any("classifier" in name or "fusion" in name for name in names)
