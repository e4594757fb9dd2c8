"""The command prepare: everything is there, or named with the reason; the engines agree."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from arseg_lightning.cli import main
from arseg_lightning.commands import COMMANDS
from arseg_lightning.commands.prepare import prepare
from arseg_lightning.datasets.preparation import clip_jobs, prepare_missing
from arseg_lightning.tasks.experiment import Experiment
from arseg_lightning.video.cache import MotionCache
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from tests.small_disk import SmallDisk
from tests.video.hand_made import pan

EXPERIMENT = """
data:
  train: {class_path: SyntheticDriving, init_args: {num_videos: 2, num_frames: 3, height: 32, width: 48}}
  test: {class_path: SyntheticDriving, init_args: {num_videos: 1, num_frames: 3, first_seed: 9, height: 32, width: 48}}
  store: STORE
model:
  class_path: PerFrameTask
  init_args:
    network: {class_path: BiSeNet18, init_args: {width: 0.25}}
    loss: {class_path: OnlineHardExampleMining}
"""  # noqa: E501


def write_pan(path, right=2):
    path.parent.mkdir(exist_ok=True)
    encode_frames(pan(8, 64, 80, right, 1), path, EncodeSettings())
    return path


@pytest.fixture
def videos(tmp_path):
    return [write_pan(tmp_path / "videos" / f"{x}.mp4", x) for x in range(3)]


@pytest.fixture
def experiment(tmp_path):
    path = tmp_path / "experiment.yaml"
    path.write_text(EXPERIMENT.replace("STORE", str(tmp_path / "store")))
    return path


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def made(done):
    return sum(each.made for each in done)


def test_the_command_is_on_the_command_line():
    assert COMMANDS["prepare"] is prepare


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_an_experiment_is_prepared_whole_and_found_the_second_time(
    workers, experiment, tmp_path, capsys
):
    done = main(["prepare", str(experiment), "--workers", workers])
    assert [each.made for each in done] == [True, True, True]
    before = contents(tmp_path / "store")
    done = main(["prepare", str(experiment), "--workers", "1"])
    assert [each.made for each in done] == [False, False, False]
    assert contents(tmp_path / "store") == before
    assert f"3 are ready in {tmp_path / 'store'}: 0 made now" in capsys.readouterr().out


def test_it_leaves_what_fit_would_leave_byte_for_byte(experiment, tmp_path):
    prepare([experiment], workers=1)
    prepared = contents(tmp_path / "store")
    shutil.rmtree(tmp_path / "store")
    Experiment([experiment]).data.prepare_data()
    data = Experiment([experiment]).data
    prepare_missing(data.store, data.videos("test"))
    assert contents(tmp_path / "store") == prepared


def test_its_jobs_may_go_to_other_processes(experiment, tmp_path):
    data = Experiment([experiment]).data
    for job in clip_jobs(data.store, data.videos("train")):
        assert pickle.loads(pickle.dumps(job)).make()


def test_one_split_is_prepared_alone_and_settings_win_over_the_file(experiment, tmp_path):
    store = tmp_path / "other"
    words = ["--split", "test", "--data.store", str(store), "--workers", "1"]
    assert [each.made for each in main(["prepare", str(experiment), *words])] == [True]
    assert len(list((store / "motion").iterdir())) == 1


def test_a_video_that_fails_is_named_and_the_others_are_there(videos, tmp_path):
    broken = videos[0].parent / "broken.mp4"
    broken.write_bytes(b"no video at all")
    with pytest.raises(ValueError, match=rf"1 of 4 clips cannot be prepared:\n{broken}: "):
        prepare(video=videos[0].parent, store=tmp_path / "store", workers=1)
    cache = MotionCache(tmp_path / "store" / "motion")
    assert [cache.read(video).num_frames for video in videos] == [8, 8, 8]


def test_a_damaged_video_is_used_and_said_to_be_damaged(videos, tmp_path, capsys):
    videos[0].write_bytes(videos[0].read_bytes()[:-400])
    assert len(prepare(video=videos[0], store=tmp_path / "store", workers=1)) == 1
    assert f"damaged: {videos[0]} is damaged" in capsys.readouterr().out


def limited(size, *words):
    """The command, in a process whose files do not grow beyond so many bytes."""
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        f"from arseg_lightning.cli import main; main({['prepare', *map(str, words)]})"
    )
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 16 KiB."""
    disk = SmallDisk(tmp_path / "disk", 16)
    yield disk
    disk.unmount()


def test_the_run_continues_when_a_full_disk_has_space_again(videos, small_disk):
    store, folder = small_disk.path / "store", videos[0].parent
    (small_disk.path / "other").write_bytes(bytes(12 * 1024))
    with pytest.raises(ValueError, match="No space left on device; make room"):
        prepare(video=folder, store=store, workers=1)
    entries = contents(store)
    assert {name.suffix for name in entries} <= {".motion"}  # and no part of one
    (small_disk.path / "other").unlink()
    small_disk.remount("size=1m")
    assert made(prepare(video=folder, store=store, workers=1)) == 3 - len(entries)
    cache = MotionCache(store / "motion")
    assert [cache.read(video).motion(7, 0).size for video in videos] == 3 * [(64, 80)]


def test_a_disk_that_is_read_only_serves_what_is_there(videos, small_disk):
    store, folder = small_disk.path / "store", videos[0].parent
    prepare(video=videos[0], store=store, workers=1)
    small_disk.remount("ro")
    assert made(prepare(video=videos[0], store=store, workers=1)) == 0
    with pytest.raises(ValueError, match="Read-only file system; make room"):
        prepare(video=folder, store=store, workers=1)
    small_disk.remount("rw,size=1m")
    assert made(prepare(video=folder, store=store, workers=1)) == 2


@pytest.mark.slow
def test_the_run_continues_when_files_may_grow_again(experiment, tmp_path):
    done = limited(256, experiment, "--workers", 1)
    assert done.returncode == 1
    assert "driving_00000: " in done.stderr
    assert "cannot be written (File too large)" in done.stderr
    assert contents(tmp_path / "store") == {}
    assert made(main(["prepare", str(experiment), "--workers", "1"])) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_store_stops_the_run_and_later_it_continues(videos, tmp_path):
    motion = tmp_path / "store" / "motion"
    motion.mkdir(parents=True)
    motion.chmod(0o500)
    message = r"Permission denied; make room, repair the folder, or choose another \(data.store\)"
    with pytest.raises(ValueError, match=message):
        prepare(video=videos[0].parent, store=tmp_path / "store", workers=1)
    motion.chmod(0o700)
    assert list(motion.iterdir()) == []
    assert made(prepare(video=videos[0].parent, store=tmp_path / "store", workers=1)) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either an experiment, .* or --video FOLDER"),
        ({"video": Path("x"), "split": "val"}, "--split is for experiments"),
        ({"configs": [Path("x.yaml")], "store": Path("y")}, r"an experiment has --data\.store"),
        ({"video": Path("x"), "workers": 0}, "workers is at least 1, got 0"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        prepare(**options)


def test_a_folder_without_videos_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"{tmp_path} holds no videos"):
        prepare(video=tmp_path, workers=1)
