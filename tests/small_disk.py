"""Disks that are soon full: one in memory where tests may mount it, and a limit on file sizes."""

import multiprocessing
import os
import resource
import subprocess
from concurrent.futures import ProcessPoolExecutor

import pytest


def mount(*words):
    return subprocess.run(["mount", *map(str, words)], capture_output=True, check=False).returncode


class SmallDisk:
    """A mounted disk of so many KiB, at a path."""

    def __init__(self, path, kibibytes):
        self.path = path
        path.mkdir()
        if os.geteuid() != 0 or mount("-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", path):
            pytest.skip("mounting a small disk needs root and its permission")

    def remount(self, options):
        """Change its size (``size=1m``) or make it read-only (``ro``)."""
        assert mount("-o", f"remount,{options}", self.path) == 0

    def unmount(self):
        subprocess.run(["umount", str(self.path)], check=True)


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
