"""The packages of the extra ``graphical``, loaded when they are first used."""

from __future__ import annotations

from types import ModuleType
from typing import cast

__all__ = ["check_installed", "maxflow", "segmentation"]


def segmentation() -> ModuleType:
    """Load scikit-image's superpixels.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        from skimage import segmentation as module
    except ModuleNotFoundError as error:
        raise _missing("scikit-image") from error
    return cast(ModuleType, module)


def maxflow() -> ModuleType:
    """Load PyMaxflow.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        import maxflow as module
    except ModuleNotFoundError as error:
        raise _missing("PyMaxflow") from error
    return cast(ModuleType, module)


def check_installed() -> None:
    """Load both, so that what is missing is said before anything is computed.

    Raises:
        ValueError: If one is not installed.
    """
    segmentation()
    maxflow()


def _missing(package: str) -> ValueError:
    return ValueError(
        f"superpixels and graph cuts need the package {package}: "
        f"pip install 'arseg_lightning[graphical]'"
    )
