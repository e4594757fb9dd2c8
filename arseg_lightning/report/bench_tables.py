"""Results of a benchmark as tables and as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from arseg_lightning.report.result import RunResult

__all__ = ["bench_frame", "bench_table", "machine_line", "plot_bench", "stage_table"]

_COLOURS = {"plain": "0.65", "onnxruntime": "tab:orange"}


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


def stage_table(results: Sequence[RunResult]) -> pd.DataFrame:
    """Lay out where the time of non-keyframes goes, in milliseconds, and that of decoding.

    Methods that PyTorch runs are shown, baselines are not. ``outside`` is the share of everything
    but the networks.
    """
    variants, stages = [], []
    for result in results:
        for method in result.methods:
            speed = method.speed
            if method.kind == "baseline" or speed is None or speed.form == "onnxruntime":
                continue
            kinds = {
                name: times.stages_ms
                for name, times in speed.frames.items()
                if times.stages_ms and not times.is_keyframe
            }
            for name, times in kinds.items():
                title = method.label if len(kinds) == 1 else f"{method.label}: {name}"
                variants.append((result.tested_on, title, f"{speed.decode_ms:.1f}"))
                stages.append(times)
    milliseconds = pd.DataFrame(stages, columns=None if stages else ["network"])
    table = milliseconds.map("{:.1f}".format).replace("nan", "-")  # forms differ in their stages
    outside = 1 - milliseconds.network / milliseconds.sum(axis="columns")
    about = pd.DataFrame(variants, columns=["network", "variant", "decode"])
    # A stage is called "network" too: what runs inside the networks.
    table.insert(0, "network", about.network, allow_duplicates=True)
    table.insert(1, "variant", about.variant)
    return table.assign(outside=outside.map("{:.0%}".format), decode=about.decode)


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


def plot_bench(results: Sequence[RunResult], path: Path) -> None:
    """Draw every variant's speed-up over 1x in plain PyTorch, and what the arithmetic allows."""
    from matplotlib.figure import Figure

    rows = bench_frame(results)
    figure = Figure(figsize=(10, 1.2 + 0.33 * len(rows)), layout="constrained")
    axes = figure.subplots()
    colours = [_COLOURS.get(form, "tab:blue") for form in rows.form]
    bars = axes.barh(rows.index, rows.over_plain, color=colours)
    axes.bar_label(bars, fmt="{:.2f}", label_type="center", fontsize="small")
    # Where the speed-up would be if it were that of the arithmetic.
    own = rows[~rows.is_reference]
    allowed = own.over_plain / own.reached
    axes.vlines(allowed, own.index - 0.4, own.index + 0.4, color="black", linewidth=2)
    axes.set_yticks(rows.index, rows.network + ": " + rows.variant, fontsize="small")
    axes.set_xlabel("times as fast as 1x in plain PyTorch; line: what the arithmetic allows")
    axes.grid(alpha=0.3, axis="x")
    axes.invert_yaxis()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
