"""The packages of the extra ``graphical``, loaded when they are first used."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = ["check_installed", "maxflow", "segmentation"]


def segmentation() -> ModuleType:
    """Load scikit-image's superpixels.

    Raises:
        ValueError: If it is not installed.
    """
    return _load("skimage.segmentation", "scikit-image")


def maxflow() -> ModuleType:
    """Load PyMaxflow.

    Raises:
        ValueError: If it is not installed.
    """
    return _load("maxflow", "PyMaxflow")


def check_installed() -> None:
    """Load both, so that what is missing is said before anything is computed.

    Raises:
        ValueError: If one is not installed.
    """
    segmentation()
    maxflow()


def _load(module: str, package: str) -> ModuleType:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"superpixels and graph cuts need the package {package}: "
            f"pip install 'arseg_lightning[graphical]'"
        ) from error
