"""Ray does the same as the processes of this machine; nobody's cluster is guessed."""

import signal
import sys
from functools import partial

import pytest

from arseg_lightning.datasets.preparation import video_jobs
from arseg_lightning.datasets.store import ClipStore
from arseg_lightning.parallel_jobs import Job, run_jobs, run_on_ray
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from tests.video.hand_made import pan

NUM_VIDEOS = 4


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.motion")}


@pytest.fixture(scope="module")
def by_ray(tmp_path_factory):
    """What came of a few videos, of one that is none, and of a process that was killed."""
    ray = pytest.importorskip("ray", reason="needs the extra ray")
    folder = tmp_path_factory.mktemp("by_ray")
    (folder / "videos").mkdir()
    for right in range(NUM_VIDEOS):
        video = folder / "videos" / f"{right}.mp4"
        encode_frames(pan(8, 64, 80, right, 1), video, EncodeSettings())
    (folder / "videos" / "broken.mp4").write_bytes(b"no video at all")
    killed = Job("killed", partial(signal.raise_signal, signal.SIGKILL))
    jobs = [killed, *video_jobs(ClipStore(folder / "store", EncodeSettings()), folder / "videos")]
    outcomes = list(run_on_ray(jobs, "local"))
    ended = {each.name.rpartition("/")[2]: each for each in outcomes}
    assert not ray.is_initialized()
    return folder, ended


def test_it_gives_the_bytes_that_this_machine_gives(by_ray, tmp_path):
    folder, ended = by_ray
    assert sum(each.made for each in ended.values()) == NUM_VIDEOS
    store = ClipStore(tmp_path, EncodeSettings())
    assert sum(each.made for each in run_jobs(video_jobs(store, folder / "videos"), 1)) == 4
    assert contents(tmp_path) == contents(folder / "store")


def test_a_video_that_is_none_is_named_and_stops_no_other(by_ray):
    assert "broken.mp4 is not a video" in by_ray[1]["broken.mp4"].error


def test_a_process_that_dies_takes_only_its_job_with_it(by_ray):
    assert by_ray[1]["killed"].error.startswith("its process was ended")


def test_ray_that_is_not_there_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"pip install 'arseg_lightning\[ray\]'"):
        list(run_on_ray([], "auto"))
