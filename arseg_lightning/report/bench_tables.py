"""Results of a bench as tables and as a plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from arseg_lightning.report.result import FrameTimes, RunResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bench_frame", "bench_table", "machine_line", "plot_bench", "stage_table"]

_COLOURS = {"plain": "0.65", "onnxruntime": "tab:orange"}
_INCH_PER_ROW = 0.33


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
    # A reference is not compared with itself.
    table.loc[shown.is_reference, ["x 1x", "bound", "reached"]] = "-"
    return table


def stage_table(results: Sequence[RunResult], forms: Sequence[str] = ()) -> pd.DataFrame:
    """Lay out where the time of non-keyframes goes, in milliseconds, and decoding beside it.

    ``outside`` is the share of everything but the networks.

    Args:
        results: The bench.
        forms: As for :func:`bench_table`.
    """
    found = [each for each in _non_keyframes(results) if each.form in (forms or [each.form])]
    table = pd.DataFrame([each.times.stages_ms for each in found]).map("{:.1f}".format)
    table = table.replace("nan", "-")  # forms differ in their stages
    # A stage is called "network" too: what runs inside the networks.
    table.insert(0, "network", [each.network for each in found], allow_duplicates=True)
    table.insert(1, "variant", [each.title for each in found])
    totals = [sum(each.times.stages_ms.values()) for each in found]
    table["outside"] = [
        f"{1 - each.times.stages_ms['network'] / total:.0%}"
        for each, total in zip(found, totals, strict=True)
    ]
    table["decode"] = [f"{each.decode_ms:.1f}" for each in found]
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


def plot_bench(results: Sequence[RunResult], path: Path) -> None:
    """Draw speed-ups against what the arithmetic allows, and where a non-keyframe's time goes."""
    from matplotlib.figure import Figure

    rows, stages = bench_frame(results), list(_non_keyframes(results))
    height = 2.6 + _INCH_PER_ROW * (len(rows) + len(stages))
    figure = Figure(figsize=(10, height), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=[len(rows), max(len(stages), 1)])
    _draw_speed(rows, above)
    _draw_stages(stages, below)
    figure.legend(loc="outside lower center", ncols=4, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


class _Timed(NamedTuple):
    """A kind of frame of a variant whose stages were timed."""

    network: str
    title: str
    form: str
    decode_ms: float
    times: FrameTimes


def _non_keyframes(results: Sequence[RunResult]) -> Iterator[_Timed]:
    """Frames between keyframes of all that PyTorch runs and that is no baseline."""
    for result in results:
        for method in result.methods:
            speed = method.speed
            if method.kind == "baseline" or speed is None or speed.form == "onnxruntime":
                continue
            kinds = {
                name: times
                for name, times in speed.frames.items()
                if times.stages_ms and not times.is_keyframe
            }
            for name, times in kinds.items():
                title = method.label if len(kinds) == 1 else f"{method.label}: {name}"
                yield _Timed(result.tested_on, title, speed.form, speed.decode_ms, times)


def _draw_speed(rows: pd.DataFrame, axes: Axes) -> None:
    """Bars of speed-up over plain 1.0x; a tick where a method would reach its arithmetic."""
    allowed = rows.over_plain / rows.reached
    ends = rows.over_plain.where(rows.is_reference, rows.over_plain.combine(allowed, max))
    axes.barh(rows.index, rows.over_plain, color=[_COLOURS.get(f, "tab:blue") for f in rows.form])
    own = rows.index[~rows.is_reference]
    axes.vlines(allowed[own], own - 0.4, own + 0.4, color="black", linewidth=2)
    for index, (end, value) in enumerate(zip(ends, rows.over_plain, strict=True)):
        axes.text(end, index, f"  {value:.2f}", va="center", fontsize="small")
    axes.margins(x=0.08)
    axes.set_yticks(rows.index, rows.network + ": " + rows.variant, fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("times as fast as 1x in plain PyTorch; line: what the arithmetic allows")
    axes.grid(alpha=0.3, axis="x")


def _draw_stages(stages: Sequence[_Timed], axes: Axes) -> None:
    """Stacked shares of a non-keyframe's time, a row a kind of frame of a variant."""
    titles = [f"{each.network}: {each.title}" for each in stages]
    shares = pd.DataFrame([each.times.stages_ms for each in stages]).fillna(0.0)
    shares = shares.div(shares.sum(axis=1), axis=0)
    left = pd.Series(0.0, shares.index)
    for name in sorted(shares.columns, key=lambda name: name != "network"):
        axes.barh(shares.index, shares[name], left=left, label=name)
        left = left + shares[name]
    axes.set_yticks(shares.index, titles, fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("share of a non-keyframe's time")
    axes.set_xlim(0, 1)
