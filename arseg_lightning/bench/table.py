"""A benchmark's result as tables."""

from __future__ import annotations

from arseg_lightning.bench.result import BenchResult, CaseResult, VariantResult
from arseg_lightning.report.grid import Table
from arseg_lightning.types import size_text

__all__ = ["bench_table", "machine_line", "stage_table"]

_HEADER = (
    *("network", "variant", "ms/frame", "p50", "p95", "max", "fps", "x plain 1x", "x 1x"),
    *("bound", "reached", "GMACs", "MB"),
)


def bench_table(result: BenchResult) -> Table:
    """Lay out every variant: its times, its speed-ups, and what its arithmetic allows.

    ``x plain 1x`` is the speed-up over 1.0x on every frame in plain PyTorch; ``x 1x`` that over
    1.0x with the same optimisations; ``bound`` the ratio of their multiply-accumulates.
    """
    rows = [_row(case, variant) for case in result.cases for variant in case.shown]
    return Table(_HEADER, tuple(rows), num_names=2)


def stage_table(result: BenchResult) -> Table:
    """Lay out where the time of a non-keyframe goes, in milliseconds, and decoding beside it.

    ``outside`` is the share of everything but the networks.
    """
    shown = [
        (case, variant)
        for case in result.cases
        for variant in case.shown
        if variant.resolution_ratio != 1 and variant.backend == "torch"
    ]
    names = dict.fromkeys(name for _, v in shown for name in v.nonkeyframe_stages_ms)
    rows = []
    for case, variant in shown:
        times = [variant.nonkeyframe_stages_ms.get(name) for name in names]
        cells = ["-" if ms is None else f"{ms:.1f}" for ms in times]
        outside = f"{variant.outside_network_share:.0%}"
        rows.append((_title(case), variant.name, *cells, outside, f"{case.decode_ms:.1f}"))
    return Table(("network", "variant", *names, "outside", "decode"), tuple(rows), num_names=2)


def machine_line(result: BenchResult) -> str:
    """Say in one line where the figures were taken."""
    machine = result.machine
    where = machine["cpu"] if machine["device"] == "cpu" else machine["device"]
    return (
        f"{where}, {machine['threads']} threads, PyTorch {machine['torch']}, {machine['native']}, "
        f"{machine['date']}; L = {result.settings['keyframe_interval']}, medians of "
        f"{result.settings['repeats']} rounds"
    )


def _row(case: CaseResult, variant: VariantResult) -> tuple[str, ...]:
    times = (variant.mean_ms, variant.p50_ms, variant.p95_ms, variant.max_ms)
    cells = [*(f"{ms:.1f}" for ms in times), f"{variant.fps:.1f}"]
    cells.append(f"{case.speedup_over_plain(variant):.2f}")
    if variant.resolution_ratio == 1:
        cells += ["-"] * 3
    else:
        cells += [f"{case.speedup(variant):.2f}", f"{case.bound(variant):.2f}"]
        cells.append(f"{case.reached(variant):.0%}")
    cells.append(f"{variant.mean_gmacs:.2f}")
    cells.append("-" if variant.peak_megabytes is None else f"{variant.peak_megabytes:.0f}")
    return (_title(case), variant.name, *cells)


def _title(case: CaseResult) -> str:
    return f"{case.network} {size_text(case.size)}"
