"""Comparison of several methods on the same frames: of a video, or of labelled data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from arseg_lightning.bench.case import MethodSet
from arseg_lightning.bench.compared import Compared, Labelled, Seen, Shown, figures_of
from arseg_lightning.datasets import ClipDataModule
from arseg_lightning.datasets.clips import choose_clips
from arseg_lightning.datasets.evaluation import EvaluationClip, EvaluationClips, EvaluationFrame
from arseg_lightning.datasets.needs import EvaluationNeeds
from arseg_lightning.datasets.preparation import prepare_missing
from arseg_lightning.datasets.reader import ClipReader
from arseg_lightning.methods import VideoMethod
from arseg_lightning.streaming.consistency import MotionToPrevious

__all__ = ["LabelledStreams", "compare_methods"]

_MOST_BLOCKS = 64
"""Of more blocks, several are counted together: each has a matrix of the classes a distance."""

_SEED = re.compile(r" #\d+$")
"""How the name of a method ends that was trained several times."""


def compare_methods(
    frames: Iterable[EvaluationFrame],
    compared: MethodSet,
    distances: int = 1,
    device: torch.device = torch.device("cpu"),  # noqa: B008
    done: Callable[[], object] = lambda: None,
    labelled: Labelled = lambda *_: None,
    seen: Seen = lambda *_: None,
) -> list[dict[str, Any]]:
    """Run methods side by side on the same frames.

    Methods whose names differ in a last `` #1``, `` #2`` only are trainings of one method: their
    figures are means. The change is between trainings of the same number, the first where there is
    one, and its interval also draws which of them there are.

    Args:
        frames: All frames of streams, in their order; a stream's first frame restarts.
        compared: The methods; the first is what the others are compared with.
        distances: At how many distances methods without a clock are counted.
        device: Where they run.
        done: Called after each frame.
        labelled: Called with each labelled frame, the name of each method and its result.
        seen: Called with the name of each method and each of its results.

    Returns:
        The figures of each method by name; accuracies where frames have labels.

    Raises:
        ValueError: If there are no frames, or a method cannot be streamed or counted.
    """
    found, methods, chaining = list[Compared](), compared.methods, compared.chaining
    blocks: dict[tuple[str, int], int] = {}
    follower = MotionToPrevious(chaining)
    for method in methods.values():
        method.to(device).eval()
    _check_first(next(iter(methods.values())))
    for frame in frames:
        size = frame.streamed.frame.size
        if not found:
            found = [
                Compared(name, method, compared.classes, distances, size, labelled, seen)
                for name, method in methods.items()
            ]
        motion = follower.of(frame.streamed)
        block = blocks.setdefault(frame.block, len(blocks)) % _MOST_BLOCKS
        clip = EvaluationClip([frame], compared.normalise, chaining)
        reference: NDArray[np.uint8] | None = None
        for each in found:
            results = each.add(clip, Shown(frame, motion, block, reference))
            reference = results[0].labels if reference is None else reference
        done()
    if not found:
        raise ValueError("there are no frames on which methods could be compared")
    for each in found:
        each.end()
    trainings: dict[str, list[Compared]] = {}
    for each in found:
        trainings.setdefault(_SEED.sub("", each.name), []).append(each)
    against = next(iter(trainings.values()))
    return [figures_of(name, several, against) for name, several in trainings.items()]


def _check_first(method: VideoMethod) -> None:
    """Refuse a first method whose labels come late."""
    if method.lookahead:
        raise ValueError(
            f"{method.name} waits for later frames, and the others are compared with its labels as "
            f"they come; put a method first that does not, such as PerFrame"
        )


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
