"""Gives each frame of a stream the motion to those that it was predicted from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

import numpy as np
from av.video.frame import PictureType, VideoFrame
from numpy.typing import NDArray

from arseg_lightning.ranges import check_words
from arseg_lightning.video.chain import KEPT_REFERENCES
from arseg_lightning.video.motion import BlockMotion, Kind, matched_motion
from arseg_lightning.video.pictures import NumberedPicture, coded
from arseg_lightning.video.probe import side_data
from arseg_lightning.video.vectors import VECTOR, Candidates, Luma

__all__ = ["Matcher", "Refinement", "luma_of", "vectors_of"]

Refinement = Literal["auto", "always", "never"]
"""Whether blocks take the motion of their neighbours where the frame fits that better."""

_MAX_WAITING = 16
"""Frames by which one may be shown earlier than coded: the limit of H.264."""

_FARTHEST = 127
"""Frames, which references are stored with."""

_WITH_LUMA = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray")
"""Formats whose first plane is the luma, a byte a pixel."""

ItemT = TypeVar("ItemT")


@dataclass(eq=False)
class _Waiting(Generic[ItemT]):
    """A frame, and what it was predicted from as soon as that is known."""

    item: ItemT
    index: int
    number: int
    """Its position in the order of decoding."""
    is_intra: bool
    kind: Kind
    luma: Luma
    vectors: NDArray[np.void]
    num_candidates: int
    looks_ahead: bool
    step: BlockMotion | None = None


class Matcher(Generic[ItemT]):
    """Keeps the frames that others may refer to, and lets wait what refers to later ones.

    Frames come and go in the order in which they are shown. One that was predicted from later
    ones goes when the next P- or I-frame has come, so that B-frames delay a stream by as many
    as there are in a row; other streams are not delayed. What is kept is what a decoder keeps.

    Args:
        refinement: Whether blocks take the motion of their neighbours where that fits better:
            ``auto`` in streams with B-frames and where much of a frame has no vectors.
    """

    def __init__(self, refinement: Refinement = "auto") -> None:
        check_words(refinement=(refinement, Refinement))
        self._waiting: list[_Waiting[ItemT]] = []
        self._references: list[_Waiting[ItemT]] = []
        self._intra: list[int] = []
        self._refinement = refinement
        self._has_b_frames = False  # without them, refining gains little

    def push(self, numbered: NumberedPicture, item: ItemT) -> Iterator[tuple[ItemT, BlockMotion]]:
        """Add a frame, and give those whose turn it is.

        Returns:
            What was pushed with them, and their motion: unknown for I-frames.
        """
        self._waiting.append(_note(numbered, item))
        while self._waiting and self._is_ready(self._waiting[0]):
            yield self._give()

    def flush(self) -> Iterator[tuple[ItemT, BlockMotion]]:
        """Give all that still wait, and forget them: what comes next refers to none of them."""
        while self._waiting:
            yield self._give()
        self._references, self._intra = [], []

    def _is_ready(self, frame: _Waiting[ItemT]) -> bool:
        """Whether all has come that it may refer to."""
        after = self._waiting[1:]
        has_anchor = any(each.kind != "between" and not each.looks_ahead for each in after)
        return not frame.looks_ahead or has_anchor or len(after) >= _MAX_WAITING

    def _give(self) -> tuple[ItemT, BlockMotion]:
        """The first one, matched with all that was decoded before it."""
        first = self._waiting.pop(0)
        before = [frame for frame in self._waiting if frame.number < first.number]
        before = sorted(before, key=lambda frame: frame.number)
        earlier = tuple(self._match(frame) for frame in before)
        return first.item, replace(self._match(first), earlier=earlier)

    def _match(self, frame: _Waiting[ItemT]) -> BlockMotion:
        """Find what a frame's vectors lead to, and keep it for others."""
        if frame.step is not None:
            return frame.step
        candidates = self._candidates(frame)
        self._has_b_frames |= frame.kind != "anchor"
        refines = {"always": True, "never": False}.get(self._refinement, self._has_b_frames or None)
        step = matched_motion(frame.vectors, candidates, frame.index, frame.kind, refines)
        if frame.is_intra:
            self._intra = [*self._intra[-_MAX_WAITING:], frame.index]
        if frame.kind != "disposable":
            self._references = [*self._references[1 - KEPT_REFERENCES :], frame]
        frame.step = step
        return step

    def _candidates(self, frame: _Waiting[ItemT]) -> Candidates:
        """What a frame's vectors may lead to: nothing beyond an I-frame shown before it."""
        start = max((index for index in self._intra if index <= frame.index), default=None)
        offsets = {
            each.index - frame.index: each.luma
            for each in self._references
            if each.number < frame.number
            and each.luma.shape == frame.luma.shape
            and (start is None or each.index >= start)
        }
        near = sorted((offset for offset in offsets if abs(offset) <= _FARTHEST), key=abs)
        sides = [offset for offset in near if offset < 0], [offset for offset in near if offset > 0]
        return Candidates(
            frame.luma,
            *(tuple((at, offsets[at]) for at in side[: frame.num_candidates]) for side in sides),
        )


def _note(numbered: NumberedPicture, item: ItemT) -> _Waiting[ItemT]:
    """What has to be known of a frame."""
    index, picture, _, is_copy = numbered
    known = None if is_copy else coded(picture)
    luma = luma_of(picture)
    vectors = np.zeros(0, VECTOR) if is_copy else vectors_of(picture)
    kind_of = PictureType.P if is_copy else PictureType(picture.pict_type)
    is_b = kind_of in (PictureType.B, PictureType.BI)
    # only the packets of H.264 say whether others may refer to a frame
    says = None if known is None else known.is_reference
    looks_ahead = bool((vectors["source"] > 0).any())
    kind: Kind = "between" if is_b or looks_ahead else "anchor"
    if is_copy or not (not is_b if says is None else says):
        kind = "disposable"
    size = luma.shape[0], luma.shape[1]
    return _Waiting(
        item=item,
        index=index,
        number=index if known is None else known.number,
        is_intra=kind_of in (PictureType.I, PictureType.SI),
        kind=kind,
        luma=luma,
        vectors=vectors,
        num_candidates=1 if says is None else KEPT_REFERENCES,
        looks_ahead=looks_ahead,
        step=BlockMotion.rest(size, index) if is_copy else None,
    )


def vectors_of(picture: VideoFrame) -> NDArray[np.void]:
    """The vectors that were decoded with a picture, in the decoder's memory."""
    exported = side_data(picture, "MOTION_VECTORS")
    return np.zeros(0, VECTOR) if exported is None else exported.to_ndarray()


def luma_of(picture: VideoFrame) -> Luma:
    """A picture's brightness, in the decoder's memory where that has it, (H, W)."""
    if picture.format.name not in _WITH_LUMA:
        picture = picture.reformat(format="gray")
    plane = picture.planes[0]
    rows: Luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: picture.height, : picture.width]
