"""What a live source gives: a picture and its motion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from arseg_lightning.types import Frame, Motion
from arseg_lightning.video.motion import BlockMotion

__all__ = ["LiveMotion", "StreamedFrame"]

LiveMotion = Literal["codec", "reencode", "auto"]
"""Where motion comes from: the stream's own vectors or a refusal; those of an encoding made on
the fly; the stream's own where they lead to what looks alike and an encoding where not."""


@dataclass(frozen=True, slots=True)
class StreamedFrame:
    """A frame of a live source.

    Args:
        frame: The picture, its index and its time in the input; never with raw vectors. Where
            frames are encoded on the fly, ``picture_type`` is that of the encoding.
        step: Motion to the frames that it was predicted from, with that of later frames and of
            dropped ones that these refer to; None where there is none to be had, which is at every
            restart and at I-frames.
        restart: Why nothing before this frame may be referred to (``start``, ``reconnected after
            ...``, ``size changed from ...``); None if it may.
        to_keyframe: Motion to the last keyframe, where someone else has composed it already.
    """

    frame: Frame
    step: BlockMotion | None
    restart: str | None = None
    to_keyframe: Motion | None = None

    def __post_init__(self) -> None:
        """Refuse motion across a restart."""
        if self.restart is not None and self.step is not None:
            raise ValueError(f"frame {self.frame.index} restarts ({self.restart}); leave out step")
