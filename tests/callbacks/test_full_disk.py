"""A training whose disk takes nothing more says so, and resumes when there is space."""

import pytest

from tests.callbacks.interrupted import CROSS_ENTROPY, assert_equal, experiment, fit, state
from tests.small_disk import SmallDisk


@pytest.fixture
def config(tmp_path):
    return experiment(tmp_path, tmp_path / "store", "PerFrameTask", loss=CROSS_ENTROPY)


@pytest.fixture
def whole(config, tmp_path):
    """The run on a disk that has room, and how many KiB a checkpoint takes."""
    fit(config, tmp_path / "whole")
    size = (tmp_path / "whole" / "last.ckpt").stat().st_size
    return tmp_path / "whole", size // 1024


@pytest.fixture
def small_disk(tmp_path, whole):
    """A disk with room for two checkpoints and a half: the second epoch's needs a third."""
    disk = SmallDisk(tmp_path / "disk", int(2.5 * whole[1]) + 12)  # three small files
    yield disk
    disk.unmount()


def readable(run_dir):
    """The epochs of the checkpoints that are there."""
    return {path.name: state(run_dir, path.stem)["epoch"] for path in run_dir.glob("*.ckpt")}


def test_a_full_disk_ends_the_training_and_it_resumes_when_there_is_space(
    config, whole, small_disk
):
    run_dir = small_disk.path / "run"
    with pytest.raises(OSError, match="No space left on device"):
        fit(config, run_dir)
    assert readable(run_dir) == {"last.ckpt": 0, "best.ckpt": 0}
    assert list(run_dir.glob(".*.ckpt")) == []
    small_disk.remount("size=64m")
    fit(config, run_dir)
    assert_equal(state(run_dir)["state_dict"], state(whole[0])["state_dict"])
