"""A disk that takes no more, for one call."""

from __future__ import annotations

import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor


def _limit_files(size):
    # Python ignores SIGXFSZ, so a write beyond the limit fails as on a full disk: with an OSError.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def on_a_small_disk(size, function, *args):
    """Call a function where no file grows beyond so many bytes; raises what it raises.

    In a process of its own: the limit holds for every file of a process, and the standard output
    of the tests may be one.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, _limit_files, (size,)) as pool:
        return pool.submit(function, *args).result()
