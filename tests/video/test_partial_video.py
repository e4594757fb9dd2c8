"""Videos that are worth keeping however their making ends."""

import multiprocessing
import os
import signal

import numpy as np
import pytest

from arseg_lightning.video.decode import decode
from arseg_lightning.video.encode import EncodeSettings, VideoWriter
from arseg_lightning.video.errors import CannotWrite, VideoError
from arseg_lightning.video.probe import probe
from tests.small_disk import on_a_small_disk
from tests.video.small_videos import moving_frames

FAST = EncodeSettings(preset="ultrafast", keyframe_interval=25)
TIMES = np.cumsum([0, 1800, 5400, 3600, 9, 90_000, 3003, 3600]) / 90_000


def growing(path):
    return VideoWriter(path, FAST, keeps_partial=True)


def noise(num_frames, seed=0):
    generator = np.random.default_rng(seed)
    for _ in range(num_frames):
        yield generator.integers(0, 256, (48, 64, 3), dtype=np.uint8)


def times(path):
    return [frame.pts_seconds for frame in decode(path)]


def test_frames_keep_their_times(tmp_path):
    path = tmp_path / "clip.mp4"
    with growing(path) as writer:
        for image, time in zip(moving_frames(len(TIMES)), TIMES, strict=True):
            writer.write(image, time)
    assert times(path) == pytest.approx(TIMES, abs=1e-6)
    assert probe(path).num_frames == len(TIMES)
    assert list(tmp_path.iterdir()) == [path]


def test_without_times_the_rate_counts(tmp_path):
    with growing(tmp_path / "clip.mp4") as writer:
        for image in moving_frames(5):
            writer.write(image)
    assert times(tmp_path / "clip.mp4") == pytest.approx(np.arange(5) / 25, abs=1e-6)


def test_time_does_not_go_back(tmp_path):
    image = next(moving_frames(1))
    with growing(tmp_path / "clip.mp4") as writer:
        writer.write(image, 2.0)
        with pytest.raises(VideoError, match=r"frame 1 of .* at 1\.5 s, not after .* \(2 s\)"):
            writer.write(image, 1.5)


def write_until(place, error, path):
    with growing(path) as writer:
        for number, image in enumerate(moving_frames()):
            if number == place:
                raise error
            writer.write(image, number / 25)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_was_written_before_an_error_is_kept(tmp_path, error):
    path = tmp_path / "clip.mp4"
    with pytest.raises(error):
        write_until(17, error, path)
    assert len(times(path)) == probe(path).num_frames == 17


def test_without_a_frame_nothing_is_left_and_an_older_file_stays(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_text("older")
    with pytest.raises(RuntimeError), growing(path):
        raise RuntimeError
    with growing(path):
        pass
    assert (path.read_text(), list(tmp_path.iterdir())) == ("older", [path])


def write_noise(path, num_frames=200):
    with growing(path) as writer:
        for number, image in enumerate(noise(num_frames)):
            writer.write(image, number / 25)


@pytest.mark.filterwarnings("ignore:.*is damaged")  # of the last second a part may be there
def test_a_full_disk_leaves_the_complete_seconds(tmp_path):
    path = tmp_path / "clip.mp4"
    message = r"clip\.mp4 cannot be written \(.*large"
    with pytest.raises(CannotWrite, match=message):
        on_a_small_disk(150_000, write_noise, path)
    assert list(tmp_path.iterdir()) == [path]
    frames = list(decode(path))
    assert 25 <= len(frames) < 200
    last = list(noise(50))[-1]
    assert np.abs(frames[49].image.astype(int) - last).mean() < 60


def kill_at_the_150th(path):
    with growing(path) as writer:
        for number, image in enumerate(noise(200)):
            writer.write(image, number / 25)
            if number == 150:
                os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.filterwarnings("ignore:.*is damaged")
def test_a_killed_process_leaves_a_video_that_can_be_played(tmp_path):
    process = multiprocessing.get_context("fork").Process(
        target=kill_at_the_150th, args=(tmp_path / "clip.mp4",)
    )
    process.start()
    process.join()
    (partial,) = tmp_path.iterdir()
    assert 50 <= len(times(partial)) <= 151


def test_impossible_paths_are_refused_before_any_frame(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.mp4").mkdir()
    with (
        pytest.raises(CannotWrite, match="one of the folders in its path is a file"),
        growing(tmp_path / "file" / "clip.mp4"),
    ):
        pytest.fail("it was opened")
    with (
        pytest.raises(CannotWrite, match="there is a folder of that name"),
        growing(tmp_path / "folder.mp4"),
    ):
        pytest.fail("it was opened")
