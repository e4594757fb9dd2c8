"""The quality of a stream's motion as a table and as pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.types import Motion
from arseg_lightning.video.quality import MotionQuality

__all__ = ["draw_motion", "motion_colours", "plot_quality", "quality_table"]

_FILLED_BRIGHTNESS = 0.6
_WHEEL_PIXELS = 101


def quality_table(quality: MotionQuality) -> str:
    """One line a distance, and the mean."""
    lines = ["distance  frames  carried  copied  filled in"]
    lines += [
        f"{entry.distance:8d}  {entry.num_frames:6d}  {100 * entry.miou_carried:7.1f}  "
        f"{100 * entry.miou_copied:6.1f}  {100 * entry.filled_share:7.1f} %"
        for entry in quality.distances
    ]
    lines.append(
        f"    mean          {100 * quality.mean_carried:7.1f}  {100 * quality.mean_copied:6.1f}"
    )
    return "\n".join(lines)


def plot_quality(quality: MotionQuality, path: Path, title: str) -> None:
    """Draw the mIoU of carried and of copied labels over the distance to the keyframe."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    distances = [entry.distance for entry in quality.distances]
    lines = {
        f"carried by motion: {100 * quality.mean_carried:.1f} %": "miou_carried",
        f"copied: {100 * quality.mean_copied:.1f} %": "miou_copied",
    }
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for (label, name), marker in zip(lines.items(), "os", strict=True):
        values = [100 * getattr(entry, name) for entry in quality.distances]
        axes.plot(distances, values, marker=marker, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("distance to the keyframe (frames)")
    axes.set_ylabel("mIoU (%)")
    axes.grid(alpha=0.3)
    axes.legend()
    axes.set_title(title)
    figure.savefig(path, dpi=150)


def draw_motion(image: NDArray[np.uint8], motion: Motion, path: Path, title: str) -> None:
    """Draw a field over its frame, with a colour wheel that says what the colours mean.

    Args:
        image: The frame, (H, W, 3).
        motion: Its motion, of the same size.
        path: The picture to write.
        title: Stands above it.
    """
    from matplotlib.figure import Figure

    longest = max(1.0, float(np.percentile(np.hypot(*motion.xy), 99)))
    blend = image // 2 + motion_colours(motion, longest) // 2
    height, width = motion.size
    figure = Figure(figsize=(8, 8 * height / width + 0.5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(blend)
    axes.set_axis_off()
    axes.set_title(title, fontsize="medium")
    inset = axes.inset_axes((0.01, 0.01, 0.16, 0.16 * width / height))
    inset.imshow(_wheel(longest), interpolation="nearest")
    inset.set_axis_off()
    inset.set_title(f"radius {longest:.0f} px", fontsize="small", color="white", pad=2)
    figure.savefig(path, dpi=150)


def motion_colours(motion: Motion, longest: float) -> NDArray[np.uint8]:
    """Show direction as hue and length as saturation; what was filled in is darker.

    Args:
        motion: The field.
        longest: Length in pixels of full saturation.

    Shapes:
        returns: (H, W, 3)
    """
    from matplotlib.colors import hsv_to_rgb

    x, y = motion.xy
    hue = np.arctan2(y, x) / (2 * np.pi) % 1
    saturation = np.minimum(np.hypot(x, y) / longest, 1)
    value = np.where(motion.valid, 1, _FILLED_BRIGHTNESS)
    colours = hsv_to_rgb(np.stack([hue, saturation, value], axis=-1))
    return np.asarray(np.rint(255 * colours), np.uint8)


def _wheel(longest: float) -> NDArray[np.uint8]:
    """The colours of all vectors up to a length, (S, S, 4), transparent outside the disc."""
    side = np.linspace(-longest, longest, _WHEEL_PIXELS, dtype=np.float32)
    xy = np.stack(np.meshgrid(side, side))
    colours = motion_colours(Motion(xy, np.ones(xy.shape[1:], np.bool_)), longest)
    opacity = np.where(np.hypot(*xy) <= longest, 255, 0).astype(np.uint8)
    return np.concatenate([colours, opacity[..., None]], axis=-1)
