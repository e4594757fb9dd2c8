"""A benchmark's result as a plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from arseg_lightning.report.bench_result import BenchResult, CaseResult, RoleResult, VariantResult
from arseg_lightning.report.bench_table import case_title, stage_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_bench"]

_COLOURS = {"plain": "0.65", "onnxruntime": "tab:orange"}
_INCH_PER_ROW = 0.33


def plot_bench(result: BenchResult, path: Path) -> None:
    """Draw speed-ups against what the arithmetic allows, and where a non-keyframe's time goes.

    Args:
        result: The benchmark.
        path: The image to write.
    """
    from matplotlib.figure import Figure

    rows = result.variants()
    parts = [(f"{case_title(case)}: {title}", role) for case, title, role in stage_rows(result)]
    height = 2.6 + _INCH_PER_ROW * (len(rows) + len(parts))
    figure = Figure(figsize=(10, height), layout="constrained")
    speed, stages = figure.subplots(2, 1, height_ratios=[len(rows), max(len(parts), 1)])
    _draw_speed(rows, speed)
    _draw_stages(parts, stages)
    figure.legend(loc="outside lower center", ncols=4, fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _draw_speed(rows: list[tuple[CaseResult, VariantResult]], axes: Axes) -> None:
    """Bars of speed-up over plain 1.0x; a tick where a method would reach its arithmetic."""
    for place, (case, variant) in enumerate(rows):
        value = case.speedup_over_plain(variant)
        axes.barh(place, value, color=_COLOURS.get(variant.group, "tab:blue"))
        end = value
        if case.reference(variant) is not variant:
            bound = case.speedup_over_plain(case.reference(variant)) * case.bound(variant)
            axes.plot([bound, bound], [place - 0.4, place + 0.4], color="black", linewidth=2)
            end = max(value, bound)
        axes.text(end, place, f"  {value:.2f}", va="center", fontsize="small")
    axes.margins(x=0.08)
    _name_rows([f"{case_title(case)}: {variant.name}" for case, variant in rows], axes)
    axes.set_xlabel("times as fast as 1x in plain PyTorch; line: what the arithmetic allows")
    axes.grid(alpha=0.3, axis="x")


def _draw_stages(rows: list[tuple[str, RoleResult]], axes: Axes) -> None:
    """Stacked shares of a non-keyframe's time, a row a role of a variant."""
    names = list(dict.fromkeys(name for _, role in rows for name in role.stages_ms))
    names.sort(key=lambda name: name != "network")
    left = [0.0] * len(rows)
    for name in names:
        widths = [role.stages_ms.get(name, 0.0) / sum(role.stages_ms.values()) for _, role in rows]
        axes.barh(range(len(rows)), widths, left=left, label=name)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    _name_rows([title for title, _ in rows], axes)
    axes.set_xlabel("share of a non-keyframe's time")
    axes.set_xlim(0, 1)


def _name_rows(names: list[str], axes: Axes) -> None:
    """Name rows from the top down."""
    axes.set_yticks(range(len(names)), names, fontsize="small")
    axes.invert_yaxis()
