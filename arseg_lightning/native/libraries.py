"""The kernels of this folder: compiled once into a folder of the user's, loaded once a process."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from arseg_lightning.files import replacing

__all__ = ["Kernels", "enabled", "find_compiler", "load", "load_source", "status"]

_SOURCES = Path(__file__).parent
_SWITCH = "ARSEG_LIGHTNING_NATIVE"

# A source with this line is compiled exactly to IEEE 754, others with fast mathematics: sums in
# any order, but NaN and infinity stay what they are.
_EXACT = "#pragma STDC FP_CONTRACT OFF"
_FAST_FLAGS = ("-ffast-math", "-fno-finite-math-only")


class _NoKernel(Exception):
    """A kernel could not be compiled or loaded, and why."""


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
    """One line: what the kernels were compiled with, or why they were not."""
    found = (_loaded(path.stem) for path in sorted(_SOURCES.glob("*.c")))
    origins = (f"{'compiled with' if each.library else 'off:'} {each.origin}" for each in found)
    return f"native kernels: {'; '.join(dict.fromkeys(origins))}"


def load_source(source: Path) -> Kernels:
    """Compile and load a source, or say why that cannot be.

    Raises:
        FileNotFoundError: If there is no such source.
    """
    if not source.is_file():
        raise FileNotFoundError(f"no kernels at {source}; give the name of a C source")
    if not enabled():
        return Kernels(None, f"{_SWITCH}={os.environ[_SWITCH]}")
    try:
        command, version = find_compiler()
        try:
            # Clang's OpenMP would be a second runtime beside GNU's, which PyTorch brings.
            flags = ("-march=native", *(() if "clang" in version else ("-fopenmp",)))
            return Kernels(_library(source, command, version, flags), version)
        except _NoKernel:
            plain = _library(source, command, version, ())
            return Kernels(plain, f"{version} (one thread, for any processor of the kind)")
    except _NoKernel as error:
        return Kernels(None, str(error))


@functools.cache
def _loaded(name: str) -> Kernels:
    return load_source(_SOURCES / f"{name}.c")


def find_compiler() -> tuple[tuple[str, ...], str]:
    """The compiler that ``CC`` names, else cc: command and version."""
    if platform.system() == "Windows":
        raise _NoKernel("they are written for Linux and macOS; NumPy and PyTorch do the same")
    command = tuple(shlex.split(os.environ.get("CC", "").strip() or "cc"))
    if shutil.which(command[0]) is None:
        raise _NoKernel(f"there is no C compiler {command[0]}; install gcc or set CC")
    return command, next(iter(_run(*command, "--version").splitlines()), command[0])


def _library(
    source: Path, command: tuple[str, ...], version: str, features: tuple[str, ...]
) -> ctypes.CDLL:
    """The library of a source: from the cache, else built there."""
    text = source.read_text(encoding="utf-8")
    exact = ("-ffp-contract=off",) if _EXACT in text else _FAST_FLAGS
    flags = ("-std=gnu11", "-O3", "-fPIC", *exact, *features)
    headers = (path.read_text(encoding="utf-8") for path in sorted(source.parent.glob("*.h")))
    # Filed under all that it depends on: another text or processor is another file.
    key = "\n".join((text, *headers, version, *command, *flags, _processor()))
    name = f"{source.stem}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.so"
    if "-fopenmp" in features:
        _provide_openmp()
    try:
        kept = _cache() / name
        if not kept.is_file():
            # Complete or not at all: several processes may start at once.
            with replacing(kept, durable=False) as partial:
                _build(command, flags, source, partial)
        return ctypes.CDLL(str(kept))
    except (OSError, RuntimeError) as error:  # no home; read-only, full or without exec
        raise _NoKernel(f"{error}; set ARSEG_LIGHTNING_CACHE to a folder of yours") from error


def _build(command: tuple[str, ...], flags: tuple[str, ...], source: Path, target: Path) -> None:
    """Compile a source into a shared library."""
    part = target.with_suffix(".o")
    try:
        _run(*command, *flags, "-c", str(source), "-o", str(part))
        # Linked without the flags: with -ffast-math, loading the library would flush denormals
        # to zero in the whole process; with -fopenmp, it would bring its own OpenMP runtime.
        _run(*command, "-shared", str(part), "-o", str(target), "-lm")
    finally:
        part.unlink(missing_ok=True)


def _run(*command: str) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            env=os.environ | {"LC_ALL": "C"},
            timeout=120,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _NoKernel(f"{command[0]} cannot be run: {error}") from error
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr)
        raise _NoKernel(f"{command[0]} failed: {said.strip()}")
    return done.stdout


def _cache() -> Path:
    """The folder for compiled kernels, which is created; it is the user's alone."""
    folder = os.environ.get("ARSEG_LIGHTNING_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = Path(folder or Path(base) / "arseg_lightning") / "native"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    return cache


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
    raise _NoKernel("OpenMP's libgomp.so.1 cannot be loaded; install libgomp1")


@functools.cache
def _processor() -> str:
    """The kind of processor: code that is compiled for one may not run on another."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8", errors="replace") if cpuinfo.exists() else ""
    kinds = ("model", "flags", "features", "cpu part", "vendor_id")
    first = text.split("\n\n")[0].splitlines()
    return "\n".join([platform.machine(), *(a for a in first if a.lower().startswith(kinds))])
