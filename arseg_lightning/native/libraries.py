"""The kernels of this folder, loaded once in each process."""

from __future__ import annotations

import ctypes
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from arseg_lightning.native.compiler import NoNativeKernel, find_compiler
from arseg_lightning.native.library_cache import library_for

__all__ = ["Kernels", "enabled", "load", "load_source", "status"]

_SOURCES = Path(__file__).parent
_SWITCH = "ARSEG_LIGHTNING_NATIVE"
_MISSING = {"openmp": "one thread", "native": "for any processor of the kind"}
_lock = threading.Lock()
_kernels: dict[str, Kernels] = {}


@dataclass(frozen=True, slots=True)
class Kernels:
    """The library of one source, or None, and what it was compiled with, or why there is none."""

    library: ctypes.CDLL | None
    origin: str


def load(name: str) -> ctypes.CDLL | None:
    """The kernels of ``<name>.c`` in this folder, or None where they cannot be compiled.

    They are compiled on first use and cached for the next process. ``ARSEG_LIGHTNING_NATIVE=0``
    turns them off. A kernel that starts threads should take their number as an argument: with one
    thread it may be called in a forked process, such as a data loader's worker.

    Raises:
        FileNotFoundError: If there is no such source.
    """
    return _loaded(name).library


def enabled() -> bool:
    """Whether custom kernels, in C or otherwise, may be used: unless the user switches them off."""
    return os.environ.get(_SWITCH, "").strip().lower() not in ("0", "off", "false", "no")


def status() -> str:
    """One line: which kernels were compiled with what, or why they were not."""
    by_origin: dict[str, list[str]] = {}
    for name in sorted(path.stem for path in _SOURCES.glob("*.c")):
        kernels = _loaded(name)
        prefix = "compiled with" if kernels.library else "off:"
        by_origin.setdefault(f"{prefix} {kernels.origin}", []).append(name)
    if len(by_origin) == 1:
        return f"native kernels: {next(iter(by_origin))}"
    parts = [f"{', '.join(names)} {origin}" for origin, names in by_origin.items()]
    return f"native kernels: {'; '.join(parts)}"


def load_source(source: Path) -> Kernels:
    """Compile and load a source, or say why that cannot be.

    Raises:
        FileNotFoundError: If there is no such source.
    """
    if not source.is_file():
        raise FileNotFoundError(f"no kernels at {source}; give the name of a C source")
    if not enabled():
        return Kernels(None, f"{_SWITCH}={os.environ[_SWITCH]}")
    reasons = []
    try:
        compiler = find_compiler()
        for variant in compiler.variants:
            try:
                library = library_for(source, compiler, variant)
            except NoNativeKernel as error:
                reasons.append(str(error))
                continue
            without = [text for part, text in _MISSING.items() if part not in variant]
            return Kernels(library, compiler.name + (f" ({', '.join(without)})" if without else ""))
    except NoNativeKernel as error:
        reasons.append(str(error))
    return Kernels(None, reasons[0])


def _loaded(name: str) -> Kernels:
    with _lock:
        if name not in _kernels:
            _kernels[name] = load_source(_SOURCES / f"{name}.c")
        return _kernels[name]


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()  # a forked process lacks the thread that would release the old one


if hasattr(os, "register_at_fork"):  # nothing is forked on Windows
    os.register_at_fork(after_in_child=_renew_lock)
