"""The LightningDataModule: encodes what is no video, caches motion, and serves clips."""

from __future__ import annotations

from pathlib import Path

from lightning import LightningDataModule
from lightning.pytorch.utilities import CombinedLoader

from arseg_lightning.datasets.augment import ClipAugment
from arseg_lightning.datasets.clips import EvaluationPairs, TrainDistance, TrainOn
from arseg_lightning.datasets.labelled_video import LabelledVideo
from arseg_lightning.datasets.labels import read_image
from arseg_lightning.datasets.layout import Layout, PreparedLayout, common_classes
from arseg_lightning.datasets.loader import Loader, clip_loader, stream_loader
from arseg_lightning.datasets.needs import Needs, evaluation_needs, on_stills, training_needs
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.datasets.preparation import prepare_missing
from arseg_lightning.datasets.reader import FrameSource
from arseg_lightning.datasets.sampler import EpochSampler
from arseg_lightning.datasets.split_datasets import (
    evaluation_dataset,
    loss_dataset,
    predicted_split,
    prediction_dataset,
    training_dataset,
)
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.datasets.trainer_state import (
    finished_epochs,
    processes,
    refuse_other_steps,
    resumes,
    samples_per_step,
)
from arseg_lightning.distributed import is_distributed, raise_on_all_ranks
from arseg_lightning.parallel_jobs import available_cores
from arseg_lightning.ranges import check_range, check_words
from arseg_lightning.video.cache import MotionSource
from arseg_lightning.video.chain import Chaining
from arseg_lightning.video.encode import EncodeSettings
from arseg_lightning.video.frame_reader import read_frames

__all__ = ["ClipDataModule"]


