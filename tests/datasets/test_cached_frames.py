"""Training frames are decoded once, within the disk that they may take; evaluation streams."""

import shutil

import numpy as np
import pytest

from arseg_lightning.datasets import ClipAugment, ClipDataModule, SyntheticDriving
from tests.video.decoding import decoded_places

HEIGHT, WIDTH, NUM_FRAMES = 48, 64, 12
FRAME_BYTES = HEIGHT * WIDTH * 3


@pytest.fixture(scope="module")
def driving(tmp_path_factory):
    """A prepared store without cached frames; its clips are one GOP each."""
    folder = tmp_path_factory.mktemp("store")
    data = module(folder)
    for split in ("train", "test"):
        for video in data.videos(split):
            data.store.prepare(video)
    return folder


@pytest.fixture
def own(driving, tmp_path):
    """A copy of that store, whose frames are not cached yet."""
    return shutil.copytree(driving, tmp_path / "store", ignore=shutil.ignore_patterns("frames"))


def module(store, **changes):
    size = {"num_frames": NUM_FRAMES, "height": HEIGHT, "width": WIDTH}
    arguments = {
        "train": SyntheticDriving(2, first_seed=0, **size),
        "test": SyntheticDriving(1, first_seed=100, **size),
        "store": store,
        "keyframe_interval": 4,
        "augment": ClipAugment(None, (1.0,), jitter=0, flip_probability=0),
        "batch_size": 2,
        "num_workers": 0,
    }
    return ClipDataModule(**(arguments | changes))


@pytest.fixture
def decoded(monkeypatch):
    """The indices of all frames that are decoded from here on."""
    return decoded_places(monkeypatch)


def epoch(data, number=0):
    dataset = data.train_dataloader().dataset
    return [dataset[number, index] for index in range(len(dataset))]


@pytest.mark.parametrize("distance", ["uniform", "last"])
def test_samples_are_the_same_with_and_without_the_cache(own, distance):
    without = epoch(module(own, frame_cache_gib=0, train_distance=distance))
    assert not (own / "frames").exists()
    for _ in range(2):  # decoded, then read
        cached = epoch(module(own, train_distance=distance))
        for one, other in zip(without, cached, strict=True):
            assert one.names == other.names
            assert one.images.equal(other.images)
            assert one.motion.equal(other.motion)
    assert list((own / "frames").rglob("*.rgb"))


def test_later_epochs_and_other_intervals_decode_nothing(own, decoded):
    epoch(module(own))
    assert decoded
    del decoded[:]
    for number in (1, 2):
        epoch(module(own), number)
    epoch(module(own, keyframe_interval=3))
    epoch(module(own, keyframe_interval=2, train_distance="last"))
    assert decoded == []


def test_frames_take_no_more_disk_than_allowed(own):
    for number in range(3):
        epoch(module(own, frame_cache_gib=7.5 * FRAME_BYTES / 2**30), number)
    kept = list((own / "frames").rglob("*.rgb"))
    assert 4 <= len(kept) <= 7
    assert sum(path.stat().st_size for path in kept) <= 8 * FRAME_BYTES


@pytest.mark.parametrize("pairs", ["stream", "every_distance"])
def test_evaluation_decodes_each_frame_once(driving, decoded, pairs):
    list(module(driving, test_pairs=pairs, num_workers=0).test_dataloader())
    assert decoded == list(range(NUM_FRAMES))


def test_a_worker_composes_motion_for_one_video_at_a_time(driving):
    dataset = module(driving).train_dataloader().dataset
    for index in range(len(dataset)):
        dataset[0, index]
    videos = [dataset.reader.motion_of(index) for index in range(2)]
    assert sum(video._chain is not None for video in videos) == 1


def test_evaluation_keeps_no_more_frames_than_its_memory(driving):
    dataset = module(driving, test_pairs="every_distance").test_dataloader().dataset
    dataset.reader.kept_bytes = 5 * FRAME_BYTES // 2
    images = [[f.streamed.frame.image for f in dataset[i].frames] for i in range(len(dataset))]
    kept = dataset.reader._reader._kept.values()
    assert sum(plane.buffer_size for each in kept for plane in each.picture.planes) <= (
        dataset.reader.kept_bytes
    )
    whole = module(driving, test_pairs="every_distance").test_dataloader().dataset
    for index, found in enumerate(images):
        for image, frame in zip(found, whole[index].frames, strict=True):
            np.testing.assert_array_equal(image, frame.streamed.frame.image)
