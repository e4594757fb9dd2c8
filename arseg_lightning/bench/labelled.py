"""The frames of labelled test data as streams, for comparisons."""

from __future__ import annotations

from collections.abc import Iterator

from arseg_lightning.datasets import ClipDataModule
from arseg_lightning.datasets.clips import choose_clips
from arseg_lightning.datasets.evaluation import EvaluationClips, EvaluationFrame
from arseg_lightning.datasets.needs import EvaluationNeeds
from arseg_lightning.datasets.preparation import prepare_missing
from arseg_lightning.datasets.reader import ClipReader

__all__ = ["LabelledStreams"]


class LabelledStreams:
    """Every frame of the test videos of an experiment, up to each video's last label.

    With ``test_pairs: every_distance``, streams start at each of the first L frames, so that each
    label counts at every distance; with ``stream``, at the first.

    Args:
        data: The data of the experiment; what is missing is encoded and cached.
        lookahead: Frames after the last label, for methods that wait for some.

    Raises:
        ValueError: If there are no test data, they are no videos, or no label can count.
    """

    def __init__(self, data: ClipDataModule, lookahead: int = 0) -> None:
        videos = data.videos("test")
        prepare_missing(data.store, videos, None if data.num_workers else 1)
        reader = ClipReader(videos, data.store)
        clips = choose_clips(
            reader,
            data.keyframe_interval,
            "every_start" if data.test_pairs == "every_distance" else "stream",
            EvaluationNeeds(every_frame=True, lookahead=lookahead),
        )
        self._pieces = EvaluationClips(reader, clips, data.normalise)
        self._num_frames = sum(len(clip.shown) for clip in clips)

    def __len__(self) -> int:
        return self._num_frames

    def __iter__(self) -> Iterator[EvaluationFrame]:
        for index in range(len(self._pieces)):
            yield from self._pieces[index].frames
