"""What a video method is: one step per frame, with a state that travels along the stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from arseg_lightning.models.label_map import label_map, resize_scores
from arseg_lightning.propagation import Convention

__all__ = [
    "Prediction",
    "Role",
    "StreamFrame",
    "VideoSystem",
    "keyframe_state",
    "scaled_size",
]

Role = Literal["keyframe", "nonkeyframe"]


@dataclass(frozen=True, slots=True)
class StreamFrame:
    """What a system is given at one step.

    Args:
        image: Normalised RGB at full resolution, (B, 3, H, W).
        motion: Backward motion to the keyframe in pixels, (B, 2, H, W).
        distance: Frames since the keyframe; 0 makes this frame the keyframe.
    """

    image: Tensor
    motion: Tensor
    distance: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a step returned, and what it did to get there.

    Args:
        scores: Class scores on the feature's grid, (B, K, h, w).
        size: Height and width of the image.
        align_corners: How scores are brought to the image's size.
        role: Whether the frame was treated as a keyframe.
        resolution_ratio: Resolution at which the network saw the frame.
        distance: Frames since the keyframe.
    """

    scores: Tensor
    size: tuple[int, int]
    align_corners: bool
    role: Role
    resolution_ratio: float
    distance: int

    @property
    def logits(self) -> Tensor:
        """Class scores at full resolution, (B, K, H, W)."""
        return resize_scores(self.scores, self.size, self.align_corners)

    @property
    def labels(self) -> Tensor:
        """The best class of every pixel, uint8 of shape (B, H, W)."""
        return label_map(self.scores, self.size, self.align_corners)


class VideoSystem(nn.Module, ABC):
    """A video segmentation method; its inference is written in :meth:`step` and nowhere else."""

    @abstractmethod
    def step(self, frame: StreamFrame, state: Any) -> tuple[Prediction, Any]:
        """Segment the next frame of a stream.

        Args:
            frame: The frame; its distance tells whether it is a keyframe.
            state: What the previous step returned; None at the start of a stream.

        Returns:
            The prediction, and the state for the next frame.
        """

    def run(self, images: Tensor, motion: Tensor, distances: list[int]) -> Iterator[Prediction]:
        """Segment the frames of a batch of clips one after the other.

        Args:
            images: (B, T, 3, H, W), the keyframe first.
            motion: (B, T, 2, H, W), backward motion to the keyframe in pixels.
            distances: T distances to the keyframe, the same for every clip of the batch.
        """
        state = None
        for t, distance in enumerate(distances):
            frame = StreamFrame(images[:, t], motion[:, t], distance)
            prediction, state = self.step(frame, state)
            yield prediction


def keyframe_state(state: Tensor | None, distance: int) -> Tensor:
    """Return what a keyframe left behind for the frames that depend on it.

    Raises:
        ValueError: If the stream has had no keyframe yet.
    """
    if state is None:
        raise ValueError(f"a stream starts with a keyframe (distance 0), got distance {distance}")
    return state


def scaled_size(
    size: tuple[int, int], resolution_ratio: float, convention: Convention = "exact"
) -> tuple[int, int]:
    """Height and width at a resolution ratio.

    Args:
        size: Height and width of the full image.
        resolution_ratio: Scale s.
        convention: ``exact`` rounds to the nearest pixel; ``paper`` truncates, as its code does
            (503 rows instead of 504 at 0.7 x 720).
    """
    whole: Callable[[float], int] = round if convention == "exact" else int
    height, width = (max(1, whole(side * resolution_ratio)) for side in size)
    return height, width
