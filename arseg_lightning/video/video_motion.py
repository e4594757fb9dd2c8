"""The motion of one video, read from its file and composed as it is asked for."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from arseg_lightning.types import Motion
from arseg_lightning.video.chain import Chaining, MotionChain
from arseg_lightning.video.motion import BlockMotion, Evidence
from arseg_lightning.video.motion_file import MotionIndex, read_index, read_motion

__all__ = ["VideoMotion"]


class VideoMotion:
    """The motion of one video, read from its file and chained as it is asked for."""

    def __init__(self, path: Path, chaining: Chaining = "subpixel") -> None:
        self.path = path
        self.chaining: Chaining = chaining
        self.index: MotionIndex = read_index(path)
        self.size = self.index.size
        """Height and width of the frames."""
        self.picture_types = self.index.picture_types
        """One letter a frame."""
        self.num_frames = len(self.picture_types)
        self.fps = self.index.fps
        self._records = np.argsort(self.index.shown, kind="stable")  # of each frame
        self._chain: MotionChain | None = None  # made when it is needed: it holds whole fields
        self._chained: tuple[int, int] | None = None  # keyframe and last record of the chain

    @property
    def evidence(self) -> Evidence:
        """Whether the video's vectors lead to what looks alike."""
        return Evidence(*self.index.evidence)

    @property
    def intra_frames(self) -> tuple[int, ...]:
        """Indices of the I-frames, across which no motion leads."""
        return tuple(i for i, kind in enumerate(self.picture_types) if kind == "I")

    @cached_property
    def anchors(self) -> frozenset[int]:
        """Indices of the frames before which nothing was decoded that is shown later."""
        kinds = np.frombuffer(self.index.kinds.encode(), "S1")
        return frozenset(self.index.shown[kinds == b"a"].tolist())

    def block_motion(self, frame: int) -> BlockMotion:
        """The motion of a frame to those that it was predicted from."""
        return self.block_motions(frame, frame + 1)[0]

    def block_motions(self, start: int, stop: int) -> list[BlockMotion]:
        """The motion of consecutive frames, with that of the later ones that they refer to."""
        self._require(start)
        self._require(stop - 1)
        records, shown = self._records[start:stop], self.index.shown
        end = int(records.max()) + 1
        begin = int(np.argmax(shown[:end] >= start))
        steps = read_motion(self.path, self.index, begin, end)
        frames = shown[begin:end]
        found = []
        for frame, record in zip(range(start, stop), records.tolist(), strict=True):
            later = np.flatnonzero(frames[: record - begin] > frame)
            earlier = tuple(steps[each] for each in later)
            found.append(replace(steps[record - begin], earlier=earlier))
        return found

    def motion(self, frame: int, keyframe: int) -> Motion:
        """Compose the motion of a frame to a keyframe before it.

        Asking for the frames of a keyframe in order costs one step each.

        Raises:
            ValueError: If the keyframe lies behind the frame, or an I-frame between them.
        """
        if frame < keyframe:
            raise ValueError(f"keyframe {keyframe} is behind frame {frame}; motion leads backwards")
        self._require(keyframe)
        self._require(frame)
        barrier = self.picture_types.rfind("I", keyframe + 1, frame + 1)
        if barrier >= 0:
            raise ValueError(
                f"no motion leads from frame {frame} to keyframe {keyframe}: frame {barrier} is an "
                f"I-frame; make it the keyframe, or encode the video as one long GOP"
            )
        chain = self._chain = self._chain or MotionChain(self.size, self.chaining)
        known, record = self._chained or (-1, -1), int(self._records[frame])
        if known[0] != keyframe or (record <= known[1] and not chain.knows(frame)):
            known = keyframe, self._restart(chain, keyframe, keyframe)
        self._chained = keyframe, self._push(chain, known[1], record)
        return chain.motion(frame)

    def motion_to(self, frame: int, earlier: int) -> Motion:
        """The motion of a frame to the one given before it.

        Where its vectors lead past that, they are followed from there to it.

        Raises:
            ValueError: If the other is not before the frame.
        """
        step = self.block_motion(frame)
        earliest = min(earlier, *(frame + each for each in step.leads_to))
        if (
            earliest == earlier
            or frame == earlier
            or "I" in self.picture_types[earlier + 1 : frame + 1]
        ):
            return self.motion(frame, earlier)
        chain = self._chain = self._chain or MotionChain(self.size, self.chaining)
        last = self._restart(chain, earlier, max(earliest, 0), step)
        self._push(chain, last, int(self._records[frame]))
        self._chained = None
        return chain.motion(frame)

    def _restart(
        self, chain: MotionChain, keyframe: int, earliest: int, step: BlockMotion | None = None
    ) -> int:
        """Begin a chain at the last anchor up to a frame; gives the last record pushed."""
        kinds = self.index.kinds
        anchor = next((i for i in range(earliest, 0, -1) if kinds[self._records[i]] == "a"), 0)
        chain.reset(anchor)
        last = int(self._records[anchor])
        if anchor != keyframe:
            last = self._push(chain, last, int(self._records[keyframe]))
            chain.restart(keyframe, step)
        return last

    def _push(self, chain: MotionChain, last: int, record: int) -> int:
        """Push what comes after a record, up to another; gives the last one pushed."""
        if record > last:
            for step in read_motion(self.path, self.index, last + 1, record + 1):
                chain.push(step)
        return max(last, record)

    def take_over(self, other: VideoMotion) -> None:
        """Work in the memory of a video that is not read now: whole fields, for each video."""
        chain, other._chain, other._chained = other._chain, None, None
        if chain is not None and (chain.size, chain.chaining) == (self.size, self.chaining):
            self._chain, self._chained = chain, None

    def _require(self, frame: int) -> None:
        if not 0 <= frame < self.num_frames:
            raise IndexError(f"frame {frame} of {self.num_frames} in {self.path}")
