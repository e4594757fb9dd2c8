"""What a video method needs of the data: clips for training, streams for evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["EvaluationNeeds", "Needs", "evaluation_needs", "on_stills", "training_needs"]


@dataclass(frozen=True, slots=True)
class Needs:
    """What data, runner and exporter must know of a method; it says so once.

    Args:
        motion: Where the motion field of a frame leads: to the last frame of a key role
            (``keyframe``) or to the frame before it (``previous``); None if no motion is used.
            In a training clip, the keyframe is the first frame.
        frames: Frames of a training clip; the last one is labelled.
        spacing: Distance from frame to frame in a training clip: ``consecutive``; ``keyframe``,
            any distance that a keyframe and a later frame may have; or the least and the greatest,
            drawn for each clip.
        lookahead: Later frames that are waited for before a frame is segmented.
        independent: Whether frames of other than key roles leave the state alone, and those of
            key roles do not read it: frames between keyframes may then be skipped or batched.
        target: Whether training also takes clips of a second, unlabelled data set.
    """

    motion: Literal["keyframe", "previous"] | None = None
    frames: int = 1
    spacing: Literal["consecutive", "keyframe"] | tuple[int, int] = "consecutive"
    lookahead: int = 0
    independent: bool = False
    target: bool = False

    @property
    def is_still(self) -> bool:
        """Whether single images are all that training looks at."""
        return self.frames == 1

    @property
    def clip_motion(self) -> Literal["keyframe", "previous"] | None:
        """Where motion leads in a training clip; in one of a single frame, nowhere."""
        return None if self.is_still else self.motion


@dataclass(frozen=True, slots=True)
class EvaluationNeeds:
    """What all methods of an evaluation need together.

    Args:
        motion: Whether any looks at motion.
        every_frame: Whether frames without labels have to be shown too.
        whole_streams: Whether streams may not be cut at the keyframes of the interval.
        single: Whether all segment each frame by itself, so that labelled frames are enough.
    """

    motion: bool = True
    every_frame: bool = False
    whole_streams: bool = False
    single: bool = False


_PAIRS = Needs(motion="keyframe", frames=2, spacing="keyframe", independent=True)
"""What a video is cut into for training if nobody says what is trained."""


def training_needs(task: object, train_on: str | None) -> Needs:
    """What a LightningModule needs for training.

    Args:
        task: Says so in its ``needs``.
        train_on: What the user wants, if it does not: single images, or pairs with motion.
    """
    needs = getattr(task, "needs", None)
    if isinstance(needs, Needs):
        return needs
    return Needs() if train_on == "stills" else _PAIRS


def evaluation_needs(task: object, split: str) -> EvaluationNeeds:
    """What a LightningModule needs to evaluate a split: what its ``evaluation_needs`` says."""
    ask = getattr(task, "evaluation_needs", None)
    needs = ask(split) if callable(ask) else None
    return needs if isinstance(needs, EvaluationNeeds) else EvaluationNeeds()


def on_stills(needs: Needs, train_on: str | None) -> bool:
    """Whether training looks at single uncompressed images.

    Args:
        needs: What the method needs.
        train_on: ``stills`` or ``clips``, as the user says; None leaves it to the method.

    Raises:
        ValueError: If the user wants stills, and the method needs more.
    """
    if train_on == "stills" and not needs.is_still:
        raise ValueError(
            f"data.train_on=stills gives single images, and the method trains on clips of "
            f"{needs.frames} frames (motion to: {needs.motion or 'nothing'}); leave train_on out, "
            f"or set it to clips"
        )
    return needs.is_still if train_on is None else train_on == "stills"
