"""What machine this is: kernels are compiled for it, and figures are taken on it."""

from __future__ import annotations

import os
import platform
import re
import time
from importlib.metadata import version
from pathlib import Path

from arseg_lightning import __version__
from arseg_lightning.native.libraries import status

__all__ = ["machine", "package_versions"]

_CPUINFO = Path("/proc/cpuinfo")


def machine() -> dict[str, object]:
    """Where and when figures are taken, for result files: nothing that names the computer."""
    text = _CPUINFO.read_text(encoding="utf-8", errors="replace") if _CPUINFO.exists() else ""
    model = re.search(r"model name\s*:\s*(.+)", text)
    return {
        "cpu": model.group(1) if model else platform.processor(),
        "cores": os.cpu_count(),
        "load_average_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "native": status(),
        "date": time.strftime("%Y-%m-%d"),
    }


def package_versions(*packages: str) -> dict[str, str]:
    """Versions of this package, of Python and of other packages, for records."""
    own = {"arseg_lightning": __version__, "python": platform.python_version()}
    return own | {name: version(name) for name in packages}
