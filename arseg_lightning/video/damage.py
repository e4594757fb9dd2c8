"""Counts of the frames of a video that are lost, damaged or missing at its end."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path

from av.video.frame import VideoFrame

from arseg_lightning.video.errors import VideoDamageWarning

__all__ = ["Damage"]


@dataclass
class Damage:
    """Frames of a video that could not be decoded."""

    path: Path | str  # or what else messages call the video
    refused: int = 0  # packets that the decoder refused
    faulty: int = 0  # frames that were decoded with errors
    affected: int = 0  # frames up to a keyframe after those: they may be predicted from them
    replaced: list[int] = field(default_factory=list)  # indices of frames that never came
    cut: int = 0  # frames that the header promises and the file does not hold
    keeps_indices: bool = False  # whether every frame that is lost is replaced
    _spreads: bool = False  # whether frames up to a keyframe may be predicted from damaged ones
    _is_said: bool = False

    def refuse(self) -> None:
        """Note that the decoder refused a packet."""
        self.refused += 1
        self._spreads = True

    def replace(self, index: int) -> None:
        """Note that a frame never came."""
        self.replaced.append(index)
        self._spreads = True

    def see(self, frame: VideoFrame) -> None:
        """Inspect the next decoded frame: errors were concealed, or its packet was cut."""
        if frame.key_frame:
            self._spreads = False
        if frame.is_corrupt or getattr(frame.opaque, "is_corrupt", False):
            self.faulty += 1
            self._spreads = True
        else:
            self.affected += self._spreads

    @property
    def num_lost(self) -> int:
        """How often something was lost or damaged so far."""
        return self.refused + self.faulty + len(self.replaced)

    @property
    def summary(self) -> str:
        """The damage in words; empty if there is none."""
        parts, faulty = [], self.faulty
        if self.keeps_indices:  # packets that were refused without a loss were decoded in part
            faulty += max(0, self.refused - len(self.replaced))
        if self.replaced:
            some = ", ".join(map(str, self.replaced[:5])) + ", ..." * (len(self.replaced) > 5)
            parts.append(f"{len(self.replaced)} lost (index {some}), each replaced by a copy")
        elif self.refused and not self.keeps_indices:
            parts.append(f"{self.refused} lost and left out, those after them move up")
        if faulty:
            parts.append(f"{faulty} decoded with errors")
        if parts and self.affected:
            parts.append(f"up to {self.affected} after those, until a keyframe, built on them")
        if self.cut:
            parts.append(f"about {self.cut} missing at the end")
        return "; ".join(parts)

    def warn(self) -> None:
        """Warn of the damage once, if there is any."""
        if (summary := self.summary) and not self._is_said:
            self._is_said = True
            message = f"{self.path} is damaged: of its frames {summary}; the rest is used"
            warnings.warn(VideoDamageWarning(message), stacklevel=3)
