"""Results of a benchmark as a table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from arseg_lightning.report.result import RunResult

__all__ = ["bench_frame", "bench_table", "machine_line"]


def bench_frame(results: Sequence[RunResult]) -> pd.DataFrame:
    """Every variant with what follows from its figures, in the order in which they were measured.

    ``over_plain`` is the speed-up over the first baseline, which is 1.0x on every frame, in plain
    PyTorch; ``speedup`` that over the first baseline in the same form, the ``reference``;
    ``bound`` the ratio of their multiply-accumulates, and ``reached`` the share of it.
    """
    rows = pd.DataFrame(
        {
            "network": result.tested_on,
            "variant": method.label,
            "form": speed.form,
            "ms": speed.mean_ms,
            "p50": speed.p50_ms,
            "p95": speed.p95_ms,
            "max": speed.max_ms,
            "fps": 1e3 / speed.mean_ms,
            "gmacs": method.mean_gmacs,
            "megabytes": speed.peak_megabytes,
        }
        for result in results
        for method in result.methods
        if (speed := method.speed)
    )
    rows["megabytes"] = rows.megabytes.astype(float)  # where all are None, too
    # The first variant of a network, and of each form of it, is 1x on every frame.
    same_form = rows.groupby(["network", "form"])
    rows["is_reference"] = ~rows.duplicated(["network", "form"])
    rows["over_plain"] = rows.groupby("network").ms.transform("first") / rows.ms
    rows["speedup"] = same_form.ms.transform("first") / rows.ms
    rows["bound"] = same_form.gmacs.transform("first") / rows.gmacs
    rows["reached"] = rows.speedup / rows.bound
    return rows


def bench_table(results: Sequence[RunResult], forms: Sequence[str] = ()) -> pd.DataFrame:
    """Lay out every variant: its times, its speed-ups, and what its arithmetic allows.

    Args:
        results: The bench.
        forms: Which variants to show, see :attr:`Speed.form`; all by default.

    Raises:
        ValueError: If there are none of a form.
    """
    rows = bench_frame(results)
    known = sorted(set(rows.form))
    for form in forms:
        if form not in known:
            raise ValueError(f"no variants are {form!r}; there are {', '.join(known)}")
    shown = rows[rows.form.isin(forms or known)]
    formats = {
        "ms/frame": ("ms", ".1f"),
        "p50": ("p50", ".1f"),
        "p95": ("p95", ".1f"),
        "max": ("max", ".1f"),
        "fps": ("fps", ".1f"),
        "x plain 1x": ("over_plain", ".2f"),
        "x 1x": ("speedup", ".2f"),
        "bound": ("bound", ".2f"),
        "reached": ("reached", ".0%"),
        "GMACs": ("gmacs", ".2f"),
        "MB": ("megabytes", ".0f"),
    }
    table = shown[["network", "variant"]].copy()
    for title, (name, form) in formats.items():
        table[title] = [format(value, form) if value == value else "-" for value in shown[name]]
    if shown.megabytes.isna().all():  # a processor's is not counted
        table = table.drop(columns="MB")
    # A reference is not compared with itself.
    table.loc[shown.is_reference, ["x 1x", "bound", "reached"]] = "-"
    return table


def machine_line(results: Sequence[RunResult]) -> str:
    """Say in one line where the figures were taken."""
    where = results[0].provenance
    config, torch_version = where.config, where.versions["torch"]
    intervals = sorted({each.keyframe_interval for each in results if each.keyframe_interval})
    clock = f"L = {', '.join(map(str, intervals))}, " if intervals else ""
    return (
        f"{where.device}, {config['threads']} threads, PyTorch {torch_version}, "
        f"{config['native']}, {config['date']}; {clock}medians of {config['repeats']} rounds"
    )
