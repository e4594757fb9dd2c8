"""Outputs: overlays with the times of the input, label images, functions."""

import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.streaming.outputs import (
    FrameLog,
    InBackground,
    LabelImages,
    Output,
    OverlayVideo,
    overlay,
    write_label,
)
from arseg_lightning.video.probe import probe
from tests.streaming.made import result, times


def write_all(output, results):
    with output:
        for each in results:
            output.write(each)
    return output


class ToFunction(Output):
    """Hands results to a function."""

    summary = "a function"

    def __init__(self, function):
        self.function = function

    def __enter__(self):
        return self

    def write(self, result):
        self.function(result)


def test_a_log_has_a_line_a_frame_as_soon_as_it_is_done(tmp_path):
    with FrameLog(tmp_path / "new" / "frames.csv") as log:
        for each in (result(0, seconds=0.0), result(1, seconds=0.5)):
            log.write(each)
        lines = log.path.read_text().splitlines()
    assert lines[0] == "frame,seconds,roles,executed,reason,latency_ms"
    assert [line.split(",")[:2] for line in lines[1:]] == [["0", "0.0"], ["1", "0.5"]]
    assert log.summary.endswith("frames.csv (2 frames)")


def test_an_overlay_mixes_image_and_class_colour():
    image = np.full((2, 2, 3), 100, np.uint8)
    label = np.array([[0, 8], [8, 255]], np.uint8)
    mixed = overlay(image, label, CAMVID11, opacity=0.5)
    assert mixed[0, 1].tolist() == [(100 + 64) // 2, 50, (100 + 128) // 2]
    assert mixed[1, 1].tolist() == [50, 50, 50]


@pytest.mark.parametrize("opacity", [0.0, 0.3, 1.0])
def test_an_overlay_weighs_within_one_grey_value(opacity):
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    label = generator.integers(0, 11, (16, 16), dtype=np.uint8)
    colours = np.array(CAMVID11.palette)[label]
    exact = (1 - opacity) * image + opacity * colours
    assert np.abs(overlay(image, label, CAMVID11, opacity) - exact).max() <= 1


def test_the_overlay_has_the_frames_and_times_of_the_input(tmp_path):
    seconds = [0.0, 0.01, 0.5, 0.51, 7.0]
    results = [result(index, seconds=time) for index, time in enumerate(seconds)]
    written = write_all(OverlayVideo(tmp_path / "overlay.mp4", CAMVID11), results)
    assert times(tmp_path / "overlay.mp4") == pytest.approx(seconds, abs=1e-5)
    assert written.summary == f"{tmp_path / 'overlay.mp4'} (5 frames)"


def test_where_times_go_back_the_overlay_continues(tmp_path):
    seconds = [5.0, 5.1, 3.0, 3.2, 3.2, 9.0]
    results = [result(index, seconds=time) for index, time in enumerate(seconds)]
    write_all(OverlayVideo(tmp_path / "overlay.mp4", CAMVID11, fps=10), results)
    shown = np.diff(times(tmp_path / "overlay.mp4"))
    assert shown == pytest.approx([0.1, 0.1, 0.2, 0.1, 5.8], abs=1e-5)


def test_frames_of_another_size_are_scaled_in_the_overlay(tmp_path):
    sizes = [(48, 64), (96, 128), (24, 32), (48, 64)]
    results = [result(index, size) for index, size in enumerate(sizes)]
    write_all(OverlayVideo(tmp_path / "overlay.mp4", CAMVID11), results)
    assert probe(tmp_path / "overlay.mp4").size == (48, 64)
    assert len(times(tmp_path / "overlay.mp4")) == 4
    write_all(LabelImages(tmp_path, CAMVID11), results)
    with Image.open(tmp_path / "000001.png") as image:
        assert image.size == (128, 96)


def test_a_label_map_holds_indices_and_shows_colours(tmp_path):
    label = np.array([[0, 8], [10, 3]], np.uint8)
    write_label(label, CAMVID11, tmp_path / "label.png")
    with Image.open(tmp_path / "label.png") as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), label)
        assert np.asarray(image.convert("RGB"))[0, 1].tolist() == list(CAMVID11.palette[8])


def test_in_the_background_the_same_is_written_in_the_same_order():
    seen = []
    write_all(InBackground(ToFunction(seen.append)), map(result, range(40)))
    assert [each.frame.index for each in seen] == list(range(40))


@pytest.mark.parametrize("number", [3, 20])
def test_what_fails_in_the_background_is_raised_in_the_stream(number):
    def fail(each):
        if each.frame.index == 3:
            raise RuntimeError("the disk fell down")

    with pytest.raises(RuntimeError, match="the disk fell down"):
        write_all(InBackground(ToFunction(fail)), map(result, range(number + 1)))


@pytest.mark.parametrize("kind", [LabelImages, OverlayVideo])
def test_an_unwritable_path_is_refused_before_any_frame(tmp_path, kind):
    (tmp_path / "file").touch()
    output = kind(tmp_path / "file" / "x.mp4", CAMVID11)
    with pytest.raises(OSError, match=r"x\.mp4"), output:
        pytest.fail("it was opened")


def full_after(number, write):
    """A function that fills the disk at some call, in the middle of its file."""
    calls = []

    def full(*args, **kwargs):
        calls.append(args)
        if len(calls) > number:
            path = next(Path(each) for each in args if isinstance(each, str | Path))
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(*args, **kwargs)

    return full


def test_a_full_disk_leaves_complete_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(Image.Image, "save", full_after(2, Image.Image.save))
    with pytest.raises(OSError, match="No space left"):
        write_all(LabelImages(tmp_path, CAMVID11), [result(index) for index in range(6)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000.png", "000001.png"]