class ClipDataModule(LightningDataModule):
    """Clips for training and evaluation, with their motion cached on disk.

    The cache depends neither on the keyframe interval nor on the chaining: sweeping them extracts
    nothing again.

    Args:
        train: Data to train on.
        val: Data to validate on; none skips validation.
        test: Data to test on, or pairs of frames that someone else has prepared.
        store: Folder of encoded clips and cached motion.
        keyframe_interval: L; every L-th frame is a keyframe, and so is each I-frame.
        target: Unlabelled data that a method adapts to, if it does.
        train_on: ``clips`` trains on frames decoded from compressed video; ``stills`` on the
            labelled frames alone, uncompressed. By default what the method needs.
        train_distance: Distance within a training pair: ``uniform`` in 1..L-1, or ``last``:
            always L-1, as in the paper.
        train_frames: ``decoded`` trains on what a decoder gives, as in use; ``original`` on the
            frames before any compression by us, as in the paper. Motion comes from the encoded
            clip either way. Of data that are videos already, the decoded frames are the original.
        val_losses: Whether the losses are also computed on the validation data, for ``val/loss``;
            it takes as long as the validation itself, of methods with keyframes two to three times.
        test_pairs: ``stream`` segments each frame once, as in use; ``every_distance`` pairs each
            labelled frame with a keyframe at every distance, as in the paper.
        encoding: How frames that are no video yet are encoded; one long GOP by default.
        motion: ``codec`` or ``reencode``: what to do with videos without usable vectors.
        chaining: How motion is composed to the keyframe: ``subpixel``; ``integer``, in whole
            pixels as in the paper; or ``none``: zero motion, the ablation without.
        frame_cache_gib: Disk in the store for decoded training frames, GiB at most; 0 keeps none.
            It spares each epoch the decoding of all frames before the ones that it needs.
        augment: Augmentation of training samples.
        normalise: Normalisation of images.
        batch_size: Training samples a step and process.
        num_workers: Loader processes; 0 loads in the main one, and prepares there what is missing:
            otherwise all cores do that if it takes long.
        seed: Decides order and augmentation.

    Attributes:
        task: The task that the data are for, and whose needs count, where no trainer says so.

    Raises:
        ValueError: If the keyframe interval or batch size is below 1, another number below 0, a
            word is none of its choices, there are no data, or the splits' classes differ.
    """

    def __init__(
        self,
        train: Layout | None = None,
        val: Layout | None = None,
        test: Layout | PreparedLayout | None = None,
        target: Layout | None = None,
        store: Path = Path("data/cache"),
        keyframe_interval: int = 12,
        train_on: TrainOn | None = None,
        train_distance: TrainDistance = "uniform",
        train_frames: FrameSource = "decoded",
        val_losses: bool = True,
        test_pairs: EvaluationPairs = "stream",
        encoding: EncodeSettings = EncodeSettings(keyframe_interval=None),  # noqa: B008
        motion: MotionSource = "codec",
        chaining: Chaining = "subpixel",
        frame_cache_gib: float = 8.0,
        augment: ClipAugment | None = None,
        normalise: Normalisation = Normalisation(),  # noqa: B008
        batch_size: int = 8,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_range(1, keyframe_interval=keyframe_interval, batch_size=batch_size)
        check_range(0, num_workers=num_workers, frame_cache_gib=frame_cache_gib, seed=seed)
        check_words(train_on=(train_on, TrainOn), train_distance=(train_distance, TrainDistance))
        check_words(
            train_frames=(train_frames, FrameSource), test_pairs=(test_pairs, EvaluationPairs)
        )
        self.layouts: dict[str, Layout | PreparedLayout | None]
        self.layouts = {"train": train, "val": val, "test": test}
        self.classes = common_classes(list(self.layouts.values()))
        self.layouts["target"] = target
        self.store = ClipStore(store, encoding, motion, chaining)
        self.keyframe_interval = keyframe_interval
        self.train_on = train_on
        self.train_distance: TrainDistance = train_distance
        self.train_frames: FrameSource = train_frames
        self.val_losses = val_losses
        self.test_pairs: EvaluationPairs = test_pairs
        self.frame_cache_gib = frame_cache_gib
        self.augment = augment or ClipAugment()
        self.normalise = normalise
        self.batch_size, self.num_workers, self.seed = batch_size, num_workers, seed
        self.task: object = None
        self._videos: dict[str, list[LabelledVideo]] = {}
        self._first_epoch = 0
        self._failure: Exception | None = None

    @property
    def num_classes(self) -> int:
        """Number of classes of the data."""
        return self.classes.num_classes

    def prepare_data(self) -> None:
        """Encode and cache what is missing; runs on one process of each node.

        If it fails beside other processes, all say so in ``setup``: they would wait for this one.
        """
        try:
            self._prepare()
        except Exception as error:
            if not is_distributed():
                raise
            self._failure = error

    def setup(self, stage: str) -> None:
        """Go on only if every node has its data."""
        failure, self._failure = self._failure, None
        raise_on_all_ranks(failure)

    def _prepare(self) -> None:
        workers = available_cores() if self.num_workers else 1
        for with_motion in (True, False):
            splits = (name for name in self._needed_splits() if self.moves(name) is with_motion)
            needed = [each for split in splits for each in self.videos(split)]
            prepare_missing(self.store, needed, workers, with_motion)

    @property
    def needs(self) -> Needs:
        """What the method that is trained needs; pairs with motion as long as there is none."""
        return training_needs(self._task, self.train_on)

    @property
    def trains_on_stills(self) -> bool:
        """Whether training looks at single uncompressed images; refused if it needs more."""
        return on_stills(self.needs, self.train_on)

    def moves(self, split: str) -> bool:
        """Whether anyone looks at the motion of a split."""
        if split in ("train", "target"):
            return self.needs.clip_motion is not None
        return evaluation_needs(self._task, split).motion

    @property
    def _task(self) -> object:
        return self.trainer.lightning_module if self.trainer is not None else self.task

    def videos(self, split: str) -> list[LabelledVideo]:
        """The sequences of a split.

        Raises:
            ValueError: If the configuration names no data for it, or data without sequences.
        """
        layout = self.layouts[split]
        if layout is None:
            raise ValueError(f"no {split} data: set data.{split} in the configuration")
        if isinstance(layout, PreparedLayout):
            raise ValueError(
                f"data.{split} are prepared pairs of frames, and this needs whole sequences; "
                f"segment a video with `predict --video FILE`"
            )
        if split not in self._videos:
            self._videos[split] = layout.videos()
        return self._videos[split]

    def splits_on_video(self) -> list[str]:
        """The splits whose sequences have to be prepared."""
        present = [name for name, layout in self.layouts.items() if isinstance(layout, Layout)]
        return [name for name in present if self.is_on_video(name)]

    def is_on_video(self, split: str) -> bool:
        """Whether anyone looks at a split as video: decoded frames, and perhaps their motion.

        Who segments single frames and trains on stills validates on the like. All tests are on
        video, so that those of different runs see the same pixels.
        """
        if self._stage() == "predict":
            return not all(sequence.is_still for sequence in self.videos(split))
        sees_video = split == "val" and not evaluation_needs(self._task, split).single
        unused = split == "target" and self._task is not None and not self.needs.target
        return split == "test" or sees_video or not (unused or self.trains_on_stills)

    def state_dict(self) -> dict[str, int]:
        """Where a training that resumes from here starts, and what its steps are."""
        steps = samples_per_step(self.trainer, self.batch_size)
        return {"first_epoch": finished_epochs(self.trainer), "samples_per_step": steps}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Know the epoch before the loader is made: workers load ahead before Lightning tells."""
        if self.trainer is not None and self._stage() == "fit" and resumes(self.trainer):
            steps = samples_per_step(self.trainer, self.batch_size)
            refuse_other_steps(state_dict.get("samples_per_step"), steps)
        self._first_epoch = state_dict["first_epoch"]

    def train_dataloader(self) -> Loader | CombinedLoader:
        """Shuffled training samples; with a target, batches of both side by side."""
        if not self.needs.target:
            return self._training_loader("train")
        if self.layouts["target"] is None:
            raise ValueError("the method adapts to a second data set: set data.target")
        loaders = [self._training_loader(split) for split in ("train", "target")]
        return CombinedLoader(loaders, "max_size_cycle")

    def _training_loader(self, split: str) -> Loader:
        dataset = training_dataset(self, split, self.augment)
        sampler = EpochSampler(len(dataset), self.seed, *processes(self.trainer))
        sampler.set_epoch(max(self._first_epoch, finished_epochs(self.trainer)))
        return clip_loader(dataset, sampler, self.batch_size, self.num_workers, drop_last=True)

    def val_dataloader(self) -> list[Loader]:
        """Validation streams, and the clips on which losses are computed; or none."""
        if self.layouts["val"] is None:
            return []
        return [self._evaluation_loader("val", "stream"), *self._loss_loader()]

    def _loss_loader(self) -> list[Loader]:
        dataset = loss_dataset(self, "val") if self.val_losses and self._task else None
        if dataset is None:
            return []
        return [stream_loader(dataset, processes(self.trainer), self.num_workers, whole=False)]

    def test_dataloader(self) -> Loader:
        """Test clips."""
        return self._evaluation_loader("test", self.test_pairs)

    def predict_dataloader(self) -> Loader:
        """Every frame of the test videos, or of the validation videos if there are none."""
        dataset = prediction_dataset(self, evaluation_needs(self._task, "predict"))
        return stream_loader(dataset, processes(self.trainer), self.num_workers)

    def example_size(self, split: str) -> tuple[int, int]:
        """Height and width of a split's first frame."""
        layout = self.layouts.get(split)
        if isinstance(layout, PreparedLayout):
            image = read_image(layout.clips(self.keyframe_interval)[0].images[0])
        elif not self.is_on_video(split):
            first = next(each for each in self.videos(split) if each.labelled)
            image = first.image(first.labelled[0])
        else:
            video = self.store.video(self.videos(split)[0], self.moves(split))
            image = read_frames(video, [0])[0].image
        return image.shape[0], image.shape[1]

    def _evaluation_loader(self, split: str, pairs: EvaluationPairs) -> Loader:
        dataset = evaluation_dataset(self, split, pairs, evaluation_needs(self._task, split))
        return stream_loader(dataset, processes(self.trainer), self.num_workers)

    def _stage(self) -> str:
        fn = self.trainer.state.fn if self.trainer else None
        return fn.value if fn else "fit"

    def _needed_splits(self) -> list[str]:
        wanted = {"fit": ("train", "target", "val"), "validate": ("val",), "test": ("test",)}
        wanted["predict"] = (predicted_split(self),)
        splits = wanted.get(self._stage(), ("train", "target", "val", "test"))
        return [split for split in self.splits_on_video() if split in splits]
