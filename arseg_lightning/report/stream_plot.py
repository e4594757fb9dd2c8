"""What a stream's frames were given to do, and why, over time: a plot of ``frames.csv``."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from arseg_lightning.files import replacing
from arseg_lightning.methods.stream_frame import kind_of_reason

__all__ = ["plot_frames"]

_MOST_BINS = 1500
"""Of a longer stream, neighbouring frames share a place: the plot does not grow."""

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
"""Of Okabe and Ito, which the colour-blind tell apart."""

_WIDE_RANGE = 20.0
"""Times from which the latency's axis is logarithmic: from the median to the longest."""


class _Line(NamedTuple):
    """A line of the table."""

    seconds: float
    roles: str
    reason: str | None
    latency_ms: float


@dataclass
class _Stream:
    """A stream's frames in bins; without times that grow, over the number of the frame."""

    num_frames: int
    times: NDArray[np.float64]  # (N + 1,), where each bin begins, and the last one's end
    is_timed: bool
    roles: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # (N,), frames by role
    reasons: dict[str, set[int]] = field(default_factory=dict)  # bins by reason
    median_ms: list[float] = field(default_factory=list)
    longest_ms: list[float] = field(default_factory=list)


def plot_frames(table: Path, path: Path) -> Path | None:
    """Draw the roles of a stream's frames, the reasons of its keyframes, and latencies.

    Args:
        table: ``frames.csv``, which ``predict --outputs frames`` writes.
        path: The image to write.

    Returns:
        The image; None if the table has no frames.

    Raises:
        ValueError: If the table is another.
    """
    stream = _read(table)
    if stream is None:
        return None
    rows = max(len(stream.reasons), 1)
    figure = Figure(figsize=(11, 3.6 + 0.28 * rows), layout="constrained")
    heights = {"height_ratios": [0.7, 0.15 + 0.28 * rows, 2.2]}
    roles, reasons, latency = figure.subplots(3, 1, sharex=True, gridspec_kw=heights)
    _draw_roles(roles, stream)
    _draw_reasons(reasons, stream)
    _draw_latency(latency, stream)
    each = -(-stream.num_frames // (len(stream.times) - 1))
    title = f"{stream.num_frames} frames" + (f", {each} in each place" if each > 1 else "")
    figure.suptitle(title, x=0.01, ha="left", fontsize="medium")
    latency.set_xlabel("seconds" if stream.is_timed else "frame")
    latency.set_xlim(stream.times[0], stream.times[-1])
    with replacing(path, durable=False) as partial:
        figure.savefig(partial, dpi=130, format="png")
    return path


def _lines(table: Path) -> list[_Line]:
    try:
        with table.open(encoding="utf-8", newline="") as file:
            return [
                _Line(float(e["seconds"]), e["roles"], e["reason"] or None, float(e["latency_ms"]))
                for e in csv.DictReader(file)
            ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{table} is no table of frames ({error!r}); `predict --outputs frames` writes one"
        ) from error


def _read(table: Path) -> _Stream | None:
    """Read the table into bins of as many frames each."""
    lines = _lines(table)
    if not lines:
        return None
    size = -(-len(lines) // _MOST_BINS)
    bins = [lines[i : i + size] for i in range(0, len(lines), size)]
    seconds = np.array([line.seconds for line in lines])
    is_timed = bool((np.diff(seconds) > 0).all())
    usual = float(np.median(np.diff(seconds))) if is_timed and len(lines) > 1 else 1.0
    starts = seconds[::size] if is_timed else np.arange(0.0, len(lines), size)
    last = seconds[-1] + usual if is_timed else len(lines)
    stream = _Stream(len(lines), np.append(starts, last), is_timed)
    for place, part in enumerate(bins):
        for line in part:
            counts = stream.roles.setdefault(line.roles, np.zeros(len(bins)))
            counts[place] += 1 / len(part)
            if line.reason:
                stream.reasons.setdefault(kind_of_reason(line.reason), set()).add(place)
        latencies = [line.latency_ms for line in part]
        stream.median_ms.append(float(np.median(latencies)))
        stream.longest_ms.append(max(latencies))
    return stream


def _draw_roles(axes: Axes, stream: _Stream) -> None:
    """A strip: the share of each place's frames that had each role."""
    below = np.zeros(len(stream.times) - 1)
    for colour, (name, shares) in zip(_cycle(len(stream.roles)), stream.roles.items(), strict=True):
        above = below + shares
        label = f"{name} {100 * shares.mean():.0f} %"
        axes.stairs(above, stream.times, baseline=below, fill=True, color=colour, label=label)
        below = above
    axes.set(ylim=(0, 1), yticks=[], ylabel="roles")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=6, fontsize="small", frameon=False)


def _draw_reasons(axes: Axes, stream: _Stream) -> None:
    """A row for each reason, with a stroke wherever it held."""
    middles = (stream.times[:-1] + stream.times[1:]) / 2
    names = sorted(stream.reasons, key=lambda name: len(stream.reasons[name]))
    colours = _cycle(len(stream.reasons))
    of_name = dict(zip(stream.reasons, colours, strict=True))
    for row, name in enumerate(names):
        at = middles[sorted(stream.reasons[name])]
        axes.eventplot(at, lineoffsets=row, linelengths=0.7, linewidths=2, colors=of_name[name])
    labels = names or ["none given"]
    axes.set_yticks(range(len(labels)), labels, fontsize="small")
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.set_ylabel("reasons")


def _draw_latency(axes: Axes, stream: _Stream) -> None:
    """The median of each place, and what its slowest frame took."""
    median = float(np.median(stream.median_ms))
    if len(stream.times) <= stream.num_frames:
        axes.stairs(stream.longest_ms, stream.times, fill=True, color="0.8", label="slowest")
    axes.stairs(stream.median_ms, stream.times, color=_COLOURS[0], label="latency")
    axes.axhline(median, color="0.3", linestyle="--", linewidth=1, label=f"median {median:.1f} ms")
    if max(stream.longest_ms) > _WIDE_RANGE * max(median, 1e-3):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.grid(axis="y", alpha=0.3)
    axes.set_ylabel("latency (ms)")
    axes.legend(loc="upper right", ncols=3, fontsize="small")


def _cycle(number: int) -> Sequence[str]:
    return [_COLOURS[i % len(_COLOURS)] for i in range(number)]
