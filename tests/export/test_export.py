"""Export writes a folder that is complete and equal, or none."""

import shutil
from dataclasses import replace

import onnx
import pytest
import torch

from arseg_lightning.export import export, export_method, read_contract
from arseg_lightning.methods import Needs, Output, VideoMethod
from arseg_lightning.models.segmentor import Segmentor
from tests.export.made import SETTINGS, SIZE, Recurrent, decided, tiny_per_frame
from tests.tiny import TinyNet

TORCH = replace(SETTINGS, format="torch")


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


def test_the_method_is_left_as_it_is(tmp_path):
    method = tiny_per_frame().train()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    export_method(method, tmp_path / "out", TORCH)
    assert method.training
    # and no class of the tracer stays, which would make names in configurations ambiguous
    assert [kind for kind in Segmentor.__subclasses__() if kind.__name__ == "TinyNet"] == [TinyNet]
    assert all(value.equal(before[name]) for name, value in method.state_dict().items())


def test_a_method_of_one_role_is_one_graph(tmp_path):
    folder = tmp_path / "a" / "out"
    contract = export_method(tiny_per_frame(), folder, TORCH)
    assert contract == read_contract(folder)
    assert list(contract.graphs) == ["frame"]
    assert contract.schedule.cycle == (("frame",),)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["out"]
    assert contract.graphs["frame"].inputs == ("image",)


def test_recurrent_methods_are_programs_too(tmp_path):
    contract = export_method(decided(Recurrent()), tmp_path / "out", TORCH)
    assert contract.schedule.cycle == (("start",), ("look", "score"), ("look", "score"))
    look = torch.export.load(tmp_path / "out" / "look.pt2").module()
    image, newer = torch.zeros(1, *SIZE, 3, dtype=torch.uint8), torch.randn(1, 8, 13, 18)
    assert look(image, newer)[1].equal(newer)


def test_a_graph_that_does_not_agree_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_write", lambda graph, path, settings: _other)
    with pytest.raises(ValueError, match=r"graph does not agree .*; nothing was written"):
        export_method(tiny_per_frame(), tmp_path / "out", TORCH)
    assert list(tmp_path.iterdir()) == []


def _other(image):
    return torch.full(SIZE, 11, dtype=torch.uint8)[None], torch.zeros(1, 11, 7, 9)


def test_a_step_that_cannot_be_traced_is_named(tmp_path):
    class Branches(VideoMethod):
        needs, roles = Needs(), ("frame",)

        def step(self, role, frame, state, **inputs):
            bright = not frame.image.is_meta and frame.image.mean() > 0
            return Output(frame.image if bright else -frame.image, True), {}

        def losses(self, clip):
            return {}

    with pytest.raises(ValueError, match=r"step of Branches for the role frame cannot be written"):
        export_method(Branches(), tmp_path / "out", TORCH)


def test_without_the_exporter_the_command_that_brings_it_is_said(tmp_path, monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("arseg_lightning.export.onnx_file.import_module", absent)
    with pytest.raises(ValueError, match=r"need the package onnx: pip install 'arseg_lightning"):
        export_method(tiny_per_frame(), tmp_path / "out", SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_replaced_only_if_asked_to(exported, tmp_path):
    folder, method = tmp_path / "out", tiny_per_frame()
    shutil.copytree(exported, folder)
    with pytest.raises(FileExistsError, match="out exists; add --overwrite true to replace it"):
        export_method(method, folder, TORCH)
    export_method(method, folder, TORCH, overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == ["contract.json", "frame.pt2"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
