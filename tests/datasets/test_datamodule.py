"""The data module: what it prepares, what it serves, and what it refuses."""

import multiprocessing
import os
import signal

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.datasets import ClipAugment, ClipDataModule, StreetVideos
from arseg_lightning.datasets.dataset import TrainingClips
from arseg_lightning.datasets.missing import prepare_missing
from arseg_lightning.datasets.reader import ClipReader
from arseg_lightning.datasets.sequence import VideoSequence
from arseg_lightning.propagation import warp
from arseg_lightning.video.encode import EncodeSettings

SMALL = {"num_frames": 8, "height": 48, "width": 64}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store that is prepared once."""
    folder = tmp_path_factory.mktemp("store")
    prepare(module(folder))
    return folder


def module(store, **changes):
    arguments = {
        "train": StreetVideos(1, first_seed=0, **SMALL),
        "test": StreetVideos(1, first_seed=100, **SMALL),
        "store": store,
        "keyframe_interval": 4,
        "augment": ClipAugment((32, 48), (1.0,), jitter=0, flip_probability=0),
        "batch_size": 2,
        "num_workers": 0,
    }
    return ClipDataModule(**(arguments | changes))


def prepare(data):
    for split in ("train", "test"):
        prepare_missing(data.store, data.sequences(split))


def test_training_pairs_are_a_keyframe_and_a_frame_behind_it(store):
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
    sources = list(original.sequences("train")[0].images())
    for index in (0, 6):
        one, other = (data.train_dataloader().dataset[0, index] for data in (original, decoded))
        places = [int(name.split("/")[1]) for name in one.names]
        shown = original.normalise.undo(one.images).permute(0, 2, 3, 1).numpy()
        assert (shown == [sources[place] for place in places]).all()
        assert not one.images.equal(other.images)
        assert one.names == other.names
        assert one.motion.equal(other.motion)


@pytest.mark.parametrize("frames", ["original", "decoded"])
def test_a_video_is_its_own_original(store, tmp_path, frames):
    data = module(store)
    (street,) = data.sequences("train")
    blank = tmp_path / "labels" / "000005.png"
    blank.parent.mkdir()
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(blank)
    video = VideoSequence("video", data.store.video(street), {5: blank}, street.classes)
    images = ClipReader([video], data.store, frames).images(0, (5, 2))
    decoded = ClipReader([street], data.store).images(0, (5, 2))
    assert (images == decoded).all()


def motions(store, chaining):
    """Motion of what is trained on and tested on."""
    changes = {"keyframe_interval": 8, "train_distance": "last", "batch_size": 1}
    data = module(store, chaining=chaining, **changes)
    loaders = data.train_dataloader(), data.test_dataloader()
    return [next(iter(loader)).motion for loader in loaders]


def test_chaining_reaches_training_and_test(store):
    subpixel, integer, none = (motions(store, name) for name in ("subpixel", "integer", "none"))
    for exact, whole, zero in zip(subpixel, integer, none, strict=True):
        assert whole.any()
        assert whole.equal(whole.round())
        assert not exact.equal(exact.round())
        assert not zero.any()


def test_the_motion_of_a_clip_leads_to_its_keyframe(store):
    clip = module(store, keyframe_interval=8).test_dataloader().dataset[0]
    key, current, motion = clip.images[:1], clip.images[5:6], clip.motion[5:6]
    warped = (warp(key, motion) - current).abs().mean()
    assert warped < 0.6 * (key - current).abs().mean()


def test_a_stream_counts_every_frame_once(store):
    names = [name for batch in module(store).test_dataloader() for name in batch.names[0]]
    assert names == [f"street_00100/{index:06d}" for index in range(8)]


def test_every_distance_uses_the_same_frames(store):
    data = module(store, test_pairs="every_distance")
    last = {}
    for batch in data.test_dataloader():
        last.setdefault(int(batch.distances[0, -1]), []).append(batch.names[0][-1])
    assert sorted(last) == [0, 1, 2, 3]
    assert all(frames == last[0] for frames in last.values())


def test_at_every_distance_a_labelled_keyframe_counts_for_its_own_pair_alone(store):
    data = module(store, test_pairs="every_distance")
    counted = [
        (int(distance), name)
        for batch in data.test_dataloader()
        for distance, name, label in zip(
            batch.distances[0], batch.names[0], batch.labels[0], strict=True
        )
        if (label != 255).any()
    ]
    frames = [f"street_00100/{index:06d}" for index in range(3, 8)]
    assert sorted(counted) == sorted((d, name) for d in range(4) for name in frames)


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
        distances = [int(batch.distances.max()) for batch in data.test_dataloader()]
        assert max(distances) == interval - 1
        before = before or written()
        assert written() == before
    folders = [path.parent.name for path, _, _ in before]
    assert folders == ["motion", "motion", "videos", "videos"]


def test_another_encoding_is_another_file(store):
    plain, small = module(store), module(store, encoding=EncodeSettings(crf=40))
    first, second = (data.store.video(data.sequences("train")[0]) for data in (plain, small))
    assert first.is_file()
    assert first != second


def test_an_interrupted_preparation_goes_on(tmp_path, monkeypatch):
    data = module(tmp_path, train=StreetVideos(3, first_seed=0, **SMALL))
    sequences = data.sequences("train")
    encode = data.store.prepare
    done = []

    def stop_at_the_second(sequence):
        if len(done) == 1:
            raise KeyboardInterrupt
        encode(sequence)
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
    with pytest.raises(ValueError, match=r"keyframe_interval=9 is longer than street_00100 with"):
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
        module(store).sequences("val")


def test_splits_share_their_classes(store):
    other = StreetVideos(1, **SMALL)
    other.classes = other.classes.__class__("two", ("a", "b"), ((0, 0, 0), (1, 1, 1)))
    with pytest.raises(
        ValueError, match=r"all splits need the same classes, got \['street9', 'two"
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
