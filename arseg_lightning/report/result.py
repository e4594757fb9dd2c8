"""The result of a test run, as it is kept in a file."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from arseg_lightning.files import write_atomic
from arseg_lightning.methods import StreamTrace
from arseg_lightning.metrics import Accuracy
from arseg_lightning.provenance import Provenance

__all__ = ["MethodResult", "RoleResult", "RunResult"]


@dataclass(frozen=True, slots=True)
class RoleResult:
    """What a method did in one of its roles, and what that costs.

    Args:
        gmacs: Cost of one step executed in full, 1e9 multiply-accumulates.
        frames: Frames of the test that had such a step; None if that was not recorded.
        executed: Sum of the shares that those steps executed.
    """

    gmacs: float
    frames: int | None = None
    executed: float | None = None


@dataclass(frozen=True, slots=True)
class MethodResult:
    """What one method achieved, at which cost.

    Args:
        name: Such as ``AR 0.5x``.
        method: Name of its class.
        kind: Whether the run is about it, or it is what that is compared with.
        accuracy: IoU values in [0, 1].
        roles: Its roles by name.
        mean_gmacs: Cost per frame, 1e9 multiply-accumulates.
        reasons: How many frames had their role for which reason.
        trace: What became of the frames of each stream; empty if that was not recorded.
    """

    name: str
    method: str
    kind: Literal["own", "baseline"]
    accuracy: Accuracy
    roles: dict[str, RoleResult]
    mean_gmacs: float
    reasons: dict[str, int] = field(default_factory=dict)
    trace: tuple[StreamTrace, ...] = ()

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
    """All methods that one test compared, and where the figures are from.

    Args:
        data: Name of the class set.
        class_names: Its classes.
        keyframe_interval: L of the test data.
        size: Height and width of the frames.
        methods: One entry a method; the last one is the run's own.
        num_samples: Labelled frames that were counted; each once for each stream it was in.
        absent_classes: What becomes of classes that are neither true nor predicted.
        provenance: What it came from.
    """

    data: str
    class_names: tuple[str, ...]
    keyframe_interval: int
    size: tuple[int, int]
    methods: tuple[MethodResult, ...]
    num_samples: int
    provenance: Provenance
    absent_classes: str = "left out of the mean"

    @property
    def full_gmacs(self) -> float:
        """Cost that shares are taken of: every frame at 1x, or the first baseline; else NaN."""
        costs = {each.name: each.mean_gmacs for each in self.methods if each.kind == "baseline"}
        costs |= {each.name: each.mean_gmacs for each in self.methods if each.name == "1x"}
        return costs.get("1x", next(iter(costs.values()), math.nan))

    @property
    def num_distances(self) -> int:
        """Distances to the keyframe that any of the methods has a value for."""
        return max(len(each.at_distance) for each in self.methods)

    def write(self, path: Path) -> None:
        """Write the result as JSON, with null for values that are not known."""
        content = asdict(self)
        for entry, method in zip(content["methods"], self.methods, strict=True):
            accuracy = method.accuracy
            entry["accuracy"] |= {"miou_mean": accuracy.miou_mean, "miou_min": accuracy.miou_min}
        write_atomic(path, json.dumps(_plain(content), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> RunResult:
        """Read a result that :meth:`write` wrote.

        Raises:
            ValueError: If the file is no result.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            methods = tuple(_method(entry) for entry in content.pop("methods"))
            provenance = Provenance(**content.pop("provenance"))
            names, size = tuple(content.pop("class_names")), tuple(content.pop("size"))
            return cls(
                methods=methods, provenance=provenance, class_names=names, size=size, **content
            )
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is no result file of a test run: {error!r}") from error


def _method(entry: dict[str, Any]) -> MethodResult:
    """Read one method, null as NaN."""
    accuracy, roles, trace = (entry.pop(key) for key in ("accuracy", "roles", "trace"))
    return MethodResult(
        accuracy=Accuracy(
            miou_at_distance=_floats(accuracy["miou_at_distance"]),
            miou_pooled=_float(accuracy["miou_pooled"]),
            iou_per_class=_floats(accuracy["iou_per_class"]),
            frames_at_distance=tuple(accuracy["frames_at_distance"]),
        ),
        roles={name: RoleResult(_float(role.pop("gmacs")), **role) for name, role in roles.items()},
        mean_gmacs=_float(entry.pop("mean_gmacs")),
        trace=tuple(
            StreamTrace(each["first"], each["same"], tuple(tuple(part) for part in each["plan"]))
            for each in trace
        ),
        **entry,
    )


def _floats(values: list[float | None]) -> tuple[float, ...]:
    return tuple(map(_float, values))


def _float(value: float | None) -> float:
    return math.nan if value is None else value


def _plain(value: Any) -> Any:
    """Make a value fit for JSON: NaN becomes null, unknown types become text."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    return value if value is None or isinstance(value, int | str) else str(value)
