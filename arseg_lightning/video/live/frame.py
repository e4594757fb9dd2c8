"""The frames that a live source gives, with their motion and where that came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from arseg_lightning.types import Frame
from arseg_lightning.video.motion import BlockMotion

__all__ = ["LiveMotion", "SourceFrame", "skip"]

LiveMotion = Literal["codec", "reencode", "auto"]
"""Where motion comes from: the stream's own vectors or a refusal; those of an encoding made on
the fly; the stream's own, but an encoding from where they do not lead to what looks alike."""

_MOST_DROPPED = 64
"""Frames dropped in a row, of which motion is kept: about two seconds."""


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """A frame of a live source.

    Args:
        frame: The image, its index and its time in the input. Where frames are encoded on the
            fly, ``picture_type`` is that of the encoding.
        step: Motion to the frames that it was predicted from, with that of later frames and of
            dropped ones that these refer to; None where there is none to be had, which is at every
            restart and at I-frames.
        restart: Why nothing before this frame may be referred to (``start``, ``reconnected after
            ...``, ``size changed from ...``); None if it may.
    """

    frame: Frame
    step: BlockMotion | None
    restart: str | None = None

    def __post_init__(self) -> None:
        """Refuse motion across a restart."""
        if self.restart is not None and self.step is not None:
            raise ValueError(f"frame {self.frame.index} restarts ({self.restart}); leave out step")


def skip(dropped: SourceFrame, following: SourceFrame) -> SourceFrame:
    """The following frame, with the motion of a dropped one before it, which it may refer to."""
    restart = following.restart or dropped.restart
    if restart or following.step is None or dropped.step is None:
        return replace(following, step=None, restart=restart)
    earlier = (*dropped.step.earlier, replace(dropped.step, earlier=()), *following.step.earlier)
    if len(earlier) > _MOST_DROPPED:
        restart = f"more than {_MOST_DROPPED} frames were dropped"
        return replace(following, step=None, restart=restart)
    return replace(following, step=replace(following.step, earlier=earlier))
