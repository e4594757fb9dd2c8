"""The quality of a stream's motion as a table and as plots."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.report.frame_images import motion_colours
from arseg_lightning.types import Motion
from arseg_lightning.video.quality import MotionQuality

__all__ = ["draw_motion", "plot_quality", "quality_table"]

_WHEEL_PIXELS = 101


def quality_table(quality: MotionQuality) -> str:
    """One line a distance, and the mean."""
    lines = ["distance  frames   warped  copied  filled in"]
    lines += [
        f"{entry.distance:8d}  {entry.num_frames:6d}  {100 * entry.miou_warped:7.1f}  "
        f"{100 * entry.miou_copied:6.1f}  {100 * entry.filled_share:7.1f} %"
        for entry in quality.distances
    ]
    lines.append(
        f"    mean          {100 * quality.mean_warped:7.1f}  {100 * quality.mean_copied:6.1f}"
    )
    return "\n".join(lines)


def plot_quality(quality: MotionQuality, path: Path, title: str) -> None:
    """Draw the mIoU of warped and of copied labels over the distance to the keyframe."""
    # pandas and matplotlib: only those who draw wait for them
    import pandas as pd

    from arseg_lightning.report.plots import plot_distances

    rows = pd.DataFrame(
        {f"at {each.distance}": [each.miou_warped, each.miou_copied] for each in quality.distances}
    )
    rows["miou"] = [quality.mean_warped, quality.mean_copied]
    names = ("warped by motion", "copied")
    rows["label"] = [f"{n}: {100 * m:.1f} %" for n, m in zip(names, rows.miou, strict=True)]
    plot_distances(rows, path, title)


def draw_motion(image: NDArray[np.uint8], motion: Motion, path: Path, title: str) -> None:
    """Draw a field over its frame of (H, W, 3), with a wheel that explains its colours."""
    from matplotlib.figure import Figure

    # A few wrong vectors are long: they shall not make all others pale.
    longest = max(1.0, float(np.percentile(np.hypot(*motion.xy), 99)))
    blend = image // 2 + motion_colours(motion, longest) // 2
    height, width = motion.size
    figure = Figure(figsize=(8, 8 * height / width + 0.5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(blend)
    axes.set_axis_off()
    axes.set_title(title, fontsize="medium")
    # The wheel shows all vectors up to the longest; it is transparent outside the disc.
    side = np.linspace(-longest, longest, _WHEEL_PIXELS, dtype=np.float32)
    xy = np.stack(np.meshgrid(side, side))  # (2, S, S)
    colours = motion_colours(Motion(xy, np.ones(xy.shape[1:], np.bool_)), longest)
    opacity = np.where(np.hypot(*xy) <= longest, 255, 0).astype(np.uint8)
    wheel = np.concatenate([colours, opacity[..., None]], axis=-1)  # (S, S, 4)
    inset = axes.inset_axes((0.01, 0.01, 0.16, 0.16 * width / height))
    inset.imshow(wheel, interpolation="nearest")
    inset.set_axis_off()
    inset.set_title(f"radius {longest:.0f} px", fontsize="small", color="white", pad=2)
    figure.savefig(path, dpi=150)
