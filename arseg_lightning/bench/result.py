"""What a benchmark found, as a file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

__all__ = ["BenchResult", "CaseResult", "VariantResult"]


@dataclass(frozen=True, slots=True)
class VariantResult:
    """How fast a variant is.

    Args:
        name: What it is called.
        kind: ``plain`` or ``optimised``.
        backend: Who ran it.
        precision: In what it computed.
        resolution_ratio: Scale s of non-keyframes; 1 if every frame is seen in full.
        mean_ms: Milliseconds per frame over a keyframe period, from the medians of keyframes and
            of the other frames.
        p50_ms: Half of the frames take at most so long.
        p95_ms: 95 % of the frames take at most so long.
        max_ms: The slowest frame.
        keyframe_ms: Median of the keyframes.
        nonkeyframe_ms: Median of the other frames.
        key_gmacs: 1e9 multiply-accumulates of a keyframe.
        nonkey_gmacs: 1e9 multiply-accumulates of another frame.
        mean_gmacs: 1e9 multiply-accumulates per frame.
        nonkeyframe_stages_ms: Where the time of another frame goes.
        peak_megabytes: What memory rises by when it first runs, at its peak.
    """

    name: str
    kind: str
    backend: str
    precision: str
    resolution_ratio: float
    mean_ms: float
    p50_ms: float
    p95_ms: float
    max_ms: float
    keyframe_ms: float
    nonkeyframe_ms: float
    key_gmacs: float
    nonkey_gmacs: float
    mean_gmacs: float
    nonkeyframe_stages_ms: Mapping[str, float]
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
    def outside_network_share(self) -> float:
        """Share of a non-keyframe's time that goes to anything but the networks."""
        total = sum(self.nonkeyframe_stages_ms.values())
        return 1 - self.nonkeyframe_stages_ms.get("network", 0.0) / total if total else math.nan


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A network at a size.

    Args:
        network: The network.
        size: Height and width.
        decode_ms: Decoding with motion vectors, per frame; in a stream it runs beside the rest.
        variants: Everything that was compared; 1.0x in plain PyTorch comes first.
        shown: What tables show; everything by default.
    """

    network: str
    size: tuple[int, int]
    decode_ms: float
    variants: tuple[VariantResult, ...]
    shown: tuple[VariantResult, ...] = ()

    def __post_init__(self) -> None:
        """Show everything by default."""
        object.__setattr__(self, "shown", self.shown or self.variants)

    def full(self, variant: VariantResult) -> VariantResult:
        """1.0x on every frame with the same optimisations, backend and precision."""
        same = (variant.kind, variant.backend, variant.precision)
        return next(
            v
            for v in self.variants
            if v.resolution_ratio == 1 and (v.kind, v.backend, v.precision) == same
        )

    def speedup(self, variant: VariantResult) -> float:
        """Against 1.0x on every frame with the same optimisations."""
        return self.full(variant).mean_ms / variant.mean_ms

    def speedup_over_plain(self, variant: VariantResult) -> float:
        """Against 1.0x on every frame in plain PyTorch."""
        return self.variants[0].mean_ms / variant.mean_ms

    def bound(self, variant: VariantResult) -> float:
        """What the multiply-accumulates allow for the speed-up."""
        return self.full(variant).mean_gmacs / variant.mean_gmacs

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
                    "outside_network_share": variant.outside_network_share,
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
    rows = [
        {key: value for key, value in row.items() if key != "derived"}
        for row in content["variants"]
    ]
    variants = tuple(VariantResult(**row) for row in rows)
    height, width = content["size"]
    return CaseResult(content["network"], (height, width), content["decode_ms"], variants)


def _rounded(value: Any) -> Any:
    """Five digits are more than a clock knows."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
