"""Gives each picture of a stream the motion to those that it was predicted from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from av.video.frame import PictureType, VideoFrame
from numpy.typing import NDArray

from arseg_lightning.video.chain import KEPT_REFERENCES
from arseg_lightning.video.coded import coded
from arseg_lightning.video.cropping import Cropping
from arseg_lightning.video.motion import BlockMotion, Kind, matched_motion
from arseg_lightning.video.pictures import NumberedPicture
from arseg_lightning.video.vectors import VECTOR, Candidates, Luma

__all__ = ["Matcher"]

_MAX_WAITING = 16
"""Pictures by which one may be shown earlier than coded: the limit of H.264."""

_FARTHEST = 127
"""Frames, which references are stored with."""

_WITH_LUMA = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray")
"""Formats whose first plane is the luma, a byte a pixel."""

ItemT = TypeVar("ItemT")


@dataclass(eq=False)
class _Picture(Generic[ItemT]):
    """A picture, and what it was predicted from as soon as that is known."""

    item: ItemT
    place: int
    number: int
    is_intra: bool
    kind: Kind
    luma: Luma
    vectors: NDArray[np.void]
    num_candidates: int
    looks_ahead: bool
    step: BlockMotion | None = None


class Matcher(Generic[ItemT]):
    """Keeps the pictures that others may refer to, and lets wait what refers to later ones.

    Pictures come and go in the order in which they are shown. One that was predicted from later
    ones goes when the next P- or I-picture has come, so that B-pictures delay a stream by as many
    as there are in a row; other streams are not delayed. What is kept is what a decoder keeps.
    """

    def __init__(self) -> None:
        self._waiting: list[_Picture[ItemT]] = []
        self._references: list[_Picture[ItemT]] = []
        self._intra: list[int] = []
        self._cropping = Cropping()
        self._refines = False  # P-frames of a stream without B-frames gain nothing

    def push(self, numbered: NumberedPicture, item: ItemT) -> Iterator[tuple[ItemT, BlockMotion]]:
        """Add a picture, and give those whose turn it is.

        Returns:
            What was pushed with them, and their motion: unknown for I-pictures.
        """
        self._waiting.append(_note(numbered, item))
        while self._waiting and self._is_ready(self._waiting[0]):
            yield self._give()

    def flush(self) -> Iterator[tuple[ItemT, BlockMotion]]:
        """Give all that still wait, and forget them: what comes next refers to none of them."""
        while self._waiting:
            yield self._give()
        self._references, self._intra, self._cropping = [], [], Cropping()

    def _is_ready(self, picture: _Picture[ItemT]) -> bool:
        """Whether all has come that it may refer to."""
        after = self._waiting[1:]
        has_anchor = any(each.kind != "between" and not each.looks_ahead for each in after)
        return not picture.looks_ahead or has_anchor or len(after) >= _MAX_WAITING

    def _give(self) -> tuple[ItemT, BlockMotion]:
        """The first one, matched with all that was decoded before it."""
        first = self._waiting.pop(0)
        before = [picture for picture in self._waiting if picture.number < first.number]
        before = sorted(before, key=lambda picture: picture.number)
        earlier = tuple(self._match(picture) for picture in before)
        return first.item, replace(self._match(first), earlier=earlier)

    def _match(self, picture: _Picture[ItemT]) -> BlockMotion:
        """Find what a picture's vectors lead to, and keep it for others."""
        if picture.step is not None:
            return picture.step
        size = (picture.luma.shape[0], picture.luma.shape[1])
        candidates = self._candidates(picture)
        vectors = self._cropping.moved(picture.vectors, candidates)
        self._refines |= picture.kind != "anchor"
        step = matched_motion(vectors, size, candidates, picture.place, picture.kind, self._refines)
        if picture.is_intra:
            self._intra = [*self._intra[-_MAX_WAITING:], picture.place]
        if picture.kind != "disposable":
            self._references = [*self._references[1 - KEPT_REFERENCES :], picture]
        picture.step = step
        return step

    def _candidates(self, picture: _Picture[ItemT]) -> Candidates:
        """What a picture's vectors may lead to: nothing beyond an I-picture shown before it."""
        start = max((place for place in self._intra if place <= picture.place), default=None)
        offsets = {
            each.place - picture.place: each.luma
            for each in self._references
            if each.number < picture.number
            and each.luma.shape == picture.luma.shape
            and (start is None or each.place >= start)
        }
        near = sorted((offset for offset in offsets if abs(offset) <= _FARTHEST), key=abs)
        sides = [offset for offset in near if offset < 0], [offset for offset in near if offset > 0]
        return Candidates(
            picture.luma,
            *(tuple((at, offsets[at]) for at in side[: picture.num_candidates]) for side in sides),
        )


def _note(numbered: NumberedPicture, item: ItemT) -> _Picture[ItemT]:
    """What has to be known of a picture."""
    place, picture, _, is_copy = numbered
    known = None if is_copy else coded(picture)
    luma, exported = _luma(picture), picture.side_data.get("MOTION_VECTORS")
    kind_of = PictureType.P if is_copy else PictureType(picture.pict_type)
    vectors = np.zeros(0, VECTOR) if exported is None or is_copy else exported.to_ndarray()
    looks_ahead = bool((vectors["source"] > 0).any())
    is_b = kind_of in (PictureType.B, PictureType.BI)
    says = None if known is None else known.is_reference
    is_reference = not is_b if says is None else says
    noted = _Picture(
        item=item,
        place=place,
        number=place if known is None else known.number,
        is_intra=kind_of in (PictureType.I, PictureType.SI),
        kind="between" if is_b or looks_ahead else "anchor",
        luma=luma,
        vectors=vectors,
        num_candidates=1 if says is None else KEPT_REFERENCES,
        looks_ahead=looks_ahead,
    )
    if is_copy:
        noted.step = BlockMotion.rest((luma.shape[0], luma.shape[1]), place)
    if is_copy or not is_reference:
        noted.kind = "disposable"
    return noted


def _luma(picture: VideoFrame) -> Luma:
    """A picture's brightness, in the decoder's memory where that has it, (H, W)."""
    if picture.format.name not in _WITH_LUMA:
        picture = picture.reformat(format="gray")
    plane = picture.planes[0]
    rows: Luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: picture.height, : picture.width]
