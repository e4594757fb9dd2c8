"""Streams of a video that are evaluated: their keyframes, and the frames that are segmented."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from arseg_lightning.datasets.needs import EvaluationNeeds
from arseg_lightning.datasets.reader import ClipReader
from arseg_lightning.video.keyframes import MOST_WAITING, may_be_keyframe

__all__ = ["ClipSpec", "EvaluationPairs", "StreamKind", "choose_clips"]
__all__ += ["every_distance", "every_start", "keyframes", "reach", "streams"]

EvaluationPairs = Literal["stream", "every_distance"]
StreamKind = EvaluationPairs | Literal["every_frame", "every_start"]


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """One stream of one video."""

    video: int  # index of the video in its layout
    # Frames that are segmented, ascending; the first one starts the stream. Between them, frames
    # are skipped, and only their motion is read.
    shown: tuple[int, ...]
    scored: tuple[int, ...]  # those of them whose labels count
    # Every L-th frame, ascending: methods without a clock count their distances from these.
    keyframes: tuple[int, ...]

    def distance(self, frame: int) -> int:
        """Frames since the last keyframe of the interval."""
        return frame - max(key for key in self.keyframes if key <= frame)


def keyframes(
    intra: Iterable[int],
    num_frames: int,
    keyframe_interval: int,
    anchors: Container[int] | None = None,
) -> list[int]:
    """Choose the keyframes of a stream: every L-th frame, counted again from each I-frame.

    No motion leads across an I-frame (``intra``), so each I-frame is a keyframe. Others are
    ``anchors``, frames that others refer to, by default all: see :func:`may_be_keyframe`.
    """
    starts, keys = {0, *intra}, list[int]()  # the first frame has nothing before it
    for frame in range(num_frames):
        distance = frame - keys[-1] if keys else 0
        is_anchor = anchors is None or frame in anchors
        is_due = distance >= keyframe_interval
        if frame in starts or (is_due and may_be_keyframe(distance, keyframe_interval, is_anchor)):
            keys.append(frame)
    return keys


def streams(
    video: int,
    keys: Sequence[int],
    labelled: Iterable[int],
    whole: bool = False,
    single: bool = False,
) -> list[ClipSpec]:
    """Cut a video at its keyframes into streams in which every label counts once.

    Periods without labels are left out. With ``whole``, the video is one stream instead, in which
    every frame is shown; with ``single``, labelled frames alone are shown, without keyframes.
    """
    wanted = tuple(labelled)
    if whole:
        shown = tuple(range(max(wanted, default=-1) + 1))
        return [ClipSpec(video, shown, wanted, tuple(keys))] if wanted else []
    clips = []
    for start, stop in pairwise([*keys, max((*wanted, *keys)) + 1]):
        scored = tuple(frame for frame in wanted if start <= frame < stop)
        if scored:
            # Frames between keyframe and label are skipped: their motion alone is needed.
            shown = scored if single else tuple(sorted({start, *scored}))
            clips.append(ClipSpec(video, shown, scored, (start,)))
    return clips


def every_distance(
    video: int,
    intra: Sequence[int],
    keyframe_interval: int,
    labelled: Iterable[int],
    every_frame: bool = False,
) -> list[ClipSpec]:
    """Start a stream at each distance 0..L-1 before every labelled frame: the paper's protocol.

    Only frames that have a past of L-1 frames without an I-frame between are used, and only they
    count, so that every distance is measured on the same frames. With ``every_frame``, the frames
    between are shown too.
    """
    clips = []
    for frame in labelled:
        if reach(frame, intra) < keyframe_interval - 1:
            continue
        for start in range(frame, frame - keyframe_interval, -1):
            shown = tuple(range(start, frame + 1)) if every_frame else tuple({start, frame})
            clips.append(ClipSpec(video, tuple(sorted(shown)), (frame,), (start,)))
    return clips


def every_start(
    video: int, intra: Sequence[int], keyframe_interval: int, labelled: Sequence[int]
) -> list[ClipSpec]:
    """Start a stream at each of the first L frames of a video, and again after each I-frame.

    They run on as in use, and the same labels count as in :func:`every_distance`: those that all
    of them see, at a distance of its own each.
    """
    clips = []
    for start, stop in pairwise([*intra, max((*labelled, *intra)) + 1]):
        scored = tuple(f for f in labelled if start + keyframe_interval - 1 <= f < stop)
        for first in range(start, start + keyframe_interval) if scored else ():
            shown = tuple(range(first, scored[-1] + 1))
            clips.append(ClipSpec(video, shown, scored, shown[::keyframe_interval]))
    return clips


def _looking_ahead(clip: ClipSpec, reader: ClipReader, lookahead: int) -> ClipSpec:
    """The same stream, with the frames that its last one may wait for, as far as there are any.

    Its end would make a keyframe of its last frame.
    """
    end, length = clip.shown[-1] + lookahead, reader.length_of(clip.video)
    if reader.with_motion:  # a keyframe that is due waits for a frame that is no B-frame
        anchors = reader.motion_of(clip.video).anchors
        end = next((f for f in range(end, end + MOST_WAITING) if f in anchors), end)
    return replace(clip, shown=(*clip.shown, *range(clip.shown[-1] + 1, min(end + 1, length))))


def reach(frame: int, intra: Sequence[int]) -> int:
    """How many frames back motion leads: to the last I-frame at or before the frame."""
    before = int(np.searchsorted(np.asarray(intra), frame, side="right"))
    return frame - (intra[before - 1] if before else 0)


def choose_clips(
    reader: ClipReader, keyframe_interval: int, pairs: StreamKind, needs: EvaluationNeeds
) -> list[ClipSpec]:
    """Find the streams of prepared videos that are evaluated, or predicted.

    ``every_frame`` makes one stream a video, of all its frames (of a still, itself alone), in which
    no label counts; for the other pairs see the functions of their names.

    Raises:
        ValueError: If a video is shorter than the keyframe interval, or there is no stream.
    """
    clips = []
    for index, video in enumerate(reader.videos):
        if pairs == "every_frame" and video.is_still:
            clips.append(ClipSpec(index, video.labelled, (), video.labelled))
            continue
        # Without motion, nothing is known of I-frames, and no frame beyond the labels is needed.
        intra: tuple[int, ...] = (0,)
        anchors: frozenset[int] | None = None
        length = max(video.labelled, default=0) + 1
        if reader.with_motion:
            motion = reader.motion_of(index)
            intra, length, anchors = motion.intra_frames, motion.num_frames, motion.anchors
        start = (index, intra, keyframe_interval, video.labelled)
        if pairs == "every_distance":
            clips += every_distance(*start, needs.every_frame)
            continue
        if pairs == "every_start":
            clips += every_start(*start)
            continue
        if pairs == "every_frame":
            length = reader.length_of(index)
        elif keyframe_interval > length and reader.with_motion:
            raise ValueError(
                f"keyframe_interval={keyframe_interval} is longer than {video.name} with its "
                f"{length} frames; use at most {length}"
            )
        keys = keyframes(intra, length, keyframe_interval, anchors)
        if pairs == "every_frame":
            clips.append(ClipSpec(index, tuple(range(length)), (), tuple(keys)))
        else:
            clips += streams(index, keys, video.labelled, needs.every_frame, needs.single)
    if not clips:
        raise ValueError(
            f"no labelled frame has keyframe_interval={keyframe_interval} frames to itself "
            f"without an I-frame between; use a smaller keyframe_interval, longer clips or "
            f"test_pairs=stream"
        )
    if needs.lookahead:
        clips = [_looking_ahead(clip, reader, needs.lookahead) for clip in clips]
    return clips
