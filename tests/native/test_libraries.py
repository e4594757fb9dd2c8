"""Kernels are there or callers are told why not; nothing else depends on the machine."""

import ctypes
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from arseg_lightning.native import libraries, load, status
from arseg_lightning.native.libraries import find_compiler, load_source

ROOT = Path(__file__).resolve().parents[2]

SOURCE = """
#include <math.h>
int twice(int value) { return 2 * value; }
int is_nan(float value) { return isnan(value); }
void add_one(float *values, long count, int threads) {
    #pragma omp parallel for num_threads(threads)
    for (long i = 0; i < count; i++) values[i] += 1;
}
"""


needs_compiler = pytest.mark.skipif(
    load("motion") is None, reason=f"this machine has no C compiler: {status()}"
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ARSEG_LIGHTNING_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ARSEG_LIGHTNING_NATIVE", raising=False)
    return tmp_path / "cache" / "native"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "sums.c"
    path.write_text(SOURCE)
    return path


def test_windows_does_without(source, monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Windows")
    kernels = load_source(source)
    assert kernels.library is None
    assert kernels.origin.startswith("they are written for Linux and macOS; NumPy and PyTorch do")


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@needs_compiler
def test_a_source_is_compiled_and_called(cache, source):
    kernels = load_source(source)
    assert kernels.library.twice(21) == 42
    assert kernels.origin in status()
    (kept,) = cache.iterdir()
    assert kept.name.startswith("sums-")
    assert kept.suffix == ".so"


@needs_compiler
def test_only_the_user_may_look_into_the_cache(cache, source):
    load_source(source)
    assert cache.stat().st_mode & 0o777 == 0o700


@needs_compiler
def test_what_is_compiled_is_not_compiled_again(cache, source):
    load_source(source)
    (kept,) = cache.iterdir()
    before = kept.stat().st_mtime_ns
    load_source(source)
    assert [path.stat().st_mtime_ns for path in cache.iterdir()] == [before]


@needs_compiler
def test_another_source_of_the_same_name_never_answers(cache, source):
    load_source(source)
    source.write_text(SOURCE.replace("2 * value", "3 * value"))
    assert load_source(source).library.twice(21) == 63
    assert len(list(cache.iterdir())) == 2


@needs_compiler
def test_fast_mathematics_leaves_nan_and_tiny_numbers_alone(cache, source):
    library = load_source(source).library
    assert library.is_nan(ctypes.c_float(float("nan"))) == 1
    assert np.float32(1e-40) * np.float32(1) != 0  # flushed to zero by what -ffast-math links in


def test_without_a_compiler_callers_are_told_what_to_do(cache, source, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    kernels = load_source(source)
    assert kernels.library is None
    assert kernels.origin == "there is no C compiler cc; install gcc or set CC"


def test_a_compiler_that_is_not_there_is_named(cache, source, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    origin = load_source(source).origin
    assert origin == "there is no C compiler no-such-compiler; install gcc or set CC"


@needs_compiler
def test_a_broken_source_gives_nothing_but_the_compilers_words(cache, source):
    source.write_text("int twice(int value) { return 2 * valeu; }")
    kernels = load_source(source)
    assert kernels.library is None
    assert "failed" in kernels.origin
    assert "valeu" in kernels.origin
    assert list(cache.iterdir()) == []


@needs_compiler
def test_a_compiler_may_refuse_flags(cache, source, tmp_path, monkeypatch):
    picky = tmp_path / "picky"
    picky.write_text(
        '#!/bin/sh\ncase "$*" in *-march=native*) echo error: what >&2; exit 1;; esac\n'
        f'exec {" ".join(find_compiler()[0])} "$@"\n'
    )
    picky.chmod(0o755)
    monkeypatch.setenv("CC", str(picky))
    kernels = load_source(source)
    assert kernels.library.twice(4) == 8
    assert kernels.origin.endswith("(one thread, for any processor of the kind)")


@needs_compiler
def test_a_cache_that_cannot_be_written_is_named(cache, source):
    cache.parent.mkdir()
    cache.write_text("")
    assert str(cache) in (origin := load_source(source).origin)
    assert origin.endswith("set ARSEG_LIGHTNING_CACHE to a folder of yours")


@needs_compiler
@pytest.mark.parametrize("word", ["0", "off"])
def test_the_switch_turns_them_off(cache, source, monkeypatch, word):
    monkeypatch.setenv("ARSEG_LIGHTNING_NATIVE", word)
    kernels = load_source(source)
    assert (kernels.library, kernels.origin) == (None, f"ARSEG_LIGHTNING_NATIVE={word}")
    assert not cache.exists()


@needs_compiler
def test_processes_may_start_at_once(cache, source):
    code = (
        "from pathlib import Path; from arseg_lightning.native.libraries import load_source;"
        f"print(load_source(Path({str(source)!r})).library.twice(3))"
    )
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(run, [code] * 3)) == ["6"] * 3
    assert [path.suffix for path in cache.iterdir()] == [".so"]


@needs_compiler
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux")
@pytest.mark.parametrize("first", [pytest.param("torch", marks=pytest.mark.slow), "kernels"])
def test_there_is_one_openmp_whoever_comes_first(cache, source, first):
    load_torch = "import torch; torch.ones(10 ** 6).sum()"
    load_kernels = (
        "import ctypes; from arseg_lightning.native.libraries import load_source;"
        f"kernels = load_source(Path({str(source)!r})).library;"
        "kernels.add_one((ctypes.c_float * 100)(), ctypes.c_long(100), 2)"
    )
    both = [load_torch, load_kernels] if first == "torch" else [load_kernels, load_torch]
    count = (
        "print(len({line.split()[-1] for line in Path('/proc/self/maps').read_text().splitlines()"
        " if 'gomp' in line}))"
    )
    assert run("\n".join(["from pathlib import Path", *both, count])) == "1"


def test_a_kernel_that_does_not_exist_is_a_mistake():
    with pytest.raises(FileNotFoundError):
        load("no_such_kernel")


def test_the_status_says_what_there_is_in_one_line():
    text = status()
    assert text.startswith("native kernels: ")
    assert "\n" not in text
    names = [path.stem for path in Path(libraries.__file__).parent.glob("*.c")]
    assert "motion" in names
    assert ("off" in text) == any(load(name) is None for name in names)
