"""What a method says of frames that other streams of an evaluation show it again."""

from __future__ import annotations

from dataclasses import replace

from arseg_lightning.datasets.evaluation import EvaluationFrame
from arseg_lightning.methods import StreamResult, VideoMethod
from arseg_lightning.models.segmentor import SideOutputs

__all__ = ["RepeatedFrames", "sees_frames_alone"]

_MOST_BYTES = 256 * 2**20


def sees_frames_alone(method: VideoMethod) -> bool:
    """Whether what a method says of a frame depends on no other frame."""
    return method.needs.independent and not method.key_roles and method.clock is None


class RepeatedFrames:
    """Results of the frames of one video, for a method that sees each frame alone.

    An evaluation at every distance shows each frame in L streams; such a method says the same in
    all of them. Beyond 256 MB, further frames are not kept and are segmented again.
    """

    def __init__(self) -> None:
        self._results: dict[int, StreamResult] = {}
        self._video: str | None = None
        self._bytes = 0

    def find(self, frame: EvaluationFrame) -> StreamResult | None:
        """What was said of a frame; None if it was not seen."""
        if frame.video != self._video:
            self._video, self._results, self._bytes = frame.video, {}, 0
        return self._results.get(frame.streamed.frame.index)

    def keep(self, frame: EvaluationFrame, result: StreamResult) -> None:
        """Remember what was said of a frame that :meth:`find` did not know."""
        output = replace(result.output, feature=None, found_labels=None, side=SideOutputs())
        self._bytes += result.labels.nbytes + output.scores.nbytes
        if self._bytes <= _MOST_BYTES:
            self._results[frame.streamed.frame.index] = replace(result, output=output)
