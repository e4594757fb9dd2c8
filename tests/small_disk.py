"""Disks that are soon full: one in memory where tests may mount it, and a limit on file sizes."""

import os
import resource
import subprocess

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


def on_a_small_disk(size, function, *args):
    """Call a function while no file of this process grows beyond so many bytes.

    Python ignores SIGXFSZ, so a write beyond that fails as on a full disk: with an OSError.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        return function(*args)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
