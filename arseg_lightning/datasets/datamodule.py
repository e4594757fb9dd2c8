"""LightningDataModule that encodes frames as video, caches motion, and serves clips."""

from __future__ import annotations

import os
from pathlib import Path

from lightning import LightningDataModule
from lightning.pytorch.utilities import rank_zero_warn

from arseg_lightning.datasets.augment import ClipAugment
from arseg_lightning.datasets.clips import EvaluationPairs, StreamKind, choose_clips
from arseg_lightning.datasets.evaluation import EvaluationClips
from arseg_lightning.datasets.labelled_video import LabelledVideo, Layout
from arseg_lightning.datasets.loader import EpochSampler, EvaluationSampler, Loader, clip_loader
from arseg_lightning.datasets.needs import Needs, TaskNeeds, TrainDistance, TrainOn
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.datasets.preparation import prepare_missing
from arseg_lightning.datasets.reader import ClipReader, FrameOrigin
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.datasets.trainer_state import (
    finished_epochs,
    processes,
    resumes,
    samples_per_step,
)
from arseg_lightning.datasets.training_clips import AdaptationClips, ClipSpans, TrainingClips
from arseg_lightning.distributed import is_distributed, raise_on_all_ranks
from arseg_lightning.ranges import check_range, check_words
from arseg_lightning.video.cache import MotionSource
from arseg_lightning.video.chain import Chaining
from arseg_lightning.video.encode import EncodeSettings
from arseg_lightning.video.frame_reader import read_frames
from arseg_lightning.video.matching import Refinement

__all__ = ["ClipDataModule"]

_RUNS_SEED = "PL_GLOBAL_SEED"
"""Where Lightning leaves the seed that it has set, for other processes too."""


