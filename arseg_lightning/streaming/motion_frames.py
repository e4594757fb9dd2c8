"""The motion of a stream's frames, to the frame before or to the keyframe, for pictures of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from arseg_lightning.drawing import ShownMotion, block_kinds
from arseg_lightning.methods import EveryL
from arseg_lightning.methods.clock import FrameInfo
from arseg_lightning.methods.motion_track import MotionTrack
from arseg_lightning.streaming.consistency import MotionToPrevious
from arseg_lightning.types import Motion
from arseg_lightning.video.live.frame import SourceFrame

__all__ = ["motion_frames"]


def motion_frames(
    frames: Iterable[SourceFrame], keyframe_interval: int | None = None
) -> Iterator[ShownMotion]:
    """Follow the motion of a stream, as methods do.

    Args:
        frames: All frames of a stream, in their order.
        keyframe_interval: Frames from one keyframe to the next, to which motion is composed; each
            I-frame is one, too. None leads motion to the frame before, and keyframes are the
            codec's I-frames.

    Raises:
        ValueError: If the interval is below 1.
    """
    if keyframe_interval is None:
        return map(_ToPrevious().of, frames)
    return map(_ToKeyframe(EveryL(keyframe_interval)).of, frames)


class _ToPrevious:
    """Motion to the frame before."""

    def __init__(self) -> None:
        self._motion = MotionToPrevious("subpixel")
        self._before = 0

    def of(self, streamed: SourceFrame) -> ShownMotion:
        """The next frame with its motion; all of an I-frame has no vector."""
        frame, motion = streamed.frame, self._motion.of(streamed)
        leads_to, self._before = f"frame {self._before}, the one before", frame.index
        reason = streamed.restart or ("I-frame" if frame.picture_type == "I" else None)
        if motion is None or streamed.step is None:
            motion, leads_to = Motion.nowhere(*frame.size), "no frame: nothing predicts this one"
        return ShownMotion(frame, motion, block_kinds(streamed.step, motion), leads_to, reason)


class _ToKeyframe:
    """Motion composed to the last keyframe."""

    def __init__(self, clock: EveryL) -> None:
        self._clock = clock
        self._track: MotionTrack | None = None
        self._keyframe = self._distance = 0

    def of(self, streamed: SourceFrame) -> ShownMotion:
        """The next frame with its motion; keyframes rest."""
        frame, reason = streamed.frame, streamed.restart
        if self._track is None or reason is not None:
            self._track = MotionTrack(streamed, None, True, "subpixel")
            reason = reason or "start"
        else:
            self._track.take(streamed)
            reason = self._reason(streamed)
        if reason is not None:
            self._track.restart()
            self._keyframe, self._distance = frame.index, 0
            motion, leads_to = Motion.zero(*frame.size), "itself, a keyframe"
        else:
            motion = self._track.to_keyframe()
            leads_to = f"keyframe {self._keyframe}, {self._distance} frames before"
        return ShownMotion(frame, motion, block_kinds(None, motion), leads_to, reason)

    def _reason(self, streamed: SourceFrame) -> str | None:
        """Why the next frame is a keyframe."""
        self._distance += 1
        frame, step = streamed.frame, streamed.step
        is_anchor = step is None or step.kind == "anchor"
        info = FrameInfo(
            *(frame.index, self._distance, None, frame.size),
            is_intra=frame.picture_type == "I",
            is_anchor=is_anchor,
        )
        return self._clock.choose(info)
