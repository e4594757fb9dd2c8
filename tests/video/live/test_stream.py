"""Pipes, addresses and cameras: the same frames as a file's, and what happens when they break."""

import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from arseg_lightning.video.decode import decode, decode_motion
from arseg_lightning.video.errors import NotAVideo, SourceUnavailable, VideoDamageWarning
from arseg_lightning.video.live import open_live
from tests.video.live.senders import SILENT, http_sender, named_pipe, tcp_sender
from tests.video.live.test_files import ONE_REFERENCE, all_of, assert_same_step
from tests.video.small_videos import moving_frames, write_stream

QUICK = {"reconnect_seconds": 0.3, "timeout_seconds": 2.0}


@pytest.fixture
def clip(tmp_path):
    return write_stream(tmp_path / "clip.ts", "libx264", ONE_REFERENCE)


def assert_same_as_file(found, path):
    expected, steps = list(decode(path)), [step for _, step in decode_motion(path)]
    assert len(found) == len(expected)
    for streamed, frame in zip(found, expected, strict=True):
        assert streamed.frame.index == frame.index
        assert streamed.frame.pts_seconds == frame.pts_seconds
        np.testing.assert_array_equal(streamed.frame.image, frame.image)
        if streamed.step is not None:
            assert_same_step(streamed.step, steps[frame.index])
    assert [f.step is None for f in found] == [f.picture_type == "I" for f in expected]


@pytest.mark.parametrize("name", ["clip.ts", "clip.mkv", "clip.h264", "clip.flv"])
def test_a_pipe_gives_the_frames_of_the_file(tmp_path, name):
    path = write_stream(tmp_path / name, "libx264", ONE_REFERENCE)
    with (
        named_pipe(tmp_path / "pipe", path.read_bytes()) as pipe,
        open_live(pipe) as live,
    ):
        assert (live.size, live.fps, live.num_frames) == ((64, 96), 25.0, None)
        assert not live.is_live  # it waits for its reader
        assert_same_as_file(list(live), path)


