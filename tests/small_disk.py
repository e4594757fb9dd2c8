"""A disk in memory that is soon full, where the tests may mount one."""

import os
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
