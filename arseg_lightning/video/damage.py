"""Keeps count of what of a video is lost or damaged, and says it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from av.video.frame import VideoFrame

from arseg_lightning.video.clock import claimed_seconds
from arseg_lightning.video.coded import coded
from arseg_lightning.video.errors import VideoDamageWarning

__all__ = ["Damage"]

_JOIN_SECONDS = 1
"""Time that goes on by more, or goes back, is that of another recording."""


_LAST_PACKETS = 2
"""Behind a damaged packet, in which it shows that the recording ends there."""


@dataclass
class Damage:
    """What of a video could not be decoded.

    Args:
        path: The file, or what else messages call the video.
        refused: Packets that the decoder refused.
        faulty: Pictures that were decoded with errors.
        affected: Pictures up to a keyframe behind those: they may be predicted from them.
        replaced: Indices of the pictures that never came and were replaced.
        cut: Pictures that the header promises and the file does not hold.
        keeps_places: Whether every picture that is lost is replaced.
    """

    path: Path | str
    refused: int = 0
    faulty: int = 0
    affected: int = 0
    replaced: list[int] = field(default_factory=list)
    cut: int = 0
    keeps_places: bool = False
    _spreads: bool = False
    _in_doubt: int | None = None
    _last_seconds: Fraction | None = None

    def refuse(self) -> None:
        """Note that the decoder refused a packet."""
        self.refused += 1
        self._spreads = True

    def replace(self, index: int) -> None:
        """Note that a picture never came."""
        self.replaced.append(index)
        self._spreads = True

    def see(self, picture: VideoFrame) -> None:
        """Look at the next decoded picture."""
        known, jumps = coded(picture), self._jumps_to(picture)
        if self._in_doubt is not None:
            self._resolve(joins=jumps and picture.key_frame)
        if picture.key_frame:
            self._spreads = False
        if picture.is_corrupt:
            self.faulty += 1
            self._spreads = True
        elif known is not None and known.is_corrupt and self._in_doubt is None:
            self._in_doubt = 0
        else:
            self.affected += self._spreads

    def leave(self) -> None:
        """Note that nobody reads on: what is in doubt may be the end of a recording."""
        self._in_doubt = None

    def _resolve(self, joins: bool) -> None:
        """Decide on a picture whose packet was said to be damaged, and that decoded without errors.

        One of the last packets of a recording that another one was joined to is said to be, too.
        """
        self._in_doubt = (self._in_doubt or 0) + 1
        if joins:
            self._in_doubt = None
        elif self._in_doubt > _LAST_PACKETS:
            self.faulty += 1
            self.affected += _LAST_PACKETS
            self._in_doubt, self._spreads = None, True

    def _jumps_to(self, picture: VideoFrame) -> bool:
        """Whether time does not go on from the picture before."""
        before, self._last_seconds = self._last_seconds, claimed_seconds(picture)
        if before is None or self._last_seconds is None:
            return False
        return not 0 <= self._last_seconds - before <= _JOIN_SECONDS

    @property
    def num_lost(self) -> int:
        """How often something was lost or damaged so far."""
        return self.refused + self.faulty + len(self.replaced)

    @property
    def summary(self) -> str:
        """It in words; empty if there is none."""
        parts, faulty = [], self.faulty + (self._in_doubt is not None)
        if self.keeps_places:  # what was refused without being lost was decoded in part
            faulty += max(0, self.refused - len(self.replaced))
        if self.replaced:
            some = ", ".join(map(str, self.replaced[:5])) + ", ..." * (len(self.replaced) > 5)
            parts.append(f"{len(self.replaced)} lost (index {some}), each replaced by a copy")
        elif self.refused and not self.keeps_places:
            parts.append(f"{self.refused} lost and left out, those behind them move up")
        if faulty:
            parts.append(f"{faulty} decoded with errors")
        if parts and self.affected:
            parts.append(f"up to {self.affected} after those, until a keyframe, built on them")
        if self.cut:
            parts.append(f"about {self.cut} missing at the end")
        return "; ".join(parts)

    def warn(self) -> None:
        """Say it, if there is anything to say."""
        if summary := self.summary:
            message = f"{self.path} is damaged: of its frames {summary}; the rest is used"
            warnings.warn(VideoDamageWarning(message), stacklevel=3)
