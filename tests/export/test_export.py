"""Export writes a folder that is complete and equal, or none."""

import shutil
from dataclasses import replace

import onnx
import pytest
import torch

from arseg_lightning.export import export, export_system, read_contract
from arseg_lightning.export.torch_file import TorchGraph
from arseg_lightning.models.segmentor import Segmentor
from arseg_lightning.systems import EveryFrame
from tests.export.made import SETTINGS, SIZE, tiny_arseg
from tests.tiny import TinyNet

EVERY_FRAME = EveryFrame(TinyNet(11), 0.5)


def test_onnx_graphs_are_of_standard_operators(exported):
    assert sorted(path.name for path in exported.iterdir()) == [
        "contract.json",
        "keyframe.onnx",
        "nonkeyframe.onnx",
    ]
    for path in exported.glob("*.onnx"):
        model = onnx.load(path)
        onnx.checker.check_model(model)
        assert [(each.domain, each.version) for each in model.opset_import] == [("", 20)]
        assert not model.functions


def test_the_system_is_left_as_it_is(tmp_path):
    system = EVERY_FRAME.train()
    before = {name: value.clone() for name, value in system.state_dict().items()}
    export_system(system, tmp_path / "out", replace(SETTINGS, format="torch"))
    assert system.training
    # and no class of the tracer stays, which would make names in configurations ambiguous
    assert [kind for kind in Segmentor.__subclasses__() if kind.__name__ == "TinyNet"] == [TinyNet]
    assert all(value.equal(before[name]) for name, value in system.state_dict().items())


def test_a_system_without_keyframes_is_one_graph_with_an_interval_of_1(tmp_path):
    folder = tmp_path / "a" / "out"
    contract = export_system(EVERY_FRAME, folder, replace(SETTINGS, any_batch=True))
    assert contract == read_contract(folder)
    assert list(contract.graphs) == ["keyframe"]
    assert contract.keyframe_interval == 1
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["out"]
    (image,) = onnx.load(folder / "keyframe.onnx").graph.input
    axes = [axis.dim_param or axis.dim_value for axis in image.type.tensor_type.shape.dim]
    assert tuple(axes) == contract.graphs["keyframe"].inputs[0].shape == ("batch", *SIZE, 3)


def test_programs_of_torch_export_take_any_number_of_frames_where_asked_to(tmp_path):
    settings = replace(SETTINGS, format="torch", any_batch=True)
    contract = export_system(tiny_arseg(), tmp_path / "out", settings)
    graph = contract.graphs["nonkeyframe"]
    assert graph.file == "nonkeyframe.pt2"
    assert graph.inputs[0].shape == ("batch", *SIZE, 3)
    assert [check.example for check in graph.checks] == ["noise", "moving shapes", "batch of both"]
    run = TorchGraph(tmp_path / "out" / "keyframe.pt2")
    assert run(torch.zeros(3, *SIZE, 3, dtype=torch.uint8))[0].shape == (3, *SIZE)


def test_a_graph_that_does_not_agree_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setitem(
        export._WAYS, "torch", export._WAYS["torch"]._replace(run=lambda path: _other)
    )
    with pytest.raises(ValueError, match=r"graph does not agree .*; nothing was written"):
        export_system(EVERY_FRAME, tmp_path / "out", replace(SETTINGS, format="torch"))
    assert list(tmp_path.iterdir()) == []


def _other(image):
    return torch.full(SIZE, 11, dtype=torch.uint8)[None], torch.zeros(1, 11, 7, 9)


def test_without_the_exporter_the_command_that_brings_it_is_said(tmp_path, monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("arseg_lightning.export.packages.import_module", absent)
    with pytest.raises(ValueError, match=r"need the package onnx: pip install 'arseg_lightning"):
        export_system(EVERY_FRAME, tmp_path / "out", SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_replaced_only_if_asked_to(exported, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(exported, folder)
    settings = replace(SETTINGS, format="torch")
    with pytest.raises(FileExistsError, match="out exists; add --overwrite true to replace it"):
        export_system(EVERY_FRAME, folder, settings)
    export_system(EVERY_FRAME, folder, settings, overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == ["contract.json", "keyframe.pt2"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
