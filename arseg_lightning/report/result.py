"""Results of tests and benchmarks: one format, read from and written to JSON files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from arseg_lightning.files import from_json, write_atomic
from arseg_lightning.metrics import Accuracy
from arseg_lightning.provenance import Provenance
from arseg_lightning.types import size_text

__all__ = ["FrameTimes", "MethodResult", "RoleResult", "RunResult", "Speed", "read_bench"]
__all__ += ["write_bench"]


@dataclass(frozen=True, slots=True)
class RoleResult:
    """One of a method's roles: its cost, and how often it ran."""

    gmacs: float  # cost of one step executed in full, 1e9 multiply-accumulates
    frames: int | None = None  # frames that had such a step; None if that was not recorded
    executed: float | None = None  # sum of the shares that those steps executed


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """The time of frames whose steps have the same roles."""

    frequency: float  # share of the frames of a stream
    ms: float  # median of the milliseconds
    gmacs: float  # 1e9 multiply-accumulates of the steps, executed in full
    is_keyframe: bool  # whether such frames are keyframes


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a method is in one form."""

    # ``plain`` PyTorch, as it was trained; the precision of an optimised form (``float32``, …);
    # or another backend (``onnxruntime``, ``openvino``)
    form: str
    mean_ms: float  # milliseconds per frame: the medians of kinds of frames, by their frequencies
    p50_ms: float  # half of the frames take at most so long
    p95_ms: float  # 95 % of the frames take at most so long
    max_ms: float  # the slowest frame
    decode_ms: float  # decoding with motion vectors, per frame; in a stream it runs in parallel
    frames: Mapping[str, FrameTimes]  # kinds of frames by the roles of their steps, joined by ``+``
    peak_megabytes: float | None  # peak of a GPU's memory when it first runs


@dataclass(frozen=True, slots=True)
class MethodResult:
    """Accuracy, cost and speed of one method."""

    name: str  # such as ``AR 0.5x``
    method: str  # name of its class
    # whether the run is about it, or compares its own method with it
    kind: Literal["own", "baseline"]
    accuracy: Accuracy  # IoU values in [0, 1]; without values if it was not measured
    roles: dict[str, RoleResult]  # its roles by name
    mean_gmacs: float  # cost per frame, 1e9 multiply-accumulates
    # how many frames had their role for which reason
    reasons: dict[str, int] = field(default_factory=dict)
    num_frames: int = 0  # frames that were segmented; 0 if they were not counted
    speed: Speed | None = None  # how fast it is; None if it was not measured

    @property
    def label(self) -> str:
        """Its name, and the form in which it was timed."""
        titles = {"plain": "plain PyTorch", "onnxruntime": "float32, ONNX Runtime"}
        titles |= {"openvino": "float32, OpenVINO"}
        form = self.speed and self.speed.form
        return f"{self.name}, {titles.get(form, form)}" if form else self.name

    @property
    def at_distance(self) -> tuple[float, ...]:
        """Mean IoU of each distance; empty for a method that has one value for all frames."""
        values = self.accuracy.miou_at_distance
        return values if len(values) > 1 else ()

    @property
    def worst(self) -> float:
        """The worst distance; NaN without distances."""
        return self.accuracy.miou_min if self.at_distance else math.nan


@dataclass(frozen=True, slots=True)
class RunResult:
    """All methods that were compared on the same frames, and their provenance."""

    data: str  # name of the class set; of a bench, the network or the experiment
    class_names: tuple[str, ...]  # the classes
    # L of the test data; None if no method of a bench has a fixed one
    keyframe_interval: int | None
    size: tuple[int, int]  # height and width of the frames
    # one entry a method; of a test, the last one is the run's own
    methods: tuple[MethodResult, ...]
    num_samples: int  # labelled frames that were counted; each once for each stream it was in
    provenance: Provenance  # code, versions, device and configuration
    # how the mean treats classes that are neither true nor predicted
    absent_classes: str = "left out of the mean"

    @property
    def tested_on(self) -> str:
        """Data and size, such as ``camvid11 360x480``."""
        return f"{self.data} {size_text(self.size)}"

    @property
    def full_gmacs(self) -> float:
        """Cost that shares are taken of: every frame at 1x, or the first baseline; else NaN."""
        costs = {each.name: each.mean_gmacs for each in self.methods if each.kind == "baseline"}
        costs |= {each.name: each.mean_gmacs for each in self.methods if each.name == "1x"}
        return costs.get("1x", next(iter(costs.values()), math.nan))

    def write(self, path: Path) -> None:
        """Write the result as JSON, with null for values that are not known."""
        _write_json(self._content(), path)

    @classmethod
    def read(cls, path: Path) -> RunResult:
        """Read a result that :meth:`write` wrote.

        Raises:
            ValueError: If the file is no result.
        """
        try:
            return _result(json.loads(path.read_text(encoding="utf-8")))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is no result file of a test run: {error!r}") from error

    def _content(self) -> dict[str, Any]:
        content = asdict(self)
        for entry, method in zip(content["methods"], self.methods, strict=True):
            accuracy = method.accuracy
            entry["accuracy"] |= {"miou_mean": accuracy.miou_mean, "miou_min": accuracy.miou_min}
        return content


def write_bench(results: Sequence[RunResult], path: Path) -> None:
    """Write the results of a bench, one a network and size, as a JSON list."""
    _write_json([result._content() for result in results], path)


def read_bench(path: Path) -> list[RunResult]:
    """Read what :func:`write_bench` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is something else.
    """
    try:
        results = [_result(each) for each in json.loads(path.read_text("utf-8"))]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no result of `bench` ({error!r}); run it again") from error
    if not results or not all(method.speed for each in results for method in each.methods):
        raise ValueError(f"{path} is no result of `bench` (nothing was timed); run it again")
    return results


def _write_json(content: Any, path: Path) -> None:
    write_atomic(path, json.dumps(_plain(content), indent=1) + "\n")


def _plain(value: Any) -> Any:
    """Make a value fit for JSON: NaN becomes null, unknown types become text."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    return value if value is None or isinstance(value, int | str) else str(value)


def _result(content: dict[str, Any]) -> RunResult:
    """A result of its JSON; older files have runs of frames instead of their number."""
    for method in content["methods"]:
        runs = method.get("trace", ())  # each of parts [roles, reason, share, frames]
        frames = sum(run["same"] * sum(part[3] for part in run["plan"]) for run in runs)
        method.setdefault("num_frames", frames)
    result: RunResult = from_json(RunResult, content)
    return result
