"""A cache of compiled kernels, in a folder of the user's."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.util
import os
import platform
import tempfile
from pathlib import Path

from arseg_lightning.files import replacing
from arseg_lightning.native.compiler import Compiler, NoNativeKernel

__all__ = ["library_for"]


def library_for(source: Path, compiler: Compiler, variant: tuple[str, ...]) -> ctypes.CDLL:
    """The library of a source: from the cache, else built there, else built for this process.

    It is filed under a hash of all that it depends on, and appears complete or not at all, so
    that several processes may start at once.

    Raises:
        NoNativeKernel: If it cannot be built or loaded.
    """
    text = source.read_text(encoding="utf-8")
    flags = compiler.flags(text, variant)
    headers = (path.read_text(encoding="utf-8") for path in sorted(source.parent.glob("*.h")))
    key = "\n".join((text, *headers, compiler.version, *compiler.command, *flags, _processor()))
    name = f"{source.stem}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.so"
    try:
        kept = _folder() / name
        if not kept.is_file():
            with replacing(kept, durable=False) as partial:
                compiler.build(source, partial, flags)
        return _open(kept, variant)
    except (NoNativeKernel, OSError):  # the folder may be read-only, full or without exec
        pass
    with tempfile.TemporaryDirectory(prefix="arseg_lightning-") as folder:
        target = Path(folder) / name
        compiler.build(source, target, flags)
        try:
            return _open(target, variant)  # stays loaded when its file is gone
        except OSError as error:
            raise NoNativeKernel(f"the compiled kernel cannot be loaded: {error}") from error


def _folder() -> Path:
    """The folder for compiled kernels, which is created.

    Its files are run, so nobody else may own it or write into it.
    """
    chosen, of_user = os.environ.get("ARSEG_LIGHTNING_CACHE"), os.environ.get("XDG_CACHE_HOME", "")
    if chosen:
        cache = Path(chosen)
    elif Path(of_user).is_absolute():
        cache = Path(of_user) / "arseg_lightning"
    else:
        try:
            cache = Path.home() / ".cache" / "arseg_lightning"
        except RuntimeError as error:
            raise NoNativeKernel("the user has no home folder") from error
    folder = cache / "native"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stat = folder.stat()
    is_own = not hasattr(os, "getuid") or stat.st_uid == os.getuid()
    if not is_own or stat.st_mode & 0o022:
        raise NoNativeKernel(f"{folder} belongs to or can be written by another user")
    return folder


def _open(path: Path, variant: tuple[str, ...]) -> ctypes.CDLL:
    if "openmp" in variant:
        _provide_openmp()
    return ctypes.CDLL(str(path))


def _provide_openmp() -> None:
    """Make GNU's OpenMP visible to the kernels, which are linked without any.

    PyTorch brings its own copy. Two of them in one process would be two sets of threads that take
    the cores from each other, so PyTorch's is taken, loaded already or not.
    """
    candidates = ["libgomp.so.1"]
    torch = importlib.util.find_spec("torch")  # finds it without importing it
    if torch is not None and torch.origin is not None:
        package = Path(torch.origin).parent
        folders = (package / "lib", package.parent / "torch.libs")
        found = [path for folder in folders for path in sorted(folder.glob("libgomp*.so*"))]
        candidates = [*map(str, found), *candidates]
    for candidate in candidates:
        try:
            ctypes.CDLL(candidate, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        return
    raise NoNativeKernel("OpenMP's libgomp.so.1 cannot be loaded; install libgomp1")


@functools.cache
def _processor() -> str:
    """The kind of processor: code that is compiled for one may not run on another."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8", errors="replace") if cpuinfo.exists() else ""
    kinds = ("model", "flags", "features", "cpu part", "vendor_id")
    first = text.split("\n\n")[0].splitlines()
    return "\n".join([platform.machine(), *(a for a in first if a.lower().startswith(kinds))])
