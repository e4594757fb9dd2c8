"""A benchmark's result as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from arseg_lightning.report.bench_result import BenchResult, CaseResult, RoleResult, VariantResult
from arseg_lightning.report.grid import Table
from arseg_lightning.types import size_text

__all__ = ["bench_table", "case_title", "machine_line", "stage_rows", "stage_table"]

_HEADER = (
    *("network", "variant", "ms/frame", "p50", "p95", "max", "fps", "x plain 1x", "x 1x"),
    *("bound", "reached", "GMACs", "MB"),
)


def bench_table(result: BenchResult, groups: Sequence[str] = ()) -> Table:
    """Lay out every variant: its times, its speed-ups, and what its arithmetic allows.

    ``x plain 1x`` is the speed-up over the first baseline, which is 1.0x on every frame, in plain
    PyTorch; ``x 1x`` that over the same with the same optimisations; ``bound`` the ratio of their
    multiply-accumulates.

    Args:
        result: The benchmark.
        groups: Which variants to show, see :meth:`BenchResult.variants`; all by default.
    """
    rows = [_row(case, variant) for case, variant in result.variants(groups)]
    return Table(_HEADER, tuple(rows), num_names=2)


def stage_table(result: BenchResult, groups: Sequence[str] = ()) -> Table:
    """Lay out where the time of non-keyframes goes, in milliseconds, and decoding beside it.

    ``outside`` is the share of everything but the networks.

    Args:
        result: The benchmark.
        groups: As for :func:`bench_table`.
    """
    shown = list(stage_rows(result, groups))
    names = dict.fromkeys(stage for *_, role in shown for stage in role.stages_ms)
    rows = []
    for case, title, role in shown:
        cells = [f"{role.stages_ms[k]:.1f}" if k in role.stages_ms else "-" for k in names]
        outside = f"{role.outside_network_share:.0%}"
        rows.append((case_title(case), title, *cells, outside, f"{case.decode_ms:.1f}"))
    return Table(("network", "variant", *names, "outside", "decode"), tuple(rows), num_names=2)


def stage_rows(
    result: BenchResult, groups: Sequence[str] = ()
) -> Iterator[tuple[CaseResult, str, RoleResult]]:
    """The roles of non-keyframes whose stages are shown, each with its case and its title."""
    for case, variant in result.variants(groups):
        if variant.is_baseline or variant.backend != "torch":
            continue
        roles = variant.between_keyframes
        for name, role in roles.items():
            yield case, variant.name if len(roles) == 1 else f"{variant.name}: {name}", role


def machine_line(result: BenchResult) -> str:
    """Say in one line where the figures were taken."""
    machine = result.machine
    where = machine["cpu"] if machine["device"] == "cpu" else machine["device"]
    intervals = sorted({case.keyframe_interval for case in result.cases if case.keyframe_interval})
    clock = f"L = {', '.join(map(str, intervals))}, " if intervals else ""
    return (
        f"{where}, {machine['threads']} threads, PyTorch {machine['torch']}, {machine['native']}, "
        f"{machine['date']}; {clock}medians of {result.settings['repeats']} rounds"
    )


def case_title(case: CaseResult) -> str:
    """What a case is called."""
    return f"{case.name} {size_text(case.size)}"


def _row(case: CaseResult, variant: VariantResult) -> tuple[str, ...]:
    compared = ("-", "-", "-")
    if case.reference(variant) is not variant:
        speedup, bound, reached = (f(variant) for f in (case.speedup, case.bound, case.reached))
        compared = (f"{speedup:.2f}", f"{bound:.2f}", f"{reached:.0%}")
    times = (variant.mean_ms, variant.p50_ms, variant.p95_ms, variant.max_ms, variant.fps)
    return (
        case_title(case),
        variant.name,
        *(f"{time:.1f}" for time in times),
        f"{case.speedup_over_plain(variant):.2f}",
        *compared,
        f"{variant.mean_gmacs:.2f}",
        "-" if variant.peak_megabytes is None else f"{variant.peak_megabytes:.0f}",
    )
