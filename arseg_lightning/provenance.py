"""Where results come from: the code's commit, versions, the device and the machine."""

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

_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a result came from.

    Args:
        commit: Git commit of the code, with ``+`` behind it if files had changed; None outside git.
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
    """Where and when figures are taken, for result files: nothing that names the computer."""
    text = _CPUINFO.read_text(encoding="utf-8", errors="replace") if _CPUINFO.exists() else ""
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
    """The commit of a folder, with ``+`` behind it if files had changed; None outside git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
        return done.stdout.strip()

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        return commit + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
