"""A comparison as HTML: the pictures of a frame, when keyframes come, figures, classes.

Pictures are part of the text (``data:``): nothing of a result is written to a file or served as
one.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Any

from arseg_lightning.demo.comparison import Comparison, SegmentedFrame

__all__ = ["figures_table", "frame_view", "legend", "timeline"]

_HEADS = {
    "method": ("method", ""),
    "GMACs": ("GMACs", "1e9 multiply-accumulates per frame, on average"),
    "share": ("of 1x", "multiply-accumulates, as a share of every frame by itself"),
    "ms": ("ms", "milliseconds per frame here, in plain PyTorch, without decoding: mean"),
    "95 %": ("p95", "95 of 100 frames take at most so many ms"),
    "keyframes": ("keyframes", "share of the frames, in %"),
    "agrees (pixels)": ("agrees", "pixels with the label that 1x gives them, in %"),
}
"""Title and explanation of each column, by that of :func:`comparison_table`."""


def frame_view(made: Comparison, index: int) -> str:
    """The overlays of a frame side by side, and its motion.

    Args:
        made: The comparison.
        index: Of the frame, from 0; beyond the last it is the last.
    """
    index = max(0, min(index, len(made.motion) - 1))
    left, right = (side[index] for side in made.sides)
    request = made.request
    motion = _figure("motion", "motion to the keyframe", "", made.motion[index], "")
    return (
        f'<div class="frames">{_side("left", request.left, left)}'
        f"{_side('right', request.right, right)}{motion}</div>"
    )


def timeline(made: Comparison, index: int) -> str:
    """A strip with a mark at each keyframe, a row for each side, and the current frame."""
    width, number = 1000, max(len(made.motion), 1)
    step, rows = width / number, []
    for row, side in enumerate(made.sides):
        rows += [
            f'<rect class="key" x="{position * step:.1f}" y="{3 + 12 * row}" '
            f'width="{max(step * 0.6, 2):.1f}" height="8"><title>frame {position}: '
            f"{escape(each.reason or 'keyframe')}</title></rect>"
            for position, each in enumerate(side)
            if each.is_keyframe
        ]
    counts = [sum(each.is_keyframe for each in side) for side in made.sides]
    names = made.request.left, made.request.right
    said = ", ".join(
        f"{escape(name)}: {count or 'none'}" for name, count in zip(names, counts, strict=True)
    )
    return (
        f'<div class="timeline"><svg viewBox="0 0 {width} 26" preserveAspectRatio="none" '
        f'role="img" aria-label="keyframes: {said}">{"".join(rows)}<rect class="now" '
        f'x="{index * step:.1f}" y="0" width="{max(step, 3):.1f}" height="26"/></svg>'
        f"<small>frame {index} of {number}, {made.seconds[index]:.2f} s. Keyframes, left above "
        f"right: {said}</small></div>"
    )


def figures_table(made: Comparison) -> str:
    """The figures of the methods, every frame by itself first."""
    # pandas is slow to import: not before there is a table
    from arseg_lightning.report.comparison_table import comparison_table

    records = made.records
    table = comparison_table(records)
    full = float(records[0]["gmacs"])
    table["share"] = [f"{100 * record['gmacs'] / full:.0f} %" for record in records]
    heads = "".join(
        f'<th scope="col" title="{escape(about)}">{title}</th>' for title, about in _HEADS.values()
    )
    rows = "".join(_row(values) for values in table[list(_HEADS)].to_numpy().tolist())
    rule = "GMACs and ms are per frame; agrees: pixels with the label of 1x, in %"
    return (
        f'<div class="figures"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        f"<small>{rule}</small></div>"
    )


def legend(made: Comparison) -> str:
    """The colours and names of the classes that occur."""
    classes = made.classes
    entries = [
        f'<span><i style="background:rgb{classes.palette[each]}"></i>'
        f"{escape(classes.names[each])}</span>"
        for each in sorted(made.present)
        if each < classes.num_classes
    ]
    return f'<div class="legend">{"".join(entries)}</div>'


def _row(values: Sequence[Any]) -> str:
    name, *others = (escape(str(value)) for value in values)
    return f'<tr><th scope="row">{name}</th>{"".join(f"<td>{each}</td>" for each in others)}</tr>'


def _side(place: str, name: str, frame: SegmentedFrame) -> str:
    badge = f"keyframe: {frame.reason or 'yes'}" if frame.is_keyframe else frame.roles
    return _figure(place, name, f"{badge}, {frame.busy_ms:.0f} ms", frame.picture,
                   "key" if frame.is_keyframe else "")  # fmt: skip


def _figure(place: str, title: str, about: str, picture: bytes, kind: str) -> str:
    source = b64encode(picture).decode()
    title, about = escape(title), escape(about)
    return (
        f'<figure class="{place} {kind}"><figcaption><b>{title}</b> <span>{about}</span>'
        f'</figcaption><img alt="{place}: {title}, {about}" src="data:image/jpeg;base64,{source}">'
        f"</figure>"
    )
