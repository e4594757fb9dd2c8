"""A benchmark's figures, and the file that holds them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

__all__ = ["BenchResult", "CaseResult", "RoleResult", "VariantResult"]


@dataclass(frozen=True, slots=True)
class RoleResult:
    """Frames of one role, or of the same several.

    Args:
        frequency: Share of the frames of a stream.
        ms: Median of the milliseconds.
        gmacs: 1e9 multiply-accumulates of its steps, executed in full.
        is_keyframe: Whether such frames are keyframes.
        stages_ms: Where the time goes.
    """

    frequency: float
    ms: float
    gmacs: float
    is_keyframe: bool
    stages_ms: Mapping[str, float]

    @property
    def outside_network_share(self) -> float:
        """Share of the time that goes to anything but the networks."""
        total = sum(self.stages_ms.values())
        return 1 - self.stages_ms.get("network", 0.0) / total if total else math.nan


@dataclass(frozen=True, slots=True)
class VariantResult:
    """How fast a variant is.

    Args:
        name: What it is called.
        method: What its method is called.
        is_baseline: Whether others are compared with it.
        kind: ``plain`` or ``optimised``.
        backend: Who ran it.
        precision: In what it computed.
        mean_ms: Milliseconds per frame: the medians of the roles, weighted by their frequencies.
        p50_ms: Half of the frames take at most so long.
        p95_ms: 95 % of the frames take at most so long.
        max_ms: The slowest frame.
        mean_gmacs: 1e9 multiply-accumulates per frame.
        roles: Figures by the roles of a frame's steps, joined by ``+``.
        peak_megabytes: What memory rises by when it first runs, at its peak.
    """

    name: str
    method: str
    is_baseline: bool
    kind: str
    backend: str
    precision: str
    mean_ms: float
    p50_ms: float
    p95_ms: float
    max_ms: float
    mean_gmacs: float
    roles: Mapping[str, RoleResult]
    peak_megabytes: float | None

    @property
    def group(self) -> str:
        """``plain``, or for optimised ones their precision, or a backend other than torch."""
        if self.kind == "plain":
            return self.kind
        return self.precision if self.backend == "torch" else self.backend

    @property
    def fps(self) -> float:
        """Frames per second."""
        return 1e3 / self.mean_ms

    @property
    def between_keyframes(self) -> dict[str, RoleResult]:
        """The roles of frames that are no keyframes, as far as their stages were timed."""
        return {
            k: each for k, each in self.roles.items() if each.stages_ms and not each.is_keyframe
        }


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A network or an experiment at a size.

    Args:
        name: The network, or the experiment.
        size: Height and width.
        keyframe_interval: L; None if no method has a fixed one.
        decode_ms: Decoding with motion vectors, per frame; in a stream it runs beside the rest.
        variants: Everything that was compared; the first baseline in plain PyTorch comes first.
        shown: What tables show; everything by default.
    """

    name: str
    size: tuple[int, int]
    keyframe_interval: int | None
    decode_ms: float
    variants: tuple[VariantResult, ...]
    shown: tuple[VariantResult, ...] = ()

    def __post_init__(self) -> None:
        """Show everything by default."""
        object.__setattr__(self, "shown", self.shown or self.variants)

    def reference(self, variant: VariantResult) -> VariantResult:
        """The first baseline with the same optimisations, backend and precision."""
        return next(v for v in self.variants if v.kind == variant.kind and v.group == variant.group)

    def speedup(self, variant: VariantResult) -> float:
        """Against the first baseline with the same optimisations."""
        return self.reference(variant).mean_ms / variant.mean_ms

    def speedup_over_plain(self, variant: VariantResult) -> float:
        """Against the first baseline in plain PyTorch."""
        return self.variants[0].mean_ms / variant.mean_ms

    def bound(self, variant: VariantResult) -> float:
        """What the multiply-accumulates allow for the speed-up."""
        return self.reference(variant).mean_gmacs / variant.mean_gmacs

    def reached(self, variant: VariantResult) -> float:
        """Share of the bound that the speed-up reaches."""
        return self.speedup(variant) / self.bound(variant)


@dataclass(frozen=True, slots=True)
class BenchResult:
    """All cases of a run.

    Args:
        machine: Where it ran, and with which versions.
        settings: How it was measured.
        cases: What was measured.
    """

    machine: Mapping[str, Any]
    settings: Mapping[str, Any]
    cases: tuple[CaseResult, ...]

    def write(self, path: Path) -> None:
        """Write the figures, and what follows from them for those who read the file alone."""
        content = asdict(self)
        for written in content["cases"]:
            del written["shown"]
        for case, written in zip(self.cases, content["cases"], strict=True):
            for variant, row in zip(case.variants, written["variants"], strict=True):
                row["derived"] = {
                    "fps": variant.fps,
                    "speedup": case.speedup(variant),
                    "speedup_over_plain": case.speedup_over_plain(variant),
                    "bound": case.bound(variant),
                    "reached": case.reached(variant),
                    "outside_network_share": {
                        name: role.outside_network_share
                        for name, role in variant.between_keyframes.items()
                    },
                }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_rounded(content), indent=1) + "\n", "utf-8")

    def only(self, wanted: Sequence[str]) -> BenchResult:
        """The variants of some kinds: see :attr:`VariantResult.group`.

        Raises:
            ValueError: If there are none of a kind.
        """
        groups = {variant.group for case in self.cases for variant in case.variants}
        for name in wanted:
            if name not in groups:
                raise ValueError(f"no variants are {name!r}; there are {', '.join(sorted(groups))}")
        cases = (
            replace(case, shown=tuple(v for v in case.variants if v.group in wanted))
            for case in self.cases
        )
        return replace(self, cases=tuple(cases))

    @classmethod
    def read(cls, path: Path) -> BenchResult:
        """Read a result.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is something else.
        """
        try:
            content = json.loads(path.read_text("utf-8"))
            cases = tuple(_case(case) for case in content["cases"])
            return cls(content["machine"], content["settings"], cases)
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is no result of `bench` ({error!r}); run it again") from error


def _case(content: dict[str, Any]) -> CaseResult:
    height, width = content["size"]
    variants = tuple(_variant(row) for row in content["variants"])
    return CaseResult(**{**content, "size": (height, width), "variants": variants})


def _variant(row: dict[str, Any]) -> VariantResult:
    roles = {name: RoleResult(**each) for name, each in row["roles"].items()}
    facts = {key: value for key, value in row.items() if key != "derived"}
    return VariantResult(**{**facts, "roles": roles})


def _rounded(value: Any) -> Any:
    """Five digits are more than a clock knows."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
