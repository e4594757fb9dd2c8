"""Needs of video methods: which frames and motion they train and are evaluated on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["EvaluationNeeds", "Needs", "TaskNeeds", "TrainDistance", "TrainOn"]

TrainDistance = Literal["uniform", "last"]
TrainOn = Literal["clips", "stills"]


@dataclass(frozen=True, slots=True)
class Needs:
    """What data, runner and exporter must know of a method; it says so once.

    Args:
        motion: Where the motion field of a frame leads: to the last frame of a key role
            (``keyframe``) or to the frame before it (``previous``); None if no motion is used.
            In a training clip, the keyframe is the first frame.
        training_motion: The same for training clips, where it is another than in streams.
        frames: Frames of a training clip.
        frames_after: Those of them that come after the labelled one, which is else the last.
        spacing: Distance from frame to frame in a training clip: ``consecutive``; ``keyframe``,
            any distance that a keyframe and a later frame may have; or the least and the greatest,
            drawn for each clip.
        lookahead: Whether the frames between two keyframes wait for the later one, which is run
            before them.
        independent: Whether frames of other than key roles leave the state alone, and those of
            key roles do not read it: frames between keyframes may then be skipped.
        target: Whether training clips come with others of a second, unlabelled data set.
    """

    motion: Literal["keyframe", "previous"] | None = None
    training_motion: Literal["keyframe", "previous"] | None = None
    frames: int = 1
    frames_after: int = 0
    spacing: Literal["consecutive", "keyframe"] | tuple[int, int] = "consecutive"
    lookahead: bool = False
    independent: bool = False
    target: bool = False

    @property
    def is_still(self) -> bool:
        """Whether single images are all that training reads."""
        return self.frames == 1

    @property
    def clip_motion(self) -> Literal["keyframe", "previous"] | None:
        """Where motion leads in a training clip; in one of a single frame, nowhere."""
        return None if self.is_still else self.training_motion or self.motion


@dataclass(frozen=True, slots=True)
class EvaluationNeeds:
    """What all methods of an evaluation need together."""

    motion: bool = True  # any of them reads motion
    every_frame: bool = False  # streams are not cut, and frames without labels are shown too
    lookahead: int = 0  # frames after a label that are shown too
    single: bool = False  # all segment each frame by itself: labelled frames are enough


# Training clips where no task says what it needs.
_PAIRS = Needs(motion="keyframe", frames=2, spacing="keyframe", independent=True)


@dataclass(frozen=True, slots=True)
class TaskNeeds:
    """What a LightningModule needs of its data, as its ``needs`` and ``evaluation_needs`` say."""

    task: object  # the module; None if there is none
    train_on: TrainOn | None  # as the user says; None leaves it to the method
    stage: str = "fit"  # or validate, test, predict

    @property
    def training(self) -> Needs:
        """What the method that is trained needs; pairs with motion if nobody says so."""
        needs = getattr(self.task, "needs", None)
        if isinstance(needs, Needs):
            return needs
        return Needs() if self.train_on == "stills" else _PAIRS

    @property
    def on_stills(self) -> bool:
        """Whether training reads single uncompressed images.

        Raises:
            ValueError: If the user wants stills, and the method needs more.
        """
        needs = self.training
        if self.train_on == "stills" and not needs.is_still:
            raise ValueError(
                f"data.train_on=stills gives single images, and the method trains on clips of "
                f"{needs.frames} frames (motion to: {needs.motion or 'nothing'}); leave train_on "
                f"out, or set it to clips"
            )
        return needs.is_still if self.train_on is None else self.train_on == "stills"

    def evaluation(self, split: str) -> EvaluationNeeds:
        """What all methods that are evaluated on a split need together."""
        ask: Callable[[str], object] = getattr(self.task, "evaluation_needs", lambda _: None)
        needs = ask(split)
        return needs if isinstance(needs, EvaluationNeeds) else EvaluationNeeds()

    def motion(self, split: str) -> bool:
        """Whether the motion of a split is read."""
        trains = self.training.clip_motion is not None
        if split in ("train", "target"):
            return trains
        # In a training, losses are validated on clips like its own.
        is_validated = split == "val" and self.stage == "fit"
        return (is_validated and trains) or self.evaluation(split).motion
