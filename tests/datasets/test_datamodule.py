"""The data module: what it prepares, what it serves, and what it refuses."""

import multiprocessing
import os
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning import Trainer
from lightning.pytorch.trainer.states import TrainerFn
from PIL import Image

from arseg_lightning.datasets import (
    ClipAugment,
    ClipDataModule,
    EvaluationNeeds,
    Needs,
    Normalisation,
    StillFolder,
    SyntheticDriving,
    UnlabelledVideos,
)
from arseg_lightning.datasets.augment import to_tensor
from arseg_lightning.datasets.clips import choose_clips
from arseg_lightning.datasets.evaluation import EvaluationClip, EvaluationClips
from arseg_lightning.datasets.labelled_video import LabelledVideoFile
from arseg_lightning.datasets.preparation import prepare_missing
from arseg_lightning.datasets.reader import ClipReader
from arseg_lightning.datasets.training_clips import TrainingClips
from arseg_lightning.propagation import warp
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.encode import EncodeSettings
from arseg_lightning.video.frame_reader import read_frames
from tests.video.small_videos import moving_frames, write_stream, write_video

SMALL = {"num_frames": 8, "height": 48, "width": 64}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store that is prepared once."""
    folder = tmp_path_factory.mktemp("store")
    prepare(module(folder))
    return folder


PLAIN = ClipAugment(None, (1.0,), jitter=0, flip_probability=0)


def video_size(path):
    return read_frames(path, [0])[0].size


def module(store, **changes):
    arguments = {
        "train": SyntheticDriving(1, first_seed=0, **SMALL),
        "test": SyntheticDriving(1, first_seed=100, **SMALL),
        "store": store,
        "keyframe_interval": 4,
        "augment": ClipAugment((32, 48), (1.0,), jitter=0, flip_probability=0),
        "batch_size": 2,
        "num_workers": 0,
    }
    return ClipDataModule(**(arguments | changes))


class Task:
    """Stands for a LightningModule that says what it needs."""

    def __init__(self, needs):
        self.needs = needs

    def evaluation_needs(self, split):
        return EvaluationNeeds(motion=self.needs.motion is not None)


def needing(data, needs):
    """A data module beside a task that needs something."""
    data.trainer = SimpleNamespace(
        lightning_module=Task(needs),
        state=SimpleNamespace(fn=None),
        global_rank=0,
        world_size=1,
        fit_loop=Trainer(logger=False, barebones=True).fit_loop,
    )
    return data


def prepare(data):
    for split in data.splits_on_video():
        prepare_missing(data.store, data.videos(split))


def test_training_pairs_are_a_keyframe_and_a_frame_after_it(store):
    batch = next(iter(module(store).train_dataloader()))
    assert batch.images.shape == (2, 2, 3, 32, 48)
    assert batch.images.is_contiguous()  # in whatever process it is made: sums depend on it
    assert (batch.distances[:, 0] == 0).all()
    assert set(batch.distances[:, 1].tolist()) <= {1, 2, 3}
    assert not batch.motion[:, 0].any()


@pytest.mark.parametrize("interval", [2, 4])
def test_the_paper_trains_the_last_distance_always(store, interval):
    data = module(store, train_distance="last", keyframe_interval=interval)
    dataset = data.train_dataloader().dataset
    clips = [dataset[epoch, index] for epoch in range(3) for index in range(len(dataset))]
    assert len(clips) == 3 * (SMALL["num_frames"] - interval + 1)
    assert all(clip.distances.tolist() == [0, interval - 1] for clip in clips)


def test_original_frames_are_the_sources_and_their_motion_the_encoded_clips(store):
    arguments = {"augment": ClipAugment(None, (1.0,), jitter=0, flip_probability=0)}
    original, decoded = (
        module(store, train_frames=frames, **arguments) for frames in ("original", "decoded")
    )
    sources = list(original.videos("train")[0].images())
    for index in (0, 6):
        one, other = (data.train_dataloader().dataset[0, index] for data in (original, decoded))
        indices = [int(name.split("/")[1]) for name in one.names]
        shown = original.normalise.undo(one.images).permute(0, 2, 3, 1).numpy()
        assert (shown == [sources[index] for index in indices]).all()
        assert not one.images.equal(other.images)
        assert one.names == other.names
        assert one.motion.equal(other.motion)


@pytest.mark.parametrize("frames", ["original", "decoded"])
def test_a_video_is_its_own_original(store, tmp_path, frames):
    data = module(store)
    (driving,) = data.videos("train")
    blank = tmp_path / "labels" / "000005.png"
    blank.parent.mkdir()
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(blank)
    video = LabelledVideoFile("video", data.store.video(driving), {5: blank}, driving.classes)
    images = ClipReader([video], data.store, frames).images(0, (5, 2))
    decoded = ClipReader([driving], data.store).images(0, (5, 2))
    assert (images == decoded).all()


def motions(store, chaining):
    """Motion of what is trained on and tested on."""
    changes = {"keyframe_interval": 8, "train_distance": "last", "batch_size": 1}
    data = module(store, chaining=chaining, **changes)
    trained = next(iter(data.train_dataloader())).motion
    clip = next(iter(data.test_dataloader()))
    tested = torch.from_numpy(motion_of(clip).xy)
    return [trained, tested]


def motion_of(clip):
    """Motion of the last frame of a stream to its start."""
    chain = MotionChain(clip.frames[0].streamed.frame.size, clip.chaining)
    for frame in clip.frames[1:]:
        chain.push(frame.streamed.step)
    return chain.motion()


def test_chaining_reaches_training_and_test(store):
    subpixel, integer, none = (motions(store, name) for name in ("subpixel", "integer", "none"))
    for exact, whole, zero in zip(subpixel, integer, none, strict=True):
        assert whole.any()
        assert whole.equal(whole.round())
        assert not exact.equal(exact.round())
        assert not zero.any()


def test_the_motion_of_a_clip_leads_to_its_keyframe(store):
    clip = module(store, keyframe_interval=8).test_dataloader().dataset[0]
    frames = EvaluationClip(clip.frames[:6], clip.normalise, clip.chaining)
    first, last = (
        to_tensor(f.streamed.frame.image[None]) for f in (clip.frames[0], clip.frames[5])
    )
    motion = torch.from_numpy(motion_of(frames).xy)[None]
    assert (warp(first, motion) - last).abs().mean() < 0.6 * (first - last).abs().mean()


def test_a_stream_counts_every_frame_once(store):
    clips = list(module(store).test_dataloader())
    names = [frame.name for clip in clips for frame in clip.frames]
    assert names == [f"driving_00100/{index:06d}" for index in range(8)]
    starts = [f.streamed.restart for clip in clips for f in clip.frames]
    assert starts == ["start", None, None, None] * 2


def every_distance_frames(store, **changes):
    data = module(store, test_pairs="every_distance", **changes)
    return [frame for clip in data.test_dataloader() for frame in clip.frames]


def test_every_distance_uses_the_same_frames(store):
    last = {}
    for frame in every_distance_frames(store):
        if frame.label is not None:
            last.setdefault(frame.distance, []).append(frame.name)
    assert sorted(last) == [0, 1, 2, 3]
    assert all(frames == last[0] for frames in last.values())


def test_at_every_distance_a_labelled_keyframe_counts_for_its_own_pair_alone(store):
    frames = every_distance_frames(store)
    counted = [(f.distance, f.name) for f in frames if f.label is not None]
    names = [f"driving_00100/{index:06d}" for index in range(3, 8)]
    assert sorted(counted) == sorted((d, name) for d in range(4) for name in names)


def test_frames_between_a_pair_pass_by_with_their_motion(store):
    frames = [f for f in every_distance_frames(store) if f.streamed.restart is None]
    assert {len(f.passed) for f in frames} == {0, 1, 2}
    assert all(len(f.passed) == f.distance - 1 for f in frames)


def test_a_long_stream_comes_in_pieces_of_the_same_frames(store, tmp_path):
    data = module(
        tmp_path, test=SyntheticDriving(1, first_seed=100, num_frames=40, height=32, width=48)
    )
    prepare_missing(data.store, data.videos("test"))
    reader = ClipReader(data.videos("test"), data.store)
    clips = choose_clips(reader, 4, "stream", EvaluationNeeds(every_frame=True))
    dataset = EvaluationClips(reader, clips, data.normalise)
    assert dataset.streams == [0, 0, 0]
    frames = [frame for piece in range(3) for frame in dataset[piece].frames]
    assert [f.streamed.frame.index for f in frames] == list(range(40))
    assert [f.streamed.restart for f in frames] == ["start"] + [None] * 39
    assert [f.streamed.step is None for f in frames] == [True] + [False] * 39
    assert [f.distance for f in frames] == [i % 4 for i in range(40)]


def test_the_seed_is_that_of_the_run_unless_it_is_given(tmp_path, monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "7")  # as seed_everything does
    assert module(tmp_path).seed == 7
    assert module(tmp_path, seed=3).seed == 3


def test_a_sample_depends_on_seed_epoch_and_index_alone(store):
    def sample(epoch, index):
        dataset = module(store, augment=ClipAugment((32, 48))).train_dataloader().dataset
        assert isinstance(dataset, TrainingClips)
        return dataset[epoch, index]

    assert sample(1, 2).images.equal(sample(1, 2).images)
    assert not sample(1, 2).images.equal(sample(2, 2).images)


def test_stills_train_without_any_cache(tmp_path):
    batch = next(iter(module(tmp_path, train_on="stills").train_dataloader()))
    assert batch.images.shape == (2, 1, 3, 32, 48)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("pairs", ["stream", "every_distance"])
def test_sweeping_interval_and_chaining_encodes_and_extracts_once(tmp_path, pairs):
    """Every file of the store is written by the first point of a sweep and never again."""

    def written():
        files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
        return [(path, path.stat().st_ino, path.stat().st_mtime_ns) for path in files]

    before = []
    for interval, chaining in [(4, "subpixel"), (2, "subpixel"), (8, "integer"), (3, "none")]:
        changes = {"keyframe_interval": interval, "chaining": chaining, "test_pairs": pairs}
        data = module(tmp_path, **changes)
        prepare(data)
        distances = [f.distance for clip in data.test_dataloader() for f in clip.frames]
        assert max(distances) == interval - 1
        before = before or written()
        assert written() == before
    folders = [path.parent.name for path, _, _ in before]
    assert folders == ["motion", "motion", "videos", "videos"]


@pytest.mark.parametrize("leads_to", ["keyframe", "previous", None])
def test_clips_have_the_frames_and_the_motion_that_a_method_needs(store, leads_to):
    data = needing(module(store), Needs(motion=leads_to, frames=3))
    dataset = data.train_dataloader().dataset
    assert len(dataset) == 6  # of eight frames, two have no two before them
    clip = dataset[0, 5]
    assert clip.names == tuple(f"driving_00000/{index:06d}" for index in (5, 6, 7))
    assert clip.distances.tolist() == [0, 1, 2]
    if leads_to is None:
        assert clip.motion is clip.valid is None
        return
    assert clip.valid.shape == (3, 32, 48)
    assert not clip.motion[0].any()
    base = {"keyframe": 5, "previous": 6}[leads_to]
    motion = data.store.motion_of(data.store.video(data.videos("train")[0]))
    plain = needing(module(store, augment=PLAIN), Needs(motion=leads_to, frames=3))
    whole = plain.train_dataloader().dataset[0, 5]
    assert np.array_equal(whole.motion[2].numpy(), motion.motion(7, base).xy)
    assert np.array_equal(whole.valid[2].numpy(), motion.motion(7, base).valid)


def test_clips_may_have_gaps_that_are_drawn(store):
    dataset = needing(module(store), Needs(frames=2, spacing=(2, 4))).train_dataloader().dataset
    gaps = {int(dataset[epoch, index].distances[1]) for epoch in range(8) for index in range(6)}
    assert gaps == {2, 3, 4}


ADAPTS = Needs(training_motion="previous", frames=2, target=True)


def test_a_second_data_set_comes_beside_the_first_without_labels(store):
    other = SyntheticDriving(1, first_seed=7, **SMALL)
    data = needing(module(store, target=other), ADAPTS)
    prepare(data)
    batch = next(iter(data.train_dataloader()))
    assert batch.target is not None
    assert batch.target.images.shape[:3] == batch.images.shape[:3] == (2, 2, 3)
    assert (batch.target.labels == 255).all()
    assert (batch.labels != 255).any()
    assert all(name.startswith("driving_00007") for names in batch.target.names for name in names)
    dataset = data.train_dataloader().dataset
    again, other_epoch = dataset[0, 0].target, dataset[1, 0].target
    assert again.images.equal(dataset[0, 0].target.images)
    assert not again.images.equal(other_epoch.images)


def test_a_method_that_adapts_says_what_it_lacks(store):
    with pytest.raises(ValueError, match=r"no target data: set data\.target"):
        needing(module(store), ADAPTS).train_dataloader()


def test_a_second_data_set_that_nothing_adapts_to_is_not_prepared(tmp_path):
    gone = StillFolder(tmp_path / "gone", "camvid11")
    data = needing(module(tmp_path, target=gone), Needs(motion="keyframe", frames=2))
    data.prepare_data()
    assert next(iter(data.train_dataloader())).target is None


def test_videos_without_labels_serve_as_a_second_data_set(store, tmp_path):
    write_video(tmp_path / "drive.mp4", 11)
    data = needing(module(store, target=UnlabelledVideos(tmp_path, step=2)), ADAPTS)
    prepare(data)
    batch = next(iter(data.train_dataloader()))
    assert {name.split("/")[0] for names in batch.target.names for name in names} == {"drive"}
    assert (batch.target.labels == 255).all()


def test_labels_without_neighbours_are_refused(store):
    with pytest.raises(ValueError, match=r"no labelled frame has 8 frames of past and 0 of future"):
        needing(module(store), Needs(frames=9)).train_dataloader()


def test_stills_are_refused_for_a_method_that_needs_motion(store):
    data = needing(module(store, train_on="stills"), Needs(motion="keyframe", frames=2))
    with pytest.raises(ValueError, match=r"train_on=stills gives single images.*leave train_on"):
        data.train_dataloader()


def test_a_method_that_needs_no_motion_prepares_none(tmp_path):
    """Single images train on the stills themselves: nothing is encoded before the first step."""
    data = needing(module(tmp_path, test=None), Needs())
    data.prepare_data()
    batch = next(iter(data.train_dataloader()))
    assert batch.images.shape == (2, 1, 3, 32, 48)
    assert batch.motion is None
    assert not any(tmp_path.iterdir())
    data = needing(module(tmp_path), Needs())
    data.trainer.state.fn = TrainerFn.TESTING
    data.prepare_data()
    assert len(list(tmp_path.glob("videos/*.mp4"))) == 1  # the test video is decoded
    assert not list(tmp_path.glob("motion/*"))
    assert len(list(data.test_dataloader())) == 2


def test_a_video_without_usable_vectors_serves_a_method_that_needs_no_motion(store, tmp_path):
    video = write_stream(tmp_path / "clip.mp4", "libx264", {"bf": "2"}, moving_frames(8))
    blank = tmp_path / "000005.png"
    Image.fromarray(np.zeros(video_size(video), np.uint8)).save(blank)
    sequence = LabelledVideoFile("video", video, {5: blank}, SyntheticDriving(1, **SMALL).classes)
    reader = ClipReader([sequence], module(store).store, with_motion=False)
    clips = choose_clips(reader, 4, "stream", EvaluationNeeds(motion=False))
    (piece,) = [EvaluationClips(reader, clips, Normalisation())[0]]
    assert [f.distance for f in piece.frames] == [0, 1]


def test_another_encoding_is_another_file(store):
    plain, small = module(store), module(store, encoding=EncodeSettings(crf=40))
    first, second = (data.store.video(data.videos("train")[0]) for data in (plain, small))
    assert first.is_file()
    assert first != second


def test_an_interrupted_preparation_continues(tmp_path, monkeypatch):
    data = module(tmp_path, train=SyntheticDriving(3, first_seed=0, **SMALL))
    sequences = data.videos("train")
    encode = data.store.prepare
    done = []

    def stop_at_the_second(sequence, with_motion):
        if len(done) == 1:
            raise KeyboardInterrupt
        encode(sequence, with_motion)
        done.append(sequence.name)

    monkeypatch.setattr(data.store, "prepare", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        prepare_missing(data.store, sequences)
    first = data.store.video(sequences[0])
    written = first.stat().st_mtime_ns
    monkeypatch.undo()
    prepare_missing(data.store, sequences)
    assert first.stat().st_mtime_ns == written
    assert all(data.store.video(sequence).is_file() for sequence in sequences)


def test_an_interval_longer_than_the_clip_is_refused(store):
    with pytest.raises(ValueError, match=r"keyframe_interval=9 is longer than driving_00100 with"):
        module(store, keyframe_interval=9).test_dataloader()


def test_training_needs_a_past(store):
    data = module(store, keyframe_interval=20, train_distance="last")
    with pytest.raises(ValueError, match=r"no labelled frame has 19 frames of past.*uniform"):
        data.train_dataloader()


def test_a_batch_larger_than_the_data_is_refused(store):
    with pytest.raises(ValueError, match=r"do not fill one batch of 64; lower data\.batch_size"):
        module(store, batch_size=64).train_dataloader()


def test_a_split_without_data_is_named(store):
    with pytest.raises(ValueError, match=r"no val data: set data\.val"):
        module(store).videos("val")


def test_splits_share_their_classes(store):
    other = SyntheticDriving(1, **SMALL)
    other.classes = other.classes.__class__("two", ("a", "b"), ((0, 0, 0), (1, 1, 1)))
    with pytest.raises(
        ValueError, match=r"all splits need the same classes, got \['driving9', 'two"
    ):
        module(store, test=other)


def test_some_data_bring_the_classes(store):
    with pytest.raises(ValueError, match=r"no data: set data\.train, data\.val or data\.test"):
        module(store, train=None, test=None)
    with pytest.raises(ValueError, match=r"no train data: set data\.train"):
        module(store, train=None).train_dataloader()


def test_an_interval_counts_frames(store):
    with pytest.raises(ValueError, match="keyframe_interval is at least 1, got 0"):
        module(store, keyframe_interval=0)


def test_a_worker_that_is_told_to_end_serves_its_parent_until_that_ends(store):
    """A cluster tells all processes of a job; the parent ends between two steps."""
    data = module(store, num_workers=1, batch_size=1)
    batches = iter(data.train_dataloader())
    next(batches)
    (worker,) = multiprocessing.active_children()
    os.kill(worker.pid, signal.SIGTERM)
    assert len(list(batches)) == 6  # of seven; two were loaded ahead
