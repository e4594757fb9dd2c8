"""Leaves a frame out of a stream so that motion still leads from the next to the one before."""

from __future__ import annotations

from dataclasses import replace

from arseg_lightning.video.live.frame import StreamedFrame

__all__ = ["skip"]

_MOST = 64
"""Frames dropped in a row, of which motion is kept: about two seconds."""


def skip(dropped: StreamedFrame, following: StreamedFrame) -> StreamedFrame:
    """The following frame, with the motion of the dropped one, which it may refer to.

    Args:
        dropped: A frame that the caller never sees.
        following: The next one.
    """
    restart = following.restart or dropped.restart
    if restart or following.step is None or dropped.step is None:
        return replace(following, step=None, restart=restart)
    earlier = (*dropped.step.earlier, replace(dropped.step, earlier=()), *following.step.earlier)
    if len(earlier) > _MOST:
        restart = f"more than {_MOST} frames were dropped"
        return replace(following, step=None, restart=restart)
    return replace(following, step=replace(following.step, earlier=earlier))
