"""The command vectors: what it writes, in files and in a pipe, and what it refuses."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from arseg_lightning.commands import vectors
from arseg_lightning.video import (
    NoMotionVectors,
    NotAVideo,
    VideoError,
    composed_motion,
    dense_motion,
    raw_vectors,
    read_records,
)
from arseg_lightning.video.vector_files import PACKED_VECTOR, write_records
from tests.video.small_videos import write_video, write_vp9
from tests.video.test_decode import changing_size

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "clip.mp4", 14, b_frames=2)


def assert_says(header, frame):
    assert header["index"] == frame.index
    assert header["pts_seconds"] == frame.pts_seconds
    assert header["picture_type"] == frame.picture_type
    assert (header["height"], header["width"]) == frame.size


def test_an_archive_holds_the_vectors_of_all_frames(video, tmp_path, capsys):
    path = tmp_path / "new" / "clip.npz"
    assert vectors(video, str(path)) == 14
    with np.load(path) as archive:
        frames = archive["frames"]
        assert len(archive.files) == 15
        for header, frame in zip(frames, raw_vectors(video), strict=True):
            assert_says(header, frame)
            stored = archive[f"vectors_{frame.index:06d}"]
            assert (stored.dtype, stored.dtype.itemsize) == (PACKED_VECTOR, 32)
            for name in stored.dtype.names:
                np.testing.assert_array_equal(stored[name], frame.vectors[name])
    assert capsys.readouterr().out == f"{path}: 14 frames, raw\n"


@pytest.mark.parametrize("kind", ["dense", "composed"])
def test_an_archive_holds_fields(video, tmp_path, kind):
    path = tmp_path / "clip.npz"
    vectors(video, str(path), kind, keyframe_interval=4)
    frames = dense_motion(video) if kind == "dense" else composed_motion(video, 4)
    with np.load(path) as archive:
        for header, frame in zip(archive["frames"], frames, strict=True):
            assert_says(header, frame)
            assert header["reference"] == (-1 if frame.reference is None else frame.reference)
            np.testing.assert_array_equal(archive[f"motion_{frame.index:06d}"], frame.motion)
            np.testing.assert_array_equal(archive[f"valid_{frame.index:06d}"], frame.valid)


def test_a_folder_holds_an_archive_a_frame(video, tmp_path):
    assert vectors(video, str(tmp_path / "out"), "dense", limit=5) == 5
    paths = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in paths] == [f"{index:06d}.npz" for index in range(5)]
    for path, frame in zip(paths, dense_motion(video), strict=False):
        with np.load(path) as archive:
            assert_says(archive["frame"], frame)
            np.testing.assert_array_equal(archive["motion"], frame.motion)
            np.testing.assert_array_equal(archive["valid"], frame.valid)


def test_the_same_input_gives_the_same_bytes(video, tmp_path):
    for name in ("a.npz", "b.npz"):
        vectors(video, str(tmp_path / name))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


WRITER = """
import sys
from arseg_lightning.video import raw_vectors
from arseg_lightning.video.vector_files import write_records
with write_records(sys.stdout.buffer) as write:
    for frame in raw_vectors(sys.argv[1]):
        write(frame)
