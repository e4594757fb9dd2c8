"""Which frames may be keyframes, to which motion is composed."""

from __future__ import annotations

__all__ = ["MOST_WAITING", "may_be_keyframe"]

MOST_WAITING = 16
"""Frames by which a keyframe waits for one that is no B-frame: as many as H.264 has in a row."""


def may_be_keyframe(distance: int, most_frames: int, is_anchor: bool) -> bool:
    """Whether a frame, ``distance`` frames after the last one, may be a keyframe that is due.

    Motion to B-frames is poor: the next anchor (I- or P-frame) is taken instead, unless none comes,
    or every frame is to be one.
    """
    return is_anchor or most_frames == 1 or distance >= most_frames + MOST_WAITING
