"""What a method did over the streams of an evaluation: the course of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import groupby

from torch import distributed

from arseg_lightning.distributed import is_distributed
from arseg_lightning.methods import Executed, StreamResult, StreamTrace

__all__ = ["Tally", "Totals"]

_Step = tuple[tuple[Executed, ...], str | None]
"""What was executed for a frame, and why."""

_Course = tuple[tuple[_Step, int], ...]
"""The frames of a stream: what was done, and for how many in a row."""


@dataclass
class Totals:
    """What was executed in all streams.

    Args:
        num_frames: Number of frames.
        frames: Number of frames by role that was run for them.
        executed: Sum of executed shares by role.
        reasons: Number of frames by the reason that was given.
    """

    num_frames: int
    frames: Counter[str]
    executed: dict[str, float]
    reasons: Counter[str]


class Tally:
    """Keeps what was done in each stream, those that went alike together."""

    def __init__(self) -> None:
        self._courses: dict[_Course, tuple[str, int]] = {}  # a first frame, number of streams
        self._steps: list[_Step] = []
        self._first = ""

    def start(self, first: str = "") -> None:
        """End the stream before, and start another one, whose first frame has a name."""
        if self._steps:
            course = tuple((step, len(list(alike))) for step, alike in groupby(self._steps))
            self._add(course, self._first, 1)
        self._first, self._steps = first, []

    def note(self, result: StreamResult) -> None:
        """Keep what was done for a frame of the current stream."""
        self._steps.append((result.executed, result.reason))

    def gathered(self) -> Tally:
        """Those of all processes in one; every process has to call this."""
        self.start()
        if not is_distributed():
            return self
        parts: list[dict[_Course, tuple[str, int]]] = [{}] * distributed.get_world_size()
        distributed.all_gather_object(parts, self._courses)
        whole = Tally()
        for course, (first, same) in (item for part in parts for item in part.items()):
            whole._add(course, first, same)
        return whole

    def totals(self) -> Totals:
        """Add up what was done in all streams."""
        self.start()
        totals = Totals(0, Counter(), defaultdict(float), Counter())
        for course, (_, same) in self._courses.items():
            for (executed, reason), in_a_row in course:
                number = in_a_row * same
                totals.num_frames += number
                totals.reasons.update({reason: number} if reason is not None else {})
                for each in executed:
                    totals.frames[each.role] += number
                    totals.executed[each.role] += each.share * number
        return totals

    def traces(self) -> tuple[StreamTrace, ...]:
        """The courses, as they are written down."""
        self.start()
        return tuple(
            StreamTrace(first, same, tuple(_written(*frames) for frames in course))
            for course, (first, same) in self._courses.items()
        )

    def _add(self, course: _Course, first: str, same: int) -> None:
        known, count = self._courses.get(course, (first, 0))
        self._courses[course] = min(known, first), count + same


def _written(step: _Step, number: int) -> tuple[str, str | None, float, int]:
    executed, reason = step
    return "+".join(each.role for each in executed), reason, executed[-1].share, number
