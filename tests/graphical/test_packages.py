"""What is said where the extra is not installed."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from arseg_lightning.graphical import check_installed
from arseg_lightning.methods import Proposals
from tests.tiny import TinyNet


@pytest.mark.parametrize(
    ("module", "package"), [("skimage.segmentation", "scikit-image"), ("maxflow", "PyMaxflow")]
)
def test_a_missing_package_is_named_with_its_remedy(module, package, monkeypatch):
    for name in ("skimage", "skimage.segmentation", "maxflow"):  # as if both were installed
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, module, None)
    remedy = rf"need the package {package}: pip install 'arseg_lightning\[graphical\]'"
    with pytest.raises(ValueError, match=remedy):
        check_installed()
    with pytest.raises(ValueError, match=remedy):
        Proposals(3, TinyNet)
