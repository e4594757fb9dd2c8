"""A test result as a picture."""

from __future__ import annotations

from pathlib import Path

import matplotlib

from arseg_lightning.report.result import RunResult

__all__ = ["plot_distances"]


def plot_distances(result: RunResult, path: Path) -> None:
    """Draw mIoU over the distance to the keyframe, a line a system."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 5), constrained_layout=True)
    for system, marker in zip(result.systems, "os^Dv*" * len(result.systems), strict=False):
        values = [100 * value for value in system.accuracy.miou_at_distance]
        mean = 100 * system.accuracy.miou_mean
        label = f"{system.name}: {mean:.1f} % at {system.mean_gmacs:.3g} GMACs/frame"
        axes.plot(range(len(values)), values, marker=marker, label=label)
    axes.set_xlabel("distance to the keyframe (frames)")
    axes.set_ylabel("mIoU (%)")
    axes.set_xticks(range(result.keyframe_interval))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center")
    axes.set_title(
        f"{result.data}, {result.size[1]}x{result.size[0]}, L = {result.keyframe_interval}"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
