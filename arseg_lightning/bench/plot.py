"""A benchmark's result as a picture."""

from __future__ import annotations

from pathlib import Path

from arseg_lightning.bench.result import BenchResult

__all__ = ["plot_bench"]


def plot_bench(result: BenchResult, path: Path) -> None:
    """Draw speed-ups against what the arithmetic allows, and where a non-keyframe's time goes.

    Args:
        result: The benchmark.
        path: The picture to write.
    """
    from matplotlib.figure import Figure

    rows = sum(len(case.variants) for case in result.cases)
    figure = Figure(figsize=(12, 1.8 + 0.38 * rows), layout="constrained")
    speed, stages = figure.subplots(1, 2, sharey=False)
    _draw_speed(result, speed)
    _draw_stages(result, stages)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)


def _draw_speed(result: BenchResult, axes) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Bars of speed-up over plain 1.0x; a tick where the arithmetic would be reached."""
    names, place = [], 0
    for case in result.cases:
        for variant in case.variants:
            value = case.speedup_over_plain(variant)
            colour = "0.6" if variant.kind == "plain" else "tab:blue"
            colour = "tab:orange" if variant.backend == "onnxruntime" else colour
            axes.barh(place, value, color=colour)
            bound = case.speedup_over_plain(case.full(variant)) * case.bound(variant)
            axes.plot([bound, bound], [place - 0.4, place + 0.4], color="black", linewidth=1.5)
            axes.text(value, place, f" {value:.2f}", va="center", fontsize="small")
            names.append(f"{case.network} {case.size[0]}x{case.size[1]}: {variant.name}")
            place += 1
    axes.set_yticks(range(place), names, fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("times as fast as 1x in plain PyTorch (line: what the arithmetic allows)")
    axes.grid(alpha=0.3, axis="x")


def _draw_stages(result: BenchResult, axes) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Stacked shares of a non-keyframe's time, a row a variant."""
    shown = [
        (f"{case.network} {case.size[0]}x{case.size[1]}: {variant.name}", variant)
        for case in result.cases
        for variant in case.variants
        if variant.resolution_ratio != 1 and variant.nonkeyframe_stages_ms
    ]
    names = list(dict.fromkeys(name for _, v in shown for name in v.nonkeyframe_stages_ms))
    names.sort(key=lambda name: name != "network")
    for i, name in enumerate(names):
        left, widths = [], []
        for _, variant in shown:
            times = variant.nonkeyframe_stages_ms
            total = sum(times.values())
            left.append(sum(times.get(before, 0.0) for before in names[:i]) / total)
            widths.append(times.get(name, 0.0) / total)
        axes.barh(range(len(shown)), widths, left=left, label=name)
    axes.set_yticks(range(len(shown)), [name for name, _ in shown], fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("share of a non-keyframe's time")
    axes.set_xlim(0, 1)
    axes.legend(fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
