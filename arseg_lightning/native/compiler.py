"""Finds the machine's C compiler and its OpenMP runtime, and compiles kernels."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["EXACT", "Compiler", "NoNativeKernel", "find_compiler", "provide_openmp"]

EXACT = "#pragma STDC FP_CONTRACT OFF"
"""A source with this line is compiled by the letter of IEEE 754, others with fast mathematics."""

_COMMON = ("-std=gnu11", "-O3", "-fPIC")
_INEXACT = ("-ffast-math", "-fno-finite-math-only")
"""Sums in any order, but NaN and infinity stay what they are."""

_VARIANTS = (("native", "openmp"), ("openmp",), ("native",), ())
_FLAGS = {"native": "-march=native", "openmp": "-fopenmp"}

_SECONDS = 120


class NoNativeKernel(Exception):
    """A kernel could not be compiled or loaded; callers do without and can say why."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C compiler.

    Args:
        command: How it is called.
        version: The first line that it says about itself.
    """

    command: tuple[str, ...]
    version: str

    @property
    def name(self) -> str:
        """What it is called by people, with its version."""
        found = re.search(r"\d+\.\d+(\.\d+)?", self.version)
        maker = "clang" if "clang" in self.version else self.version.split()[0]
        return f"{maker} {found.group()}" if found else maker

    @property
    def variants(self) -> tuple[tuple[str, ...], ...]:
        """What to compile with, best first; the first that the compiler accepts is taken."""
        # Clang's OpenMP would be a second runtime beside GNU's, which PyTorch brings.
        if "clang" in self.version:
            return tuple(variant for variant in _VARIANTS if "openmp" not in variant)
        return _VARIANTS

    def flags(self, source: str, variant: tuple[str, ...]) -> tuple[str, ...]:
        """The flags that a source is compiled with."""
        exact = ("-ffp-contract=off",) if EXACT in source else _INEXACT
        return (*_COMMON, *exact, *(_FLAGS[part] for part in variant))

    def build(self, source: Path, target: Path, flags: tuple[str, ...]) -> None:
        """Compile a source into a shared library.

        Raises:
            NoNativeKernel: If the compiler refuses.
        """
        part = target.with_suffix(".o")
        try:
            self._run(*flags, "-c", str(source), "-o", str(part))
            # Linked without the flags: with -ffast-math, loading the library would flush denormals
            # to zero in the whole process; with -fopenmp, it would bring its own OpenMP runtime.
            self._run("-shared", str(part), "-o", str(target), "-lm")
        finally:
            part.unlink(missing_ok=True)

    def _run(self, *arguments: str) -> None:
        done = _output((*self.command, *arguments))
        if done.returncode:
            said = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr)
            raise NoNativeKernel(f"{self.command[0]} failed: {said.strip()}")


def find_compiler() -> Compiler:
    """The compiler that ``CC`` names, else the first of cc, gcc and clang.

    Raises:
        NoNativeKernel: If there is none, or the system is not one that the kernels are written for.
    """
    if platform.system() == "Windows":
        raise NoNativeKernel("they are written for Linux and macOS; NumPy and PyTorch do the same")
    named = os.environ.get("CC", "").strip()
    for candidate in [named] if named else ["cc", "gcc", "clang"]:
        command = tuple(shlex.split(candidate))
        if shutil.which(command[0]):
            lines = _output((*command, "--version")).stdout.splitlines()
            return Compiler(command, lines[0] if lines else candidate)
    missing = f"CC={named} is not there" if named else "no C compiler found"
    raise NoNativeKernel(f"{missing}; install gcc or set CC")


def provide_openmp() -> None:
    """Make GNU's OpenMP visible to the kernels, which are linked without any.

    PyTorch brings its own copy. Two of them in one process would be two sets of threads that take
    the cores from each other, so PyTorch's is taken, loaded already or not.

    Raises:
        NoNativeKernel: If there is none.
    """
    candidates = ["libgomp.so.1"]
    torch = importlib.util.find_spec("torch")  # finds it without importing it
    if torch is not None and torch.origin is not None:
        package = Path(torch.origin).parent
        for folder in (package.parent / "torch.libs", package / "lib"):
            candidates = [*map(str, sorted(folder.glob("libgomp*.so*"))), *candidates]
    for candidate in candidates:
        try:
            ctypes.CDLL(candidate, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
        return
    raise NoNativeKernel("OpenMP's libgomp.so.1 cannot be loaded; install libgomp1")


def _output(command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"LC_ALL": "C"}
    try:
        return subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            env=environment,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoNativeKernel(f"{command[0]} cannot be run: {error}") from error
