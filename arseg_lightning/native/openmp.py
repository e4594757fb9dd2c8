"""One OpenMP runtime for the process, whoever is imported first."""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from arseg_lightning.native.errors import NoNativeKernel

__all__ = ["provide_openmp"]


def provide_openmp() -> None:
    """Make GNU's OpenMP visible to the kernels, which are linked without any.

    PyTorch brings its own copy. Two of them in one process would be two sets of threads that take
    the cores from each other, so PyTorch's is taken, loaded already or not.

    Raises:
        NoNativeKernel: If there is none.
    """
    for candidate in _candidates():
        try:
            ctypes.CDLL(candidate, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        return
    raise NoNativeKernel("OpenMP's libgomp.so.1 cannot be loaded; install libgomp1")


def _candidates() -> Iterator[str]:
    torch = importlib.util.find_spec("torch")  # finds it without importing it
    if torch is not None and torch.origin is not None:
        package = Path(torch.origin).parent
        for folder in (package / "lib", package.parent / "torch.libs"):
            yield from map(str, sorted(folder.glob("libgomp*.so*")))
    yield "libgomp.so.1"
