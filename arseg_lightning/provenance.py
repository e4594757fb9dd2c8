"""Provenance of results: the code's commit, versions, the device and the machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from arseg_lightning import __version__, native
from arseg_lightning.accelerator import default_device, device_name

__all__ = ["Provenance", "commit_of", "machine", "package_versions"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """The code, packages, device and configuration that a result came from.

    Args:
        commit: Git commit of the code (:func:`commit_of`).
        seed: Seed of the run.
        versions: Versions of the packages that matter.
        device: What it ran on.
        config: The resolved configuration.
    """

    commit: str | None
    seed: int | None
    versions: dict[str, str]
    device: str
    config: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def collect(cls, seed: int | None = None, config: dict[str, Any] | None = None) -> Provenance:
        """Describe this process."""
        gpu = default_device()
        device = f"{platform.machine()} CPU" if gpu.type == "cpu" else device_name(gpu)
        versions = package_versions("torch", "lightning", "torchmetrics", "av", "numpy")
        return cls(commit_of(Path(__file__).parent), seed, versions, device, config or {})


def machine() -> dict[str, object]:
    """Processor, load and date, for result files: nothing that names the computer."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8", errors="replace") if cpuinfo.exists() else ""
    model = re.search(r"model name\s*:\s*(.+)", text)
    return {
        "cpu": model.group(1) if model else platform.processor(),
        "cores": os.cpu_count(),
        "load_average_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "native": native.status(),
        "date": time.strftime("%Y-%m-%d"),
    }


def package_versions(*packages: str) -> dict[str, str]:
    """Versions of this package, of Python and of other packages, for records."""
    own = {"arseg_lightning": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in packages}


def commit_of(folder: Path) -> str | None:
    """The Git commit of a folder, then ``+`` if files have changed; None outside Git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
        return done.stdout.strip()

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        return commit + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
