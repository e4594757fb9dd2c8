"""The LightningDataModule: encodes what is no video, caches motion, and serves clips."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Literal

from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from arseg_lightning.datasets.augment import ClipAugment
from arseg_lightning.datasets.clips import (
    ClipSpec,
    EvaluationPairs,
    TrainDistance,
    every_distance,
    group_of_pictures,
)
from arseg_lightning.datasets.dataset import (
    EvaluationClips,
    TrainingClips,
    TrainingStills,
    collate,
)
from arseg_lightning.datasets.layout import Layout
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.datasets.sampler import EpochSampler, EvaluationSampler
from arseg_lightning.datasets.sequence import Sequence
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.datasets.stream import VideoStream
from arseg_lightning.types import ClassSet, Clip
from arseg_lightning.video.decode import read_frames
from arseg_lightning.video.encode import EncodeSettings
from arseg_lightning.video.usable import MotionSource

__all__ = ["ClipDataModule"]

Loader = DataLoader[Clip]


class ClipDataModule(LightningDataModule):
    """Clips for training, evaluation and prediction, with their motion cached on disk.

    The cache does not depend on the keyframe interval: sweeping it extracts nothing again.

    Args:
        train: Data to train on.
        val: Data to validate on; none skips validation.
        test: Data to test on.
        video: One's own video, for ``predict``.
        store: Folder of encoded clips and cached motion.
        keyframe_interval: L; every L-th frame is a keyframe, and so is each I-frame.
        train_on: ``clips`` trains on pairs of a keyframe and a frame behind it, decoded from
            compressed video; ``stills`` on the labelled frames alone, uncompressed (phase 1).
        train_distance: Distance within a training pair: ``uniform`` in 1..L-1, or ``last``:
            always L-1, as in the paper.
        test_pairs: ``stream`` segments each frame once, as in use; ``every_distance`` pairs each
            labelled frame with a keyframe at every distance, as in the paper.
        encoding: How frames that are no video yet are encoded; one long GOP by default.
        motion: ``codec`` or ``reencode``: what to do with videos without usable vectors.
        augment: Augmentation of training samples.
        normalise: Normalisation of images.
        batch_size: Training samples a step and process.
        num_workers: Loader processes; 0 loads in the main one.
        seed: Decides order and augmentation.

    Raises:
        ValueError: If the keyframe interval is below 1 or the splits' classes differ.
    """

    def __init__(
        self,
        train: Layout,
        val: Layout | None = None,
        test: Layout | None = None,
        video: Path | None = None,
        store: Path = Path("data/cache"),
        keyframe_interval: int = 12,
        train_on: Literal["clips", "stills"] = "clips",
        train_distance: TrainDistance = "uniform",
        test_pairs: EvaluationPairs = "stream",
        encoding: EncodeSettings = EncodeSettings(keyframe_interval=None),  # noqa: B008
        motion: MotionSource = "codec",
        augment: ClipAugment | None = None,
        normalise: Normalisation = Normalisation(),  # noqa: B008
        batch_size: int = 8,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if keyframe_interval < 1:
            raise ValueError(f"keyframe_interval is at least 1, got {keyframe_interval}")
        self.layouts = {"train": train, "val": val, "test": test}
        self.classes = _common_classes([train, val, test])
        self.video = video
        self.store = ClipStore(store, encoding, motion)
        self.keyframe_interval = keyframe_interval
        self.train_on = train_on
        self.train_distance: TrainDistance = train_distance
        self.test_pairs: EvaluationPairs = test_pairs
        self.augment = augment or ClipAugment()
        self.normalise = normalise
        self.batch_size, self.num_workers, self.seed = batch_size, num_workers, seed
        self._sequences: dict[str, list[Sequence]] = {}

    @property
    def num_classes(self) -> int:
        """Number of classes of the data."""
        return self.classes.num_classes

    def prepare_data(self) -> None:
        """Encode and cache what is missing; runs on one process of each node."""
        if self._stage() == "predict":
            self.store.cache.ensure(self._usable_video())
            return
        for split in self._needed_splits():
            sequences = self.sequences(split)
            with tqdm(total=len(sequences), desc=f"preparing {split}", leave=False) as bar:
                self.store.prepare_all(sequences, lambda *_: bar.update() and None)

    def sequences(self, split: str) -> list[Sequence]:
        """The sequences of a split.

        Raises:
            ValueError: If the configuration names no data for it.
        """
        layout = self.layouts[split]
        if layout is None:
            raise ValueError(f"no {split} data: set data.{split} in the configuration")
        if split not in self._sequences:
            self._sequences[split] = layout.sequences()
        return self._sequences[split]

    def train_dataloader(self) -> Loader:
        """Shuffled training samples."""
        sequences = self.sequences("train")
        dataset: TrainingStills | TrainingClips
        if self.train_on == "stills":
            dataset = TrainingStills(sequences, self.augment, self.normalise, self.seed)
        else:
            dataset = TrainingClips(
                sequences,
                self.store,
                self.keyframe_interval,
                self.train_distance,
                self.augment,
                self.normalise,
                self.seed,
            )
        sampler = EpochSampler(len(dataset), self.seed, *self._processes())
        return self._loader(dataset, sampler, self.batch_size, drop_last=True)

    def val_dataloader(self) -> Loader | list[Loader]:
        """Validation clips, or none."""
        return self._evaluation_loader("val", "stream") if self.layouts["val"] else []

    def test_dataloader(self) -> Loader:
        """Test clips."""
        return self._evaluation_loader("test", self.test_pairs)

    def predict_dataloader(self) -> Loader:
        """The keyframe periods of one's own video."""
        path = self._usable_video()
        motion = self.store.cache.read(path)
        stream = VideoStream(path, motion, self.keyframe_interval, self.normalise)
        return DataLoader(stream, batch_size=1, collate_fn=collate)

    def predict_fps(self) -> float:
        """Frames a second of one's own video."""
        return self.store.cache.read(self._usable_video()).fps

    def example_size(self, split: str) -> tuple[int, int]:
        """Height and width of a split's first sequence."""
        path = self._usable_video() if split == "predict" else None
        path = path or self.store.video(self.sequences(split)[0])
        return read_frames(path, [0])[0].size

    def _evaluation_loader(self, split: str, pairs: EvaluationPairs) -> Loader:
        sequences = self.sequences(split)
        clips = [clip for i, seq in enumerate(sequences) for clip in self._clips(i, seq, pairs)]
        if not clips:
            raise ValueError(
                f"no labelled frame of the {split} data has keyframe_interval="
                f"{self.keyframe_interval} frames to itself without an I-frame between; use a "
                f"smaller keyframe_interval, longer clips or test_pairs=stream"
            )
        dataset = EvaluationClips(sequences, self.store, clips, self.normalise)
        return self._loader(dataset, EvaluationSampler(len(dataset), *self._processes()), 1)

    def _clips(self, index: int, sequence: Sequence, pairs: EvaluationPairs) -> list[ClipSpec]:
        motion, interval = self.store.motion(sequence), self.keyframe_interval
        if pairs == "every_distance":
            return every_distance(index, motion.intra_frames, interval, sequence.labelled)
        if interval > motion.num_frames:
            raise ValueError(
                f"keyframe_interval={interval} is longer than {sequence.name} with its "
                f"{motion.num_frames} frames; use at most {motion.num_frames}"
            )
        return group_of_pictures(
            index, motion.intra_frames, motion.num_frames, interval, sequence.labelled
        )

    def _loader(
        self,
        dataset: Dataset[Clip],
        sampler: EpochSampler | EvaluationSampler,
        batch_size: int,
        drop_last: bool = False,
    ) -> Loader:
        if drop_last and len(sampler) < batch_size:
            raise ValueError(
                f"{len(sampler)} training samples a process do not fill one batch of "
                f"{batch_size}; lower data.batch_size"
            )
        return DataLoader(
            dataset,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            collate_fn=collate,
            drop_last=drop_last,
            worker_init_fn=_keep_inherited_garbage,
        )

    def _usable_video(self) -> Path:
        if self.video is None:
            raise ValueError("predict needs a video: --data.video FILE")
        return self.store.usable(self.video)

    def _stage(self) -> str:
        fn = self.trainer.state.fn if self.trainer is not None else None
        return fn.value if fn is not None else "fit"

    def _needed_splits(self) -> list[str]:
        wanted = {"fit": ("train", "val"), "validate": ("val",), "test": ("test",)}
        splits = wanted.get(self._stage(), ("train", "val", "test"))
        present = [split for split in splits if self.layouts[split] is not None]
        return [s for s in present if s != "train" or self.train_on == "clips"]

    def _processes(self) -> tuple[int, int]:
        """Rank and number of processes."""
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size


def _keep_inherited_garbage(worker: int) -> None:
    """Keep a forked worker from freeing its parent's codecs.

    Codecs that the parent has used and dropped may wait for its garbage collector. A worker
    inherits them without their threads, and freeing them there crashes it.
    """
    gc.freeze()


def _common_classes(layouts: list[Layout | None]) -> ClassSet:
    """The class set that all splits share."""
    sets = [layout.classes for layout in layouts if layout is not None]
    if any(classes.names != sets[0].names for classes in sets):
        raise ValueError(
            f"all splits need the same classes, got {[classes.name for classes in sets]}"
        )
    return sets[0]