class ClipDataModule(LightningDataModule):
    """Clips for training and evaluation, with their motion cached on disk.

    Neither the keyframe interval nor the chaining changes the cache.

    Args:
        train: Data to train on.
        val: Data to validate on; none skips validation.
        test: Data to test on.
        target: Unlabelled data that a method adapts to, if it does; its labels are not used.
        store: Folder of encoded clips and cached motion.
        keyframe_interval: L; every L-th frame is a keyframe, and so is each I-frame.
        train_on: ``clips`` trains on frames decoded from compressed video; ``stills`` on the
            labelled frames alone, uncompressed. By default what the method needs.
        train_distance: Distance within a training pair: ``uniform`` in 1..L-1, or ``last``:
            always L-1, as in the paper.
        train_frames: ``decoded`` trains on what a decoder gives, as in use; ``original`` on the
            frames before any compression by us, as in the paper.
        val_losses: Whether the losses are also computed on the validation data, for ``val/loss``.
        test_pairs: ``stream`` segments each frame once, as in use; ``every_distance`` pairs each
            labelled frame with a keyframe at every distance, as in the paper.
        encoding: How frames that are no video yet are encoded; one long GOP by default.
        motion: ``codec`` or ``reencode``: what to do with videos without usable vectors.
        chaining: How motion is composed to the keyframe: ``subpixel``; ``integer``, in whole
            pixels as in the paper; or ``none``: zero motion.
        refinement: Whether blocks take the motion of neighbours where the frame fits that better;
            ``auto``: with B-frames, or where much has no vectors.
        frame_cache_gib: Disk in the store for decoded training frames, GiB at most.
        augment: Augmentation of training samples.
        normalise: Normalisation of images.
        batch_size: Training samples a step and process.
        num_workers: Loader processes; 0 loads, and prepares what is missing, in the main one.
        seed: Decides order and augmentation; that of ``seed_everything`` by default.

    Attributes:
        task: The task that the data are for, and whose needs count, where no trainer says so.

    Raises:
        ValueError: If a number or word is not allowed, there are no data, or the splits' classes
            differ.
    """

    def __init__(
        self,
        train: Layout | None = None,
        val: Layout | None = None,
        test: Layout | None = None,
        target: Layout | None = None,
        store: Path = Path("data/cache"),
        keyframe_interval: int = 12,
        train_on: TrainOn | None = None,
        train_distance: TrainDistance = "uniform",
        train_frames: FrameOrigin = "decoded",
        val_losses: bool = True,
        test_pairs: EvaluationPairs = "stream",
        encoding: EncodeSettings = EncodeSettings(keyframe_interval=None),  # noqa: B008
        motion: MotionSource = "codec",
        chaining: Chaining = "subpixel",
        refinement: Refinement = "auto",
        frame_cache_gib: float = 8.0,
        augment: ClipAugment | None = None,
        normalise: Normalisation = Normalisation(),  # noqa: B008
        batch_size: int = 8,
        num_workers: int = 2,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        check_range(1, keyframe_interval=keyframe_interval, batch_size=batch_size)
        check_range(0, num_workers=num_workers, frame_cache_gib=frame_cache_gib, seed=seed)
        check_words(train_on=(train_on, TrainOn), train_distance=(train_distance, TrainDistance))
        check_words(
            train_frames=(train_frames, FrameOrigin), test_pairs=(test_pairs, EvaluationPairs)
        )
        self.store = ClipStore(store, encoding, motion, chaining, refinement)
        self.layouts = {"train": train, "val": val, "test": test, "target": target}
        classes = [each.classes for each in (train, val, test) if each is not None]
        if not classes:
            raise ValueError(
                "no data: set data.train, data.val or data.test; the classes come from them, also "
                "to segment a video"
            )
        if any(each.names != classes[0].names for each in classes):
            raise ValueError(
                f"all splits need the same classes, got {[each.name for each in classes]}"
            )
        self.classes = classes[0]
        self.num_classes = self.classes.num_classes
        self.keyframe_interval = keyframe_interval
        self.train_on: TrainOn | None = train_on
        self.train_distance: TrainDistance = train_distance
        self.train_frames: FrameOrigin = train_frames
        self.val_losses = val_losses
        self.test_pairs: EvaluationPairs = test_pairs
        self.frame_cache_gib = frame_cache_gib
        self.augment = augment or ClipAugment()
        self.normalise = normalise
        self.batch_size, self.num_workers = batch_size, num_workers
        self.seed = int(os.environ.get(_RUNS_SEED, 0)) if seed is None else seed
        self.task: object = None
        self._videos: dict[str, list[LabelledVideo]] = {}
        self._first_epoch = 0
        self._failure: Exception | None = None

    @property
    def needs(self) -> TaskNeeds:
        """What the task needs, in the trainer's present stage."""
        if self.trainer is None:
            return TaskNeeds(self.task, self.train_on)
        stage = self.trainer.state.fn
        task = self.trainer.lightning_module
        return TaskNeeds(task, self.train_on, stage.value if stage else "fit")

    def videos(self, split: str) -> list[LabelledVideo]:
        """The labelled videos of a split; listed once.

        Raises:
            ValueError: If the configuration names no data for it.
        """
        layout = self.layouts[split]
        if layout is None:
            raise ValueError(f"no {split} data: set data.{split} in the configuration")
        if split not in self._videos:
            self._videos[split] = layout.videos()
        return self._videos[split]

    def splits_on_video(self) -> list[str]:
        """The splits that are read as video, so that they have to be prepared."""
        present = [name for name, layout in self.layouts.items() if layout is not None]
        if self.needs.task is not None and not self.needs.training.target:
            present = [name for name in present if name != "target"]
        return [name for name in present if self._is_on_video(name)]

    def _is_on_video(self, split: str) -> bool:
        """Whether a split is read as decoded video; otherwise as the frames before encoding."""
        needs = self.needs
        if needs.stage == "predict":
            return not all(video.is_still for video in self.videos(split))
        # All tests are on video, so that those of different runs see the same pixels.
        if split == "test" or (split == "val" and not needs.evaluation(split).single):
            return True
        # Who segments single frames and trains on stills validates on stills, too.
        return not needs.on_stills

    def example_size(self, split: str) -> tuple[int, int]:
        """Height and width of a split's first frame."""
        if not self._is_on_video(split):
            first = next(each for each in self.videos(split) if each.labelled)
            image = first.image(first.labelled[0])
        else:
            file = self.store.video(self.videos(split)[0], self.needs.motion(split))
            image = read_frames(file, [0])[0].image
        return image.shape[0], image.shape[1]

    @property
    def _predicted(self) -> str:
        """The split that Lightning's ``predict`` segments: the test, if there is one."""
        return "test" if self.layouts["test"] is not None else "val"

    def prepare_data(self) -> None:
        """Encode and cache what is missing; runs on one process of each node.

        If it fails beside other processes, all say so in ``setup``: they would wait for this one.
        """
        workers = None if self.num_workers else 1
        needs = self.needs
        stages = {"fit": ("train", "target", "val"), "validate": ("val",), "test": ("test",)}
        wanted = stages.get(needs.stage, (self._predicted,))
        splits = [split for split in self.splits_on_video() if split in wanted]
        try:
            for with_motion in (True, False):
                alike = (split for split in splits if needs.motion(split) is with_motion)
                videos = [video for split in alike for video in self.videos(split)]
                prepare_missing(self.store, videos, workers, with_motion)
        except Exception as error:
            if not is_distributed():
                raise
            self._failure = error

    def setup(self, stage: str) -> None:
        """Raise if any node lacks its data."""
        failure, self._failure = self._failure, None
        raise_on_all_ranks(failure)

    def state_dict(self) -> dict[str, int]:
        """First epoch and samples a step of a training that resumes from here."""
        steps = samples_per_step(self.trainer, self.batch_size)
        return {"first_epoch": finished_epochs(self.trainer), "samples_per_step": steps}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Restore the epoch before the loader is made: workers load ahead before Lightning does."""
        if self.trainer is not None and self.needs.stage == "fit" and resumes(self.trainer):
            now = samples_per_step(self.trainer, self.batch_size)
            before = state_dict.get("samples_per_step", now)
            if before != now:  # the schedule counts steps
                raise ValueError(
                    f"the checkpoint was trained on {before} samples a step, and this run has "
                    f"{now}: processes (trainer.devices, trainer.num_nodes) x data.batch_size x "
                    f"trainer.accumulate_grad_batches; change them so that the product is the same"
                )
        self._first_epoch = state_dict["first_epoch"]

    def train_dataloader(self) -> Loader:
        """Shuffled training samples."""
        source = self._training_clips("train", self.augment)
        dataset: TrainingClips | AdaptationClips = source
        if self.needs.training.target:  # the videos of a missing target are refused by name
            dataset = AdaptationClips(source, self._training_clips("target", self.augment))
        sampler = EpochSampler(len(dataset), self.seed, *processes(self.trainer))
        # After a restart from a checkpoint, the trainer knows its epoch later than the workers ask.
        sampler.set_epoch(max(self._first_epoch, finished_epochs(self.trainer)))
        return clip_loader(dataset, sampler, self.batch_size, self.num_workers)

    def val_dataloader(self) -> list[Loader]:
        """Validation streams, and the clips on which losses are computed; or none."""
        if self.layouts["val"] is None:
            return []
        loaders = [self._evaluation_loader("val", "stream")]
        if self.val_losses and self.needs.task:
            whole = ClipAugment(crop_size=None, scales=(1.0,), jitter=0.0, flip_probability=0.0)
            try:
                dataset = self._training_clips("val", whole)
            except ValueError as error:
                rank_zero_warn(f"no val/loss: {error}")
            else:
                loaders.append(self._stream_loader(dataset))
        return loaders

    def test_dataloader(self) -> Loader:
        """Test clips."""
        return self._evaluation_loader("test", self.test_pairs)

    def predict_dataloader(self) -> Loader:
        """Every frame of the test videos, or of the validation videos if there are none."""
        return self._evaluation_loader(self._predicted, "every_frame", "predict")

    def _training_clips(self, split: str, augment: ClipAugment) -> TrainingClips:
        on_stills = self.needs.on_stills
        needs = Needs() if on_stills else self.needs.training
        frames = "original" if on_stills else self.train_frames
        with_motion = needs.clip_motion is not None
        reader = ClipReader(self.videos(split), self.store, frames, with_motion=with_motion)
        spans = ClipSpans(needs, self.keyframe_interval, self.train_distance)
        cache_bytes = 0 if on_stills else int(self.frame_cache_gib * 2**30)
        return TrainingClips(reader, spans, augment, self.normalise, self.seed, cache_bytes)

    def _evaluation_loader(self, split: str, pairs: StreamKind, stage: str | None = None) -> Loader:
        needs = self.needs.evaluation(stage or split)
        is_decoded = self._is_on_video(split)
        frames: FrameOrigin = "decoded" if is_decoded else "original"
        with_motion = needs.motion and is_decoded
        reader = ClipReader(self.videos(split), self.store, frames, with_motion=with_motion)
        clips = choose_clips(reader, self.keyframe_interval, pairs, needs)
        return self._stream_loader(EvaluationClips(reader, clips, self.normalise))

    def _stream_loader(self, dataset: EvaluationClips | TrainingClips) -> Loader:
        """Each stream, of which samples may be pieces, by one process in order."""
        sampler = EvaluationSampler(dataset.streams, *processes(self.trainer))
        whole = not isinstance(dataset, TrainingClips)  # samples are batches already
        return clip_loader(dataset, sampler, 1, self.num_workers, whole)
