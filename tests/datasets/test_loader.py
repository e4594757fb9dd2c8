"""Workers of loaders: they start in any way, and end with their parent, also after an error."""

import numpy as np
import pytest

from arseg_lightning.datasets import ClipDataModule, SyntheticDriving
from arseg_lightning.datasets.loader import clip_loader
from arseg_lightning.datasets.preparation import prepare_missing
from arseg_lightning.types import ClipBatch
from tests.processes import CONTEXT


class Damaged:
    """Samples of which the fourth cannot be read."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        if index == 3:
            raise ValueError("frame 3 is damaged")
        return index


def read_all(method):
    loader = clip_loader(Damaged(), range(8), 1, 2, whole=True)
    loader.multiprocessing_context = method
    batches = iter(loader)
    for _ in batches:  # the error's traceback keeps them
        pass


def test_an_error_of_the_data_ends_a_process_and_its_workers_at_once():
    CONTEXT.set_forkserver_preload(["arseg_lightning.cli"])
    process = CONTEXT.Process(target=read_all, args=("fork",))
    process.start()
    process.join(20)
    assert process.exitcode == 1
    process.kill()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    videos = {"num_frames": 6, "height": 48, "width": 64}
    data = ClipDataModule(
        train=SyntheticDriving(1, first_seed=0, **videos),
        test=SyntheticDriving(1, first_seed=100, **videos),
        store=tmp_path_factory.mktemp("store"),
        keyframe_interval=3,
        batch_size=2,
        num_workers=0,
    )
    for split in ("train", "test"):
        prepare_missing(data.store, data.videos(split))
    return data


def images(batches):
    """Of training batches, and of the streams of an evaluation."""
    return [
        batch.images
        if isinstance(batch, ClipBatch)
        else [each.streamed.frame.image for each in batch.frames]
        for batch in batches
    ]


@pytest.mark.parametrize("method", ["forkserver", pytest.param("spawn", marks=pytest.mark.slow)])
@pytest.mark.parametrize("loader", ["train_dataloader", "test_dataloader"])
def test_workers_may_be_started_without_forking(data, monkeypatch, method, loader):
    """Windows and macOS know no other way; forkserver is Python 3.14's own choice."""
    CONTEXT.set_forkserver_preload(["arseg_lightning.cli"])
    own = images(getattr(data, loader)())
    monkeypatch.setattr(data, "num_workers", 1)
    others = getattr(data, loader)()
    others.multiprocessing_context = method
    assert len(own) > 0
    for found, expected in zip(images(others), own, strict=True):
        assert np.array_equal(np.stack(found), np.stack(expected))
