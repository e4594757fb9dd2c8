"""Composes the motion of frames, along what they were predicted from, to that to a keyframe."""

from __future__ import annotations

from typing import Any, Literal

from arseg_lightning.types import BLOCK_SIZE, Motion
from arseg_lightning.video.composition import Composition, relative_motion
from arseg_lightning.video.motion import BlockMotion

__all__ = ["KEPT_REFERENCES", "Chaining", "MotionChain"]

Chaining = Literal["subpixel", "integer", "none"]

KEPT_REFERENCES = 6
"""Frames that others may still refer to, the last ones decoded."""


class MotionChain:
    """Follows a stream from a keyframe on, one step a frame.

    ``to_key_t(p) = to_reference_t(p) + to_key_reference(p + to_reference_t(p))``, and the other
    displacement is looked up at the nearest pixel. Every step is held inside the frame. What
    leads past the keyframe is filled in.

    The keyframe may be any frame. To one that frames shown later were decoded before (a B-frame),
    motion is that to the frame before it that is none, less the keyframe's own.

    Args:
        size: Height and width of the frames.
        chaining: ``subpixel`` adds up exact quarter pixels; ``integer`` rounds each step to whole
            pixels (halves to even) and lets intra-coded blocks rest, as the paper's code does;
            ``none`` is zero motion to whatever keyframe.
        start: Index of the first frame, which is the first keyframe.

    Source: Hu et al., CVPR 2023, section 3.1, and the authors' preprocessing (``integer``).
    Differs: ``subpixel`` keeps what the codec's vectors know beyond whole pixels; streams with
    several references and B-frames.
    """

    def __init__(
        self, size: tuple[int, int], chaining: Chaining = "subpixel", start: int = 0
    ) -> None:
        self.size = size
        self.chaining: Chaining = chaining
        self._composition = Composition(size, rounds=chaining == "integer")
        self.reset(start)

    def reset(self, start: int = 0) -> None:
        """Forget all frames; the keyframe is the first of others."""
        self._steps: dict[int, BlockMotion] = {}
        self._anchors = [start]
        self._last = start
        self.restart(start)

    def restart(self, keyframe: int | None = None, following: BlockMotion | None = None) -> None:
        """Make a frame the keyframe: the last one pushed, if none is given.

        Where steps say which frame they belong to, that of the keyframe is pushed too.

        Args:
            keyframe: The frame.
            following: Motion of the one frame that will be asked for; where it leads past the
                keyframe, it is followed from there to the keyframe.
        """
        self._keyframe = self._last if keyframe is None else keyframe
        earliest = self._keyframe
        if following is not None and following.frame is not None:
            earliest = min(earliest, *(following.frame + each for each in following.leads_to))
        anchors = sorted(frame for frame in self._anchors if frame <= self._keyframe)
        before = [frame for frame in anchors if frame <= earliest] or anchors[:1]
        self._anchor = before[-1] if before else self._keyframe
        self._fields: dict[int, Any] = {self._anchor: None}  # made when they are needed
        self._open: set[int] = set()
        self._offset: Motion | None = None
        if self._anchor != self._keyframe and self.chaining != "none":
            self._offset = self._to_anchor(self._keyframe)

    def push(self, step: BlockMotion) -> None:
        """Add a frame, and those that came before it and are not there yet.

        Raises:
            ValueError: If it does not fit the size of the frames.
        """
        grid = tuple(-(-side // BLOCK_SIZE) for side in self.size)
        if step.intra.shape != grid:
            raise ValueError(
                f"block motion of {step.intra.shape} cells does not fit frames of "
                f"{self.size}, which have {grid}; make a chain for each size"
            )
        for earlier in step.earlier:
            self.push(earlier)
        frame = self._last + 1 if step.frame is None else step.frame
        self._last = frame
        if frame in self._steps or self.chaining == "none":
            return
        self._forget()
        self._steps[frame] = step
        if step.kind == "anchor":
            self._anchors = [*self._anchors[-KEPT_REFERENCES:], frame]

    def motion(self, frame: int | None = None) -> Motion:
        """The motion of a frame to the keyframe: of the last one pushed, if none is given."""
        frame = self._last if frame is None else frame
        if frame == self._keyframe or self.chaining == "none":
            return Motion.zero(*self.size)
        motion = self._to_anchor(frame)
        return motion if self._offset is None else relative_motion(motion, self._offset)

    def _to_anchor(self, frame: int) -> Motion:
        """The motion of a frame to the one that fields lead to; nowhere valid if none is known."""
        if not self.knows(frame):
            return Motion.nowhere(*self.size)
        if frame not in self._fields:
            self._compose(frame)
        return self._composition.motion(self._fields[frame])

    def knows(self, frame: int) -> bool:
        """Whether a frame was decoded after the keyframe, and is not forgotten."""
        return frame == self._anchor or (frame > self._anchor and frame in self._steps)

    def _compose(self, frame: int) -> None:
        """Make the field of a frame, and before it those of the frames that it leads to."""
        step = self._steps[frame]
        self._open.add(frame)  # damage may make frames lead to one another
        places = {each: frame + each for each in step.leads_to}
        known = [e for e, to in places.items() if self.knows(to) and to not in self._open]
        lost = [each for each in places if each not in known]
        for each in known:
            if places[each] not in self._fields:
                self._compose(places[each])
        self._open.discard(frame)
        before = {each: self._fields[places[each]] for each in known}
        self._fields[frame] = self._composition.compose(step.without(lost), before)

    def _forget(self) -> None:
        """Make room for a frame: nothing refers any more to the oldest, or to disposable ones."""
        kept = [frame for frame, step in self._steps.items() if step.kind != "disposable"]
        for gone in [frame for frame in self._steps if frame not in kept[-KEPT_REFERENCES:]]:
            if gone in kept and self.knows(gone):
                # the last moment to make the fields that are made of this frame's
                for frame, step in self._steps.items():
                    waits = self.knows(frame) and frame not in self._fields
                    if waits and gone - frame in step.leads_to:
                        self._compose(frame)
            del self._steps[gone]
            if gone != self._anchor:
                self._fields.pop(gone, None)
