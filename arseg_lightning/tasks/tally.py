"""What a method did over the streams of an evaluation: the course of each."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from torch import distributed

from arseg_lightning.datasets.together import is_one_of_several
from arseg_lightning.methods import Executed, StreamResult, StreamTrace

__all__ = ["Tally"]

_Step = tuple[tuple[Executed, ...], str | None]
"""What was executed for a frame, and why."""

_Course = tuple[tuple[_Step, int], ...]
"""The frames of a stream: what was done, and for how many in a row."""


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
        if not is_one_of_several():
            return self
        parts: list[dict[_Course, tuple[str, int]]] = [{}] * distributed.get_world_size()
        distributed.all_gather_object(parts, self._courses)
        whole = Tally()
        for course, (first, same) in (item for part in parts for item in part.items()):
            whole._add(course, first, same)
        return whole

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return sum(number for _, number in self._frames())

    @property
    def frames(self) -> Counter[str]:
        """Number of frames by role that was run for them."""
        counts: Counter[str] = Counter()
        for (executed, _), number in self._frames():
            for each in executed:
                counts[each.role] += number
        return counts

    @property
    def executed(self) -> dict[str, float]:
        """Sum of executed shares by role."""
        sums = dict.fromkeys(self.frames, 0.0)
        for (executed, _), number in self._frames():
            for each in executed:
                sums[each.role] += each.share * number
        return sums

    @property
    def reasons(self) -> dict[str, int]:
        """Number of frames by the reason that was given."""
        counts: Counter[str] = Counter()
        for (_, reason), number in self._frames():
            if reason is not None:
                counts[reason] += number
        return dict(counts)

    def traces(self) -> tuple[StreamTrace, ...]:
        """The courses, as they are written down."""
        self.start()
        return tuple(
            StreamTrace(first, same, tuple(_written(*frames) for frames in course))
            for course, (first, same) in self._courses.items()
        )

    def _frames(self) -> list[tuple[_Step, int]]:
        self.start()
        courses = self._courses.items()
        return [(step, number * same) for course, (_, same) in courses for step, number in course]

    def _add(self, course: _Course, first: str, same: int) -> None:
        known, count = self._courses.get(course, (first, 0))
        self._courses[course] = min(known, first), count + same


def _written(step: _Step, number: int) -> tuple[str, str | None, float, int]:
    executed, reason = step
    return "+".join(each.role for each in executed), reason, executed[-1].share, number
