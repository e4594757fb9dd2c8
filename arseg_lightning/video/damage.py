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
    """What of a video could not be decoded."""

    path: Path | str  # or what else messages call the video
    refused: int = 0  # packets that the decoder refused
    faulty: int = 0  # frames that were decoded with errors
    replaced: list[int] = field(default_factory=list)  # indices of frames that never came
    cut: int = 0  # frames that the header promises and the file does not hold
    _is_said: bool = False

    def see(self, frame: VideoFrame) -> None:
        """Inspect the next decoded frame: errors were concealed, or its packet was cut."""
        self.faulty += bool(frame.is_corrupt or getattr(frame.opaque, "is_corrupt", False))

    @property
    def num_lost(self) -> int:
        """How often something was lost or damaged so far."""
        return self.refused + self.faulty + len(self.replaced)

    @property
    def summary(self) -> str:
        """The damage in words; empty if there is none."""
        parts = []
        if self.replaced:
            some = ", ".join(map(str, self.replaced[:5])) + ", ..." * (len(self.replaced) > 5)
            parts.append(f"{len(self.replaced)} lost (index {some}), each replaced by a copy")
        if (refused := self.refused - len(self.replaced)) > 0:
            parts.append(f"{refused} refused by the decoder, at least in part")
        if self.faulty:
            parts.append(f"{self.faulty} decoded with errors, on which those after them may build")
        if self.cut:
            parts.append(f"about {self.cut} missing at the end")
        return "; ".join(parts)

    def warn(self) -> None:
        """Warn of the damage once, if there is any."""
        if (summary := self.summary) and not self._is_said:
            self._is_said = True
            message = f"{self.path} is damaged: of its frames {summary}; the rest is used"
            warnings.warn(VideoDamageWarning(message), stacklevel=3)
