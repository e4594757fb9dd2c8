"""Videos that are worth keeping however their making ends."""

import multiprocessing
import os
import signal

import numpy as np
import pytest

from arseg_lightning.video.decode import decode
from arseg_lightning.video.encode import EncodeSettings
from arseg_lightning.video.errors import CannotWriteVideo, VideoError
from arseg_lightning.video.fragmented_mp4 import FragmentedWriter, FragmentFile
from arseg_lightning.video.probe import probe
from tests.small_disk import on_a_small_disk
from tests.video.small_videos import moving_frames

FAST = EncodeSettings(preset="ultrafast", keyframe_interval=25)
TIMES = np.cumsum([0, 1800, 5400, 3600, 9, 90_000, 3003, 3600]) / 90_000


def noise(num_frames, seed=0):
    generator = np.random.default_rng(seed)
    for _ in range(num_frames):
        yield generator.integers(0, 256, (48, 64, 3), dtype=np.uint8)


def times(path):
    return [frame.pts_seconds for frame in decode(path)]


def test_frames_keep_their_times(tmp_path):
    path = tmp_path / "clip.mp4"
    with FragmentedWriter(path, FAST) as writer:
        for image, time in zip(moving_frames(len(TIMES)), TIMES, strict=True):
            writer.write(image, time)
    assert times(path) == pytest.approx(TIMES, abs=1e-6)
    assert probe(path).num_frames == len(TIMES)
    assert list(tmp_path.iterdir()) == [path]


def test_without_times_the_rate_counts(tmp_path):
    with FragmentedWriter(tmp_path / "clip.mp4", FAST) as writer:
        for image in moving_frames(5):
            writer.write(image)
    assert times(tmp_path / "clip.mp4") == pytest.approx(np.arange(5) / 25, abs=1e-6)


def test_time_does_not_go_back(tmp_path):
    image = next(moving_frames(1))
    with FragmentedWriter(tmp_path / "clip.mp4", FAST) as writer:
        writer.write(image, 2.0)
        with pytest.raises(VideoError, match=r"frame 1 of .* at 1\.5 s, not after .* \(2 s\)"):
            writer.write(image, 1.5)


def write_until(place, error, path):
    with FragmentedWriter(path, FAST) as writer:
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
    with pytest.raises(RuntimeError), FragmentedWriter(path, FAST):
        raise RuntimeError
    with FragmentedWriter(path, FAST):
        pass
    assert (path.read_text(), list(tmp_path.iterdir())) == ("older", [path])


def write_noise(path, num_frames=200):
    with FragmentedWriter(path, FAST) as writer:
        for number, image in enumerate(noise(num_frames)):
            writer.write(image, number / 25)


def test_a_full_disk_leaves_the_complete_seconds(tmp_path):
    path = tmp_path / "clip.mp4"
    message = r"clip\.mp4 cannot be written \(.*large.*of its \d+ frames those of the complete s"
    with pytest.raises(CannotWriteVideo, match=message):
        on_a_small_disk(150_000, write_noise, path)
    assert list(tmp_path.iterdir()) == [path]
    frames = list(decode(path))  # a warning would say that something is damaged
    assert 25 <= len(frames) < 200
    last = list(noise(len(frames)))[-1]
    assert np.abs(frames[-1].image.astype(int) - last).mean() < 60


def kill_at_the_150th(path):
    with FragmentedWriter(path, FAST) as writer:
        for number, image in enumerate(noise(200)):
            writer.write(image, number / 25)
            if number == 150:
                os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_leaves_a_video_that_can_be_played(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=kill_at_the_150th, args=(tmp_path / "clip.mp4",))
    process.start()
    process.join()
    (partial,) = tmp_path.iterdir()
    assert 50 <= len(times(partial)) <= 151


def test_impossible_paths_are_refused_before_any_frame(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.mp4").mkdir()
    with (
        pytest.raises(CannotWriteVideo, match="one of the folders in its path is a file"),
        FragmentedWriter(tmp_path / "file" / "clip.mp4", FAST),
    ):
        pytest.fail("it was opened")
    with (
        pytest.raises(CannotWriteVideo, match="there is a folder of that name"),
        FragmentedWriter(tmp_path / "folder.mp4", FAST),
    ):
        pytest.fail("it was opened")
    with pytest.raises(VideoError, match=r"is an \.mp4, got .*clip\.avi"):
        FragmentedWriter(tmp_path / "clip.avi", FAST)


def box(kind, size):
    return (size + 8).to_bytes(4, "big") + kind + bytes(size)


@pytest.mark.parametrize(
    ("tail", "kept"),
    [
        (b"", 2),
        (box(b"moof", 30), 2),
        (box(b"moof", 30) + box(b"mdat", 50)[:-1], 2),
        (box(b"moof", 30) + box(b"mdat", 50), 3),
        (bytes(20), 2),
    ],
)
def test_a_file_is_cut_after_its_last_complete_fragment(tmp_path, tail, kept):
    fragment = box(b"moof", 30) + box(b"mdat", 50)
    head = box(b"ftyp", 16) + box(b"moov", 100)
    file = FragmentFile(tmp_path / "clip.mp4")
    file.write(head + 2 * fragment + tail)
    assert file.cut()
    file.release()
    assert (tmp_path / "clip.mp4").read_bytes() == head + kept * fragment


def test_a_file_without_a_fragment_is_cut_to_nothing(tmp_path):
    file = FragmentFile(tmp_path / "clip.mp4")
    file.write(box(b"ftyp", 16) + box(b"moov", 100))
    assert not file.cut()
    file.release()
