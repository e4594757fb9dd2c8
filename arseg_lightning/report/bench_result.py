"""A benchmark's figures, and the file that holds them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from arseg_lightning.files import write_atomic

__all__ = ["BenchResult", "CaseResult", "Form", "RoleResult", "VariantResult"]


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
class Form:
    """A method in the form in which it runs.

    Args:
        name: What the variant is called.
        method: What its method is called.
        is_baseline: Whether others are compared with it.
        kind: As it was trained, in plain PyTorch; or optimised.
        backend: Who runs it.
        precision: In what it computes.
    """

    name: str
    method: str
    is_baseline: bool
    kind: Literal["plain", "optimised"]
    backend: str
    precision: str

    @property
    def group(self) -> str:
        """``plain``, or for optimised ones their precision, or a backend other than torch."""
        if self.kind == "plain":
            return self.kind
        return self.precision if self.backend == "torch" else self.backend


@dataclass(frozen=True, slots=True)
class VariantResult(Form):
    """How fast a variant is.

    Args:
        mean_ms: Milliseconds per frame: the medians of the roles, weighted by their frequencies.
        p50_ms: Half of the frames take at most so long.
        p95_ms: 95 % of the frames take at most so long.
        max_ms: The slowest frame.
        mean_gmacs: 1e9 multiply-accumulates per frame.
        roles: Figures by the roles of a frame's steps, joined by ``+``.
        peak_megabytes: What memory rises by when it first runs, at its peak.
    """

    mean_ms: float
    p50_ms: float
    p95_ms: float
    max_ms: float
    mean_gmacs: float
    roles: Mapping[str, RoleResult]
    peak_megabytes: float | None

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
    """

    name: str
    size: tuple[int, int]
    keyframe_interval: int | None
    decode_ms: float
    variants: tuple[VariantResult, ...]

    def reference(self, variant: VariantResult) -> VariantResult:
        """The first baseline with the same optimisations, backend and precision."""
        return next(v for v in self.variants if v.group == variant.group)

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

    def variants(self, groups: Sequence[str] = ()) -> list[tuple[CaseResult, VariantResult]]:
        """All variants, each with its case, or those of some groups: see :attr:`Form.group`.

        Raises:
            ValueError: If there are none of a group.
        """
        found = [(case, variant) for case in self.cases for variant in case.variants]
        known = sorted({variant.group for _, variant in found})
        for name in groups:
            if name not in known:
                raise ValueError(f"no variants are {name!r}; there are {', '.join(known)}")
        return [row for row in found if not groups or row[1].group in groups]

    def write(self, path: Path) -> None:
        """Write the figures, and what follows from them for those who read the file alone."""
        content = asdict(self)
        rows = [row for case in content["cases"] for row in case["variants"]]
        for (case, variant), row in zip(self.variants(), rows, strict=True):
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
        # Five digits are more than a clock knows.
        rounded = json.loads(json.dumps(content), parse_float=lambda x: float(f"{float(x):.5g}"))
        write_atomic(path, json.dumps(rounded, indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> BenchResult:
        """Read a result.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is something else.
        """
        try:
            content = json.loads(path.read_text("utf-8"))
            cases = tuple(_case(**case) for case in content["cases"])
            return cls(content["machine"], content["settings"], cases)
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is no result of `bench` ({error!r}); run it again") from error


def _case(size: list[int], variants: list[dict[str, Any]], **facts: Any) -> CaseResult:
    height, width = size
    return CaseResult(
        size=(height, width), variants=tuple(_variant(**v) for v in variants), **facts
    )


def _variant(roles: dict[str, Any], derived: object, **figures: Any) -> VariantResult:
    del derived  # it follows from the figures
    return VariantResult(
        roles={name: RoleResult(**role) for name, role in roles.items()}, **figures
    )
