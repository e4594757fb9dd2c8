"""The machine's C compiler."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Compiler", "NoNativeKernel", "find_compiler"]

# A source with this line is compiled exactly to IEEE 754, others with fast mathematics: sums in
# any order, but NaN and infinity stay what they are.
_EXACT = "#pragma STDC FP_CONTRACT OFF"
_FAST_FLAGS = ("-ffast-math", "-fno-finite-math-only")

_VARIANTS = (("native", "openmp"), ("openmp",), ("native",), ())
_VARIANT_FLAGS = {"native": "-march=native", "openmp": "-fopenmp"}


class NoNativeKernel(Exception):
    """A kernel could not be compiled or loaded; callers work without, and can say why."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C compiler.

    Args:
        command: Its command line.
        version: The first line of its ``--version``.
    """

    command: tuple[str, ...]
    version: str

    @property
    def name(self) -> str:
        """Its name and version, such as ``gcc 12.2.0``."""
        found = re.search(r"\d+\.\d+(\.\d+)?", self.version)
        maker = "clang" if "clang" in self.version else self.version.split()[0]
        return f"{maker} {found.group()}" if found else maker

    @property
    def variants(self) -> tuple[tuple[str, ...], ...]:
        """Features to compile with, best first; the first that the compiler accepts are taken."""
        # Clang's OpenMP would be a second runtime beside GNU's, which PyTorch brings.
        if "clang" in self.version:
            return tuple(variant for variant in _VARIANTS if "openmp" not in variant)
        return _VARIANTS

    def flags(self, source: str, variant: tuple[str, ...]) -> tuple[str, ...]:
        """The flags that a source is compiled with."""
        exact = ("-ffp-contract=off",) if _EXACT in source else _FAST_FLAGS
        features = (_VARIANT_FLAGS[part] for part in variant)
        return ("-std=gnu11", "-O3", "-fPIC", *exact, *features)

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
            timeout=120,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoNativeKernel(f"{command[0]} cannot be run: {error}") from error
