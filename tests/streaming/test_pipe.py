"""Results in a pipe: a video that another program reads while it grows."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from arseg_lightning.methods import EveryL
from arseg_lightning.streaming import load_run
from arseg_lightning.streaming.pipe import (
    PipedLabels,
    PipedOverlay,
    claimed_standard_output,
    segment_to_pipe,
)
from arseg_lightning.video.decode import decode
from arseg_lightning.video.errors import PipeClosed
from tests.streaming.made import CLASSES, result, segmenter, write_run
from tests.video.small_videos import write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "clip.mp4", 12)


@contextmanager
def reader(layout="gray"):
    """A pipe's number and the pictures that come out of it, in a thread of their own."""
    ours, theirs = os.pipe()
    pictures = []

    def read():
        with os.fdopen(ours, "rb") as file, av.open(file) as container:
            pictures.extend(
                (frame.time, frame.format.name, frame.to_ndarray(format=layout))
                for frame in container.decode(video=0)
            )

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield theirs, pictures
    finally:
        os.close(theirs)
        thread.join(30)
        assert not thread.is_alive()


def write_all(output, results):
    with output:
        for each in results:
            output.write(each)


def test_labels_come_out_as_they_went_in(video):
    own = segmenter(clock=EveryL(5))
    with reader() as (pipe, pictures):
        record = segment_to_pipe(own, video, pipe, outputs=["labels"])
    results = list(own.stream(video))
    assert (record.frames, record.ended, len(pictures)) == (12, "complete", 12)
    assert record.outputs == ("standard output (12 frames)",)
    for (seconds, kind, labels), each in zip(pictures, results, strict=True):
        assert kind == "gray"
        assert seconds == pytest.approx(each.frame.pts_seconds, abs=1e-3)
        np.testing.assert_array_equal(labels, each.labels)


def test_the_overlay_is_a_video_at_the_times_of_the_input(video):
    with reader("rgb24") as (pipe, pictures):
        record = segment_to_pipe(segmenter(), video, pipe, limit=7)
    times = [frame.pts_seconds for frame in decode(video)][:7]
    assert record.frames == 7
    assert [picture[0] for picture in pictures] == pytest.approx(times, abs=1e-3)
    assert pictures[0][2].shape == (64, 96, 3)


def test_frames_of_another_size_are_scaled_and_no_value_is_made_up():
    with reader() as (pipe, pictures), PipedLabels(pipe, 25.0) as output:
        for index, size in enumerate([(48, 64), (96, 128), (24, 32)]):
            output.write(result(index, size))
    assert [np.unique(labels).tolist() for *_, labels in pictures] == [[0], [1], [2]]
    assert {labels.shape for *_, labels in pictures} == {(48, 64)}


@pytest.mark.parametrize("make", [PipedLabels, lambda pipe, fps: PipedOverlay(pipe, CLASSES, fps)])
def test_a_frame_is_on_its_way_when_the_next_is_written(make):
    """A program that shows the stream is not kept waiting for a buffer to fill."""
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    sizes = []
    with make(theirs, 25.0) as output:
        for index in range(8):
            output.write(result(index))
            try:
                sizes.append(len(os.read(ours, 1 << 16)))
            except BlockingIOError:
                sizes.append(0)
    os.close(ours)
    os.close(theirs)
    assert all(sizes[-4:]), sizes


def test_a_reader_that_goes_away_ends_the_stream_with_what_was_done(video):
    ours, theirs = os.pipe()
    os.close(ours)
    record = segment_to_pipe(segmenter(), video, theirs)
    os.close(theirs)
    assert record.ended.startswith("whoever read the pipe has stopped after ")
    assert record.frames < 12


def test_a_closed_pipe_is_an_error_of_its_own():
    ours, theirs = os.pipe()
    os.close(ours)
    message = r"whoever read the pipe has stopped after \d+ frames, .*; write to a folder"
    writer = PipedLabels(theirs, 25.0)
    with pytest.raises(PipeClosed, match=message):
        write_all(writer, map(result, range(100)))
    os.close(theirs)


@pytest.mark.parametrize("outputs", [(), ("overlay", "labels"), ("frames",)])
def test_a_pipe_takes_one_video(outputs, tmp_path):
    with pytest.raises(ValueError, match=r"standard output takes one of overlay and labels, got"):
        segment_to_pipe(segmenter(), tmp_path / "gone.mp4", 1, outputs=outputs)


def test_nothing_that_is_printed_gets_into_the_video(capfd):
    with claimed_standard_output() as pipe:
        os.write(1, b"progress\n")
        os.write(pipe, b"video")
    os.write(1, b"after\n")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("videoafter\n", "progress\n")


def test_a_terminal_is_no_pipe(monkeypatch):
    monkeypatch.setattr(os, "isatty", lambda _: True)
    message = r"a terminal, which shows no video; pipe it .*ffplay"
    with pytest.raises(ValueError, match=message), claimed_standard_output():
        pytest.fail("it was claimed")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))


def started(run, video, *words):
    command = ["predict", run, "--video", video, "--output", "-", *words]
    return subprocess.Popen(
        [sys.executable, "-m", "arseg_lightning", *map(str, command)],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | {"ARSEG_LIGHTNING_TRUST": "tests"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.slow
def test_the_commands_standard_output_is_a_video_and_nothing_else(run, video):
    with started(run, video, "--outputs", "labels") as process:
        with av.open(process.stdout) as container:
            labels = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
        said = process.stderr.read().decode()
    assert (process.returncode, len(labels)) == (0, 12), said
    assert "12 frames in " in said
    assert "written: standard output (12 frames)" in said
    expected = [each.labels for each in load_run(run, device="cpu").stream(video)]
    np.testing.assert_array_equal(labels, expected)


@pytest.mark.slow
def test_a_command_whose_reader_goes_away_ends_cleanly(run, tmp_path):
    video = write_video(tmp_path / "long.mp4", 400)
    with started(run, video) as process:
        process.stdout.read(100)
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 0, said
    assert "whoever read the pipe has stopped after " in said
    assert "Traceback" not in said
    assert "Exception ignored" not in said