"""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(["-c", WRITER], id="API"),
        pytest.param(["-m", "arseg_lightning", "vectors"], id="command", marks=pytest.mark.slow),
    ],
)
def test_a_pipe_carries_records_that_are_read_as_they_come(video, program):
    words = [
        sys.executable,
        *program,
        str(video),
        *(["--out", "-"] if "vectors" in program else []),
    ]
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        for frame, expected in zip(read_records(process.stdout), raw_vectors(video), strict=True):
            assert (frame.index, frame.pts_seconds) == (expected.index, expected.pts_seconds)
            assert (frame.picture_type, frame.size) == (expected.picture_type, expected.size)
            np.testing.assert_array_equal(frame.vectors, expected.vectors)
        said = process.stderr.read().decode()
    assert process.returncode == 0, said
    if "vectors" in program:
        assert said.endswith("standard output: 14 frames, raw\n")


def records(frames):
    file = io.BytesIO()
    with write_records(file) as write:
        for frame in frames:
            write(frame)
    return file.getvalue()


def test_a_file_of_records_is_read_by_numpy_alone(video, tmp_path):
    path = tmp_path / "clip.npys"
    path.write_bytes(records(composed_motion(video, 4)))
    with path.open("rb") as file:
        for frame in composed_motion(video, 4):
            assert_says(np.load(file), frame)
            np.testing.assert_array_equal(np.load(file), frame.motion)
            np.testing.assert_array_equal(np.load(file), frame.valid)
        assert not file.read()
    with path.open("rb") as file:
        found = [frame.reference for frame in read_records(file)]
    assert found == [frame.reference for frame in composed_motion(video, 4)]


def test_records_that_are_none_or_break_off_are_refused(video):
    whole = records(raw_vectors(video))
    with pytest.raises(ValueError, match="EOF"):
        list(read_records(io.BytesIO(whole[:-10])))
    other = io.BytesIO()
    np.save(other, np.zeros(3))
    with pytest.raises(ValueError, match=r"record of a frame .* got float64"):
        list(read_records(io.BytesIO(other.getvalue())))


@pytest.mark.parametrize("out", ["clip.npz", "out"])
def test_ctrl_c_leaves_whole_frames(video, tmp_path, out, monkeypatch):
    def interrupted(path):
        for frame in raw_vectors(path):
            if frame.index == 3:
                signal.raise_signal(signal.SIGINT)
            yield frame

    monkeypatch.setattr(sys.modules[vectors.__module__], "raw_vectors", interrupted)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit) as ended:
        vectors(video, str(tmp_path / out))
    assert ended.value.code == 130
    assert signal.getsignal(signal.SIGINT) is before
    if out == "out":
        assert len(list((tmp_path / out).iterdir())) == 4
        return
    with np.load(tmp_path / out) as archive:
        assert archive["frames"]["index"].tolist() == [0, 1, 2, 3]
        assert sum(len(archive[name]) > 0 for name in archive.files) == 4  # an I-frame has none


@pytest.mark.slow
def test_a_reader_that_has_enough_ends_it(video):
    words = f"{sys.executable} -m arseg_lightning vectors {video} --out - --kind dense | head -c 9"
    environment = os.environ | {"PYTHONWARNINGS": "error"}
    done = subprocess.run(words, shell=True, cwd=ROOT, capture_output=True, env=environment)
    assert done.stdout.startswith(b"\x93NUMPY\x01\x00")
    assert b"Error" not in done.stderr


def test_what_is_there_is_replaced_only_on_request(video, tmp_path):
    archive, folder, file = tmp_path / "clip.npz", tmp_path / "out", tmp_path / "notes.txt"
    vectors(video, str(archive))
    vectors(video, str(folder), limit=2)
    file.write_text("")
    for target, message in (
        (archive, r"clip\.npz exists; add --overwrite true"),
        (folder, "out holds NPZ files; .*--overwrite true"),
        (file, r"notes\.txt is a file; give FILE\.npz, a folder, or -"),
    ):
        with pytest.raises(FileExistsError, match=message):
            vectors(video, str(target))
    assert vectors(video, str(archive), limit=3, overwrite=True) == 3
    assert vectors(video, str(folder), limit=3, overwrite=True) == 3


def test_what_cannot_be_read_is_named_and_leaves_nothing(tmp_path):
    path = tmp_path / "out" / "clip.npz"
    (tmp_path / "text.mp4").write_text("no video")
    for video, error, message in (
        (tmp_path / "no.mp4", FileNotFoundError, r"no\.mp4 does not exist"),
        (tmp_path / "text.mp4", NotAVideo, r"text\.mp4 is not a video"),
        (write_vp9(tmp_path / "vp9.mp4"), NoMotionVectors, "is vp9, which FFmpeg exports no"),
        (changing_size(tmp_path), VideoError, "frame 10 is 48x64"),
    ):
        with pytest.raises(error, match=message):
            vectors(video, str(path))
    assert not path.parent.exists() or list(path.parent.iterdir()) == []
    with pytest.raises(ValueError, match="limit is at least 1, got 0"):
        vectors(tmp_path / "no.mp4", str(path), limit=0)
