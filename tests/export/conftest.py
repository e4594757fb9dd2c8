"""The graphs of a small method, exported once for all tests that only look at them."""

from __future__ import annotations

import pytest
import torch

from arseg_lightning.export import export_method
from tests.export.made import SETTINGS, Recurrent, decided, tiny_arseg


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A folder with the ONNX graphs of ``tiny_arseg()``."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("export") / "tiny"
    export_method(tiny_arseg(), folder, SETTINGS)
    return folder


@pytest.fixture(scope="session")
def recurrent(tmp_path_factory):
    """A method of three roles, two steps a frame, and much state; and a folder with its graphs."""
    pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    method = decided(Recurrent())
    folder = tmp_path_factory.mktemp("recurrent") / "out"
    export_method(method, folder, SETTINGS)
    return method, folder
