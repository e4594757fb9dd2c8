"""Datasets of a data module's splits: for training, for losses, for evaluation, for prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightning.pytorch.utilities import rank_zero_warn

from arseg_lightning.datasets.augment import ClipAugment
from arseg_lightning.datasets.clips import EvaluationPairs
from arseg_lightning.datasets.dataset import TrainingClips, TrainingStills
from arseg_lightning.datasets.evaluation import EvaluationClips, choose_clips, whole_videos
from arseg_lightning.datasets.layout import PreparedLayout
from arseg_lightning.datasets.needs import EvaluationNeeds
from arseg_lightning.datasets.prepared_clips import PreparedClips, prepared_clips
from arseg_lightning.datasets.reader import ClipReader, FrameSource

if TYPE_CHECKING:
    from arseg_lightning.datasets.datamodule import ClipDataModule

__all__ = [
    "evaluation_dataset",
    "loss_dataset",
    "prediction_dataset",
    "training_dataset",
]


def training_dataset(
    data: ClipDataModule, split: str, augment: ClipAugment
) -> TrainingClips | TrainingStills:
    """Samples as the method that is trained needs them.

    Args:
        data: The data module.
        split: Whose.
        augment: Augmentation.

    Raises:
        ValueError: If no labelled frame has the past that the clips need.
    """
    sequences = data.videos(split)
    if data.trains_on_stills:
        return TrainingStills(sequences, augment, data.normalise, data.seed)
    return TrainingClips(
        *(sequences, data.store, data.needs, data.keyframe_interval, data.train_distance),
        *(augment, data.normalise, data.seed, data.train_frames),
        int(data.frame_cache_gib * 2**30),
    )


def loss_dataset(data: ClipDataModule, split: str) -> TrainingClips | TrainingStills | None:
    """Whole samples, always the same, for losses; None, and a warning, if there are none."""
    if data.needs.target:
        return None
    whole = ClipAugment(crop_size=None, scales=(1.0,), jitter=0.0, flip_probability=0.0)
    try:
        return training_dataset(data, split, whole)
    except ValueError as error:
        rank_zero_warn(f"no {split}/loss: {error}")
        return None


def evaluation_dataset(
    data: ClipDataModule, split: str, pairs: EvaluationPairs, needs: EvaluationNeeds
) -> EvaluationClips | PreparedClips:
    """Streams that hold the labelled frames of a split.

    Args:
        data: The data module.
        split: Whose.
        pairs: Where streams start.
        needs: What the methods need together.
    """
    layout = data.layouts[split]
    if isinstance(layout, PreparedLayout):
        interval, chaining = data.keyframe_interval, data.store.chaining
        return prepared_clips(layout, interval, pairs, data.normalise, chaining, needs)
    frames: FrameSource = "decoded" if data.is_on_video(split) else "original"
    reader = ClipReader(data.videos(split), data.store, frames, with_motion=needs.motion)
    clips = choose_clips(reader, data.keyframe_interval, pairs, needs)
    return EvaluationClips(reader, clips, data.normalise, needs.motion)


def predicted_split(data: ClipDataModule) -> str:
    """Whose videos Lightning's ``predict`` segments: those of the test, if there are any."""
    return "test" if data.layouts["test"] is not None else "val"


def prediction_dataset(data: ClipDataModule, needs: EvaluationNeeds) -> EvaluationClips:
    """Every frame of every video that is segmented, in order.

    Args:
        data: The data module.
        needs: What the method needs.
    """
    sequences = data.videos(predicted_split(data))
    frames: FrameSource = "decoded" if data.is_on_video(predicted_split(data)) else "original"
    moves = needs.motion and frames == "decoded"
    reader = ClipReader(sequences, data.store, frames, with_motion=moves)
    clips = whole_videos(reader, data.keyframe_interval)
    return EvaluationClips(reader, clips, data.normalise, moves)
