"""The result of a test run, as it is kept in a file."""

from __future__ import annotations

import json
import math
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from arseg_lightning import __version__
from arseg_lightning.metrics import Accuracy

__all__ = ["Provenance", "RunResult", "SystemResult", "commit_of"]

_PACKAGES = ("torch", "lightning", "torchmetrics", "av", "numpy")


@dataclass(frozen=True, slots=True)
class SystemResult:
    """What one system achieved, at which cost.

    Args:
        name: Such as ``AR 0.5x``.
        accuracy: IoU values in [0, 1].
        key_gmacs: Cost of a keyframe, 1e9 multiply-accumulates.
        nonkey_gmacs: Cost of another frame.
        mean_gmacs: Cost per frame over the keyframe interval.
    """

    name: str
    accuracy: Accuracy
    key_gmacs: float
    nonkey_gmacs: float
    mean_gmacs: float


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
    def collect(cls, seed: int | None, config: dict[str, Any]) -> Provenance:
        """Describe this process."""
        on_gpu = torch.cuda.is_available()
        device = torch.cuda.get_device_name() if on_gpu else f"{platform.machine()} CPU"
        versions = {"arseg_lightning": __version__, "python": platform.python_version()}
        versions |= {name: version(name) for name in _PACKAGES}
        return cls(commit_of(Path(__file__).parent), seed, versions, device, config)


@dataclass(frozen=True, slots=True)
class RunResult:
    """All systems that one test compared, and where the figures are from.

    Args:
        data: Name of the class set.
        class_names: Its classes.
        keyframe_interval: L.
        size: Height and width of the frames.
        systems: One entry a system; the last one is the run's own.
        num_samples: Labelled frames that were counted; each once for each distance it was
            paired with.
        absent_classes: What becomes of classes that are neither true nor predicted.
        provenance: What it came from.
    """

    data: str
    class_names: tuple[str, ...]
    keyframe_interval: int
    size: tuple[int, int]
    systems: tuple[SystemResult, ...]
    num_samples: int
    provenance: Provenance
    absent_classes: str = "left out of the mean"

    def write(self, path: Path) -> None:
        """Write the result as JSON, with null for values that are not known."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = asdict(self)
        for entry, system in zip(content["systems"], self.systems, strict=True):
            accuracy = system.accuracy
            entry["accuracy"] |= {"miou_mean": accuracy.miou_mean, "miou_min": accuracy.miou_min}
        path.write_text(json.dumps(_plain(content), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> RunResult:
        """Read a result that :meth:`write` wrote.

        Raises:
            ValueError: If the file is no result.
        """
        try:
            content = json.loads(path.read_text())
            systems = tuple(_system(entry) for entry in content.pop("systems"))
            provenance = Provenance(**content.pop("provenance"))
            names, size = tuple(content.pop("class_names")), tuple(content.pop("size"))
            return cls(
                systems=systems, provenance=provenance, class_names=names, size=size, **content
            )
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is no result file of a test run: {error!r}") from error


def _system(entry: dict[str, Any]) -> SystemResult:
    """Read one system, null as NaN."""
    accuracy = entry.pop("accuracy")
    return SystemResult(
        accuracy=Accuracy(
            miou_at_distance=_floats(accuracy["miou_at_distance"]),
            miou_pooled=_floats([accuracy["miou_pooled"]])[0],
            iou_per_class=_floats(accuracy["iou_per_class"]),
            frames_at_distance=tuple(accuracy["frames_at_distance"]),
        ),
        **entry,
    )


def _floats(values: list[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if value is None else value for value in values)


def _plain(value: Any) -> Any:
    """Make a value fit for JSON: NaN becomes null, unknown types become text."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    return value if value is None or isinstance(value, int | str) else str(value)


def commit_of(folder: Path) -> str | None:
    """The commit of a folder, with ``+`` behind it if files had changed; None outside git."""
    try:
        commit = _git(folder, "rev-parse", "--short=12", "HEAD")
        return commit + ("+" if _git(folder, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
