"""Reading in the background: bounded, prompt, and never in the way of an end."""

import signal
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest

from arseg_lightning.types import Frame
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.live import SourceFrame, open_live
from arseg_lightning.video.live.frame import skip
from arseg_lightning.video.live.reader import Reader
from tests.video.hand_made import shift
from tests.video.live.senders import SILENT, tcp_sender
from tests.video.live.test_files import ONE_REFERENCE
from tests.video.small_videos import write_stream, write_video


def endless(made, limit=None):
    """Frames that move by one pixel each; what was made is noted."""
    index = 0
    while limit is None or index < limit:
        made.append(index)
        frame = Frame(index, index / 25, "P", np.zeros((8, 8, 3), np.uint8))
        yield SourceFrame(frame, shift(1, 0, 8, 8) if index else None, None if index else "start")
        index += 1


def reader_of(frames, ahead=3, drop_late=False):
    return Reader(frames, ahead, threading.Event(), lambda: drop_late, skip)


def wait_until(condition):
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    assert condition()


def test_no_more_is_decoded_than_is_asked_for():
    made = []
    reader = reader_of(endless(made))
    for taken in range(20):
        assert reader.get().frame.index == taken
        assert len(made) <= taken + 1 + 3 + 1
    wait_until(lambda: len(made) == 20 + 3 + 1)
    reader.close()
    assert len(made) == 24


def test_memory_does_not_grow_with_the_length_of_a_stream():
    pictures = []

    def noted():
        for streamed in endless([]):
            pictures.append(weakref.ref(streamed.frame.image))
            yield streamed

    reader = reader_of(noted())
    for _ in range(500):
        reader.get()
    assert sum(picture() is not None for picture in pictures) <= 3 + 2
    reader.close()


def test_late_frames_are_dropped_and_motion_leads_past_them():
    made = []
    reader = reader_of(endless(made, limit=50), ahead=2, drop_late=True)
    wait_until(lambda: len(made) == 50)
    wait_until(lambda: reader.num_dropped == 48)
    found = [reader.get(), reader.get()]
    assert [f.frame.index for f in found] == [48, 49]
    assert found[0].restart == "start"  # the frames of which it knows were never given
    assert np.unique(found[1].step.quarter_pixels[0]) == [4]
    assert reader.get() is None


def test_motion_past_dropped_frames_adds_up():
    steps = threading.Semaphore(0)
    made = []

    def paced():
        for frame in endless(made, limit=6):
            steps.acquire()
            yield frame

    reader = reader_of(paced(), ahead=1, drop_late=True)
    steps.release()
    assert reader.get().frame.index == 0
    for _ in range(5):
        steps.release()
    wait_until(lambda: reader.num_dropped == 4)
    last = reader.get()
    assert (last.frame.index, last.restart) == (5, None)
    chain = MotionChain((8, 8))
    chain.push(last.step)
    assert chain.motion().xy[0, 4, 0] == 5


def test_what_goes_wrong_in_the_background_is_raised_behind_the_good_frames():
    def failing():
        yield from endless([], limit=2)
        raise VideoError("broken")

    reader = reader_of(failing())
    assert [reader.get().frame.index for _ in range(2)] == [0, 1]
    with pytest.raises(VideoError, match="broken"):
        reader.get()
    assert reader.get() is None


def test_closing_ends_the_thread_and_the_source(tmp_path):
    live = open_live(write_video(tmp_path / "clip.mp4"))
    assert any("(_read)" in thread.name for thread in threading.enumerate())
    live.close()
    assert not any("(_read)" in thread.name for thread in threading.enumerate())
    assert list(live) == []
    live.close()


def test_closing_does_not_wait_for_a_silent_source(tmp_path):
    content = write_stream(tmp_path / "clip.ts", "libx264", ONE_REFERENCE).read_bytes()
    with tcp_sender(content, SILENT) as address:
        live = open_live(address, timeout_seconds=0.5)
        for _ in range(30):
            next(live)
        time.sleep(0.5)  # it is connected again and waits
        start = time.monotonic()
        live.close()
        assert time.monotonic() - start < 2.5


PROGRAM = """
import signal
from arseg_lightning.video.live import open_live
signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the tests were started from
print("ready", flush=True)
try:
    with open_live("-") as live:
        for streamed in live:
            if streamed.frame.index == 9:
                print("ready", flush=True)
except KeyboardInterrupt:
    print("closed")
"""


def test_ctrl_c_ends_a_program_that_waits_for_a_pipe(tmp_path):
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with program:
        assert program.stdout.readline() == b"ready\n"
        clip = write_stream(tmp_path / "clip.ts", "libx264", ONE_REFERENCE)
        program.stdin.write(clip.read_bytes())
        program.stdin.flush()
        assert program.stdout.readline() == b"ready\n"
        time.sleep(0.1)
        program.send_signal(signal.SIGINT)
        assert program.stdout.readline() == b"closed\n"
        assert program.wait(5) == 0
