"""The graphs of a small method, exported once for all tests that only look at them."""

from __future__ import annotations

import pytest

from arseg_lightning.export import export_method
from tests.export.made import SETTINGS, tiny_arseg


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A folder with the ONNX graphs of ``tiny_arseg()``."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("export") / "tiny"
    export_method(tiny_arseg(), folder, SETTINGS)
    return folder
