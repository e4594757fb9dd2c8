"""The contract: written and read again, and true to the graphs beside it."""

import json

import pytest

from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.export import CONTRACT_NAME, read_contract
from arseg_lightning.methods import RoleCycle
from tests.export.made import SETTINGS, SIZE


def test_it_is_true_to_the_graphs(exported):
    onnxruntime = pytest.importorskip("onnxruntime")
    for graph in read_contract(exported).graphs.values():
        session = onnxruntime.InferenceSession(exported / graph.file)
        for stated, real in (
            (graph.inputs, session.get_inputs()),
            (graph.outputs, session.get_outputs()),
        ):
            assert stated == tuple(tensor.name for tensor in real)


def test_it_says_what_the_graphs_are_for(exported):
    contract = read_contract(exported)
    assert contract.size == SIZE
    assert (contract.method, contract.name) == ("ARSeg", "AR 0.5x")
    assert (contract.motion, contract.key_roles, contract.independent) == (
        "keyframe",
        ("keyframe",),
        True,
    )
    assert contract.schedule == RoleCycle((), (("keyframe",), *[("nonkeyframe",)] * 3), True)
    assert contract.class_names == CAMVID11.names
    assert contract.palette == CAMVID11.palette
    assert contract.normalisation == SETTINGS.normalise
    assert contract.chaining == "subpixel"
    assert {graph.align_corners for graph in contract.graphs.values()} == {True}
    assert {"torch", "onnx", "onnxruntime", "opset"} <= set(contract.versions)
    assert all(graph.agreement.equal_labels == 1 for graph in contract.graphs.values())


def test_what_is_written_is_read_again(exported, tmp_path):
    contract = read_contract(exported)
    contract.write(tmp_path)
    assert read_contract(tmp_path) == contract
    content = json.loads((tmp_path / CONTRACT_NAME).read_text())
    assert content["version"] == 3
    assert content["schedule"] == {"start": [], "cycle": [["keyframe"], *[["nonkeyframe"]] * 3]}


def test_a_folder_without_one_is_no_export(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no contract\.json; give a folder that"):
        read_contract(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"version": 3}', '{"version": 2}'])
def test_a_contract_that_is_not_understood_is_named(tmp_path, text):
    (tmp_path / CONTRACT_NAME).write_text(text)
    with pytest.raises(ValueError, match=r"contract\.json is not a contract .* export again"):
        read_contract(tmp_path)