def test_standard_input_gives_the_frames_of_the_file(clip):
    code = (
        "from arseg_lightning.video.live import open_live\n"
        "with open_live('-') as live: print(live.name, len(list(live)))"
    )
    command = [sys.executable, "-c", code]
    with clip.open("rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("standard input 30", "")


def test_a_pipe_that_is_no_video_or_ends_at_once_is_refused(tmp_path):
    for name, content in (("text", b"Dear reader,\n" * 999), ("nothing", b"")):
        with (
            named_pipe(tmp_path / name, content) as pipe,
            pytest.raises(NotAVideo, match=f"{name} cannot be opened .*; send a container that is"),
        ):
            open_live(pipe)


def test_standard_input_that_is_no_pipe_is_refused(monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(NotAVideo, match="standard input is no pipe; send a video to it"):
        open_live("-")


def test_damage_in_a_pipe_is_skipped_and_said(tmp_path):
    path = write_stream(tmp_path / "clip.h264", "libx264", ONE_REFERENCE)
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 2, len(content) // 2 + 600):
        content[place] ^= 0x5A
    with (
        named_pipe(tmp_path / "pipe", bytes(content)) as pipe,
        pytest.warns(VideoDamageWarning, match="pipe is damaged"),
    ):
        found = all_of(pipe)
    assert 20 < len(found) <= 30
    assert [f.frame.index for f in found] == list(range(len(found)))
    (restart,) = {f.restart for f in found[1:] if f.restart}
    assert restart == "frames before it are damaged or lost"
    assert found[-1].step is not None


def test_an_address_gives_the_frames_of_the_file(clip):
    with (
        tcp_sender(clip.read_bytes()) as address,
        open_live(address, reconnect_seconds=0) as live,
    ):
        assert live.is_live
        assert_same_as_file(list(live), clip)


def test_a_file_elsewhere_ends_where_it_ends(tmp_path):
    path = write_stream(tmp_path / "clip.mkv", "libx264", ONE_REFERENCE)
    with http_sender(path.read_bytes()) as address, open_live(address) as live:
        start = time.monotonic()
        assert not live.is_live
        assert_same_as_file(list(live), path)
        assert time.monotonic() - start < 2  # nobody tried to get more


def test_a_stream_that_breaks_off_and_comes_back_goes_on(clip):
    with tcp_sender(clip.read_bytes(), clip.read_bytes()) as address:
        found = all_of(address, **QUICK)
    assert [f.frame.index for f in found] == list(range(60))
    restarts = {f.frame.index: f.restart for f in found if f.restart}
    assert list(restarts) == [0, 30]
    assert restarts[30].startswith("reconnected after 0.")
    assert found[30].step is None
    times = [f.frame.pts_seconds for f in found]
    assert (np.diff(times) > 0.03).all()
    assert 0.2 < times[30] - times[29] < 2  # the pause counts
    np.testing.assert_allclose(np.diff(times[30:]), 0.04, atol=1e-9)


def test_a_stream_that_comes_back_with_another_size_and_rate_goes_on(tmp_path, clip):
    other = write_stream(
        tmp_path / "other.ts",
        "libx264",
        ONE_REFERENCE,
        frames=moving_frames(10, 48, 80),
        times=range(0, 20, 2),
    )
    with tcp_sender(clip.read_bytes(), other.read_bytes()) as address:
        found = all_of(address, **QUICK)
    assert found[30].restart == "size changed from 64x96 to 48x80"
    times = [f.frame.pts_seconds for f in found]
    np.testing.assert_allclose(np.diff(times[:30]), 0.04, atol=1e-9)
    np.testing.assert_allclose(np.diff(times[30:]), 0.08, atol=1e-9)


def test_a_stream_that_is_cut_and_stays_away_is_said(clip):
    found = []
    with (
        tcp_sender(clip.read_bytes(), abort=True) as address,
        open_live(address, **QUICK) as live,
        pytest.raises(
            SourceUnavailable, match=r"tcp://\S+ broke off after \d+ frames .*check that the sender"
        ),
    ):
        found.extend(live)
    assert len(found) > 20


@pytest.mark.parametrize(
    ("status", "content", "reason"),
    [
        ("404 Not Found", b"", "Server returned 404 Not Found"),
        ("200 OK", b"<html>Welcome</html>" * 99, "Invalid data"),
    ],
)
def test_an_address_without_video_is_said(status, content, reason):
    with (
        http_sender(content, status=status) as address,
        pytest.raises(SourceUnavailable, match=rf"{address} cannot be opened \({reason}.*; check"),
    ):
        open_live(address, **QUICK)


def test_an_address_where_nobody_is_is_said():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(SourceUnavailable, match=r"Connection refused\); check the address"):
        open_live(f"rtsp://me:secret@127.0.0.1:{port}/live", **QUICK)


def test_an_address_that_does_not_answer_is_given_up():
    with (
        tcp_sender(SILENT) as address,
        pytest.raises(SourceUnavailable, match=r"nothing came for 0\.3 s\); .* timeout_seconds"),
    ):
        open_live(address, timeout_seconds=0.3)


def test_a_camera_that_is_not_there_is_said():
    with pytest.raises(SourceUnavailable, match=r"camera:97 cannot be opened \(.*; plug it in"):
        open_live("camera:97")


@pytest.mark.filterwarnings("ignore:.*decoded with errors")  # where it begins again
def test_datagrams_are_received_until_they_stay_away(clip):
    content = clip.read_bytes()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    over = threading.Event()

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not over.is_set():  # again and again: times go back each time
                for start in range(0, len(content), 1316):
                    sender.sendto(content[start : start + 1316], ("127.0.0.1", port))
                    time.sleep(0.002)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    with open_live(f"udp://127.0.0.1:{port}", **QUICK) as live:
        found = [next(live) for _ in range(40)]
        over.set()
        thread.join(5)
    times = [f.frame.pts_seconds for f in found]
    assert (np.diff(times) > 0).all()
    assert any("timestamps go back" in f.restart for f in found[1:] if f.restart)
