"""What a session returns for a frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.systems import Prediction
from arseg_lightning.types import Frame

__all__ = ["StreamResult"]


@dataclass(frozen=True, slots=True)
class StreamResult:
    """The labels of a frame, and what was done for them.

    Args:
        frame: The frame.
        labels: Class indices, uint8 of shape (H, W).
        prediction: What the system did: role, distance to the keyframe, resolution, scores.
        reason: Why the frame became a keyframe; None if it did not.
        latency_ms: From the frame's arrival to its labels in the host's memory.
        stages: Milliseconds by stage: ``wait`` for the frame (decoding), which is no part of the
            latency, ``image``, ``motion``, ``queue`` for others of its batch, ``network``, and
            ``labels``; the last two are those of the whole batch.
    """

    frame: Frame
    labels: NDArray[np.uint8]
    prediction: Prediction
    reason: str | None
    latency_ms: float
    stages: Mapping[str, float]

    @property
    def is_keyframe(self) -> bool:
        """Whether the frame became a keyframe."""
        return self.reason is not None
