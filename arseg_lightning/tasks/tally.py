"""What a method did over the streams of an evaluation: roles, reasons and the course of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import groupby

from torch import distributed

from arseg_lightning.datasets.together import is_one_of_several
from arseg_lightning.methods import StreamResult, StreamTrace

__all__ = ["Tally"]

_Plan = tuple[tuple[str, str | None, float, int], ...]
"""Roles, reason, executed share and number of frames that went alike in a row."""


@dataclass
class Tally:
    """Counts what was executed.

    Args:
        frames: Number of frames by role that was run for them.
        executed: Sum of executed shares by role.
        reasons: Number of frames by the reason that was given.
        num_frames: Number of frames.
        courses: Name of a first frame and number of streams, by what was done in them.
    """

    frames: Counter[str] = field(default_factory=Counter)
    executed: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    reasons: Counter[str] = field(default_factory=Counter)
    num_frames: int = 0
    courses: dict[_Plan, tuple[str, int]] = field(default_factory=dict)
    _steps: list[tuple[str, str | None, float]] = field(default_factory=list)
    _first: str = ""

    def start(self, first: str) -> None:
        """End the stream before, and start another one.

        Args:
            first: Name of its first frame.
        """
        if self._steps:
            plan = tuple((*what, len(list(alike))) for what, alike in groupby(self._steps))
            self._add_course(plan, self._first, 1)
        self._first, self._steps = first, []

    def note(self, result: StreamResult) -> None:
        """Count a frame of the current stream."""
        self.num_frames += 1
        for each in result.executed:
            self.frames[each.role] += 1
            self.executed[each.role] += each.share
        if result.reason is not None:
            self.reasons[result.reason] += 1
        roles = "+".join(each.role for each in result.executed)
        self._steps.append((roles, result.reason, result.executed[-1].share))

    def traces(self) -> tuple[StreamTrace, ...]:
        """What was done in the streams, those that went alike together."""
        self.start("")
        courses = self.courses.items()
        return tuple(StreamTrace(first, same, plan) for plan, (first, same) in courses)

    def gathered(self) -> Tally:
        """Those of all processes in one; every process has to call this."""
        self.start("")
        if not is_one_of_several():
            return self
        parts: list[Tally | None] = [None] * distributed.get_world_size()
        distributed.all_gather_object(parts, self)
        whole = Tally()
        for part in parts:
            if part is not None:
                whole._add(part)
        return whole

    def __getstate__(self) -> dict[str, object]:
        """Plain dictionaries travel between processes."""
        return {**self.__dict__, "executed": dict(self.executed)}

    def _add(self, part: Tally) -> None:
        self.frames += part.frames
        self.reasons += part.reasons
        self.num_frames += part.num_frames
        for role, share in part.executed.items():
            self.executed[role] += share
        for plan, (first, same) in part.courses.items():
            self._add_course(plan, first, same)

    def _add_course(self, plan: _Plan, first: str, same: int) -> None:
        known, count = self.courses.get(plan, (first, 0))
        self.courses[plan] = min(known, first), count + same
