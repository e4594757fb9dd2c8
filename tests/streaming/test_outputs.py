"""Outputs: overlays with the times of the input, label images, archives, functions."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.streaming.outputs import (
    CannotWriteOutput,
    InBackground,
    LabelArrays,
    LabelImages,
    Output,
    write_label,
)
from arseg_lightning.streaming.overlay import OverlayVideo, OverlayWarning, overlay
from arseg_lightning.video.errors import CannotWriteVideo
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

    def write(self, result):
        self.function(result)


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


def test_frames_of_another_size_are_scaled_and_that_is_said_once(tmp_path):
    sizes = [(48, 64), (96, 128), (24, 32), (48, 64)]
    results = [result(index, size) for index, size in enumerate(sizes)]
    message = r"frame 1 is 96x128, the first is 48x64 .* label files keep their own size"
    with pytest.warns(OverlayWarning, match=message) as said:
        write_all(OverlayVideo(tmp_path / "overlay.mp4", CAMVID11), results)
    assert len(said) == 1
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


def test_archives_hold_labels_and_what_was_done(tmp_path):
    results = [result(i, reason=None if i % 4 else "interval") for i in range(10)]
    write_all(LabelArrays(tmp_path, CAMVID11, chunk_bytes=4 * 48 * 64), results)
    paths = sorted(tmp_path.iterdir())
    assert [path.name for path in paths] == ["000000.npz", "000004.npz", "000008.npz"]
    archives = [dict(np.load(path)) for path in paths]
    labels = np.concatenate([archive["labels"] for archive in archives])
    assert np.array_equal(labels, np.stack([each.labels for each in results]))
    assert np.concatenate([a["index"] for a in archives]).tolist() == list(range(10))
    assert archives[1]["keyframe"].tolist() == [True, False, False, False]
    assert archives[1]["distance"].tolist() == [0, 3, 3, 3]
    assert archives[1]["role"].tolist() == ["keyframe", *["nonkeyframe"] * 3]
    assert archives[1]["executed"].tolist() == [1.0] * 4
    assert archives[2]["pts_seconds"] == pytest.approx([8 / 25, 9 / 25])
    assert json.loads(str(archives[0]["classes"]))["names"] == list(CAMVID11.names)


def test_another_size_is_another_archive(tmp_path):
    write_all(LabelArrays(tmp_path, CAMVID11), [result(0), result(1), result(2, (24, 32))])
    shapes = [np.load(path)["labels"].shape for path in sorted(tmp_path.iterdir())]
    assert shapes == [(2, 48, 64), (1, 24, 32)]


def test_in_the_background_the_same_is_written_in_the_same_order():
    seen = []
    output = write_all(InBackground(ToFunction(seen.append), ahead=2), map(result, range(40)))
    assert [each.frame.index for each in seen] == list(range(40))
    assert output.summary == "a function"


@pytest.mark.parametrize("number", [3, 20])
def test_what_fails_in_the_background_is_raised_in_the_stream(number):
    def fail(each):
        if each.frame.index == 3:
            raise RuntimeError("the disk fell down")

    with pytest.raises(RuntimeError, match="the disk fell down"):
        write_all(InBackground(ToFunction(fail)), map(result, range(number + 1)))


@pytest.mark.parametrize("kind", [LabelImages, LabelArrays, OverlayVideo])
def test_an_unwritable_path_is_refused_before_any_frame(tmp_path, kind):
    (tmp_path / "file").touch()
    output = kind(tmp_path / "file" / "x.mp4", CAMVID11)
    with (
        pytest.raises((CannotWriteOutput, CannotWriteVideo), match=r"x\.mp4 cannot be written"),
        output,
    ):
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


def test_a_full_disk_leaves_complete_archives(tmp_path, monkeypatch):
    monkeypatch.setattr(np, "savez_compressed", full_after(1, np.savez_compressed))
    output = LabelArrays(tmp_path, CAMVID11, chunk_bytes=2 * 48 * 64)
    message = r"000002\.npz cannot .*No space left.*free some space.*the 2 frames before it are com"
    with pytest.raises(CannotWriteOutput, match=message):
        write_all(output, [result(index) for index in range(6)])
    assert [path.name for path in tmp_path.iterdir()] == ["000000.npz"]


def test_a_full_disk_leaves_complete_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(Image.Image, "save", full_after(2, Image.Image.save))
    message = r"000002\.png cannot .*No space left.*free some space.*the 2 before it are complete"
    with pytest.raises(CannotWriteOutput, match=message):
        write_all(LabelImages(tmp_path, CAMVID11), [result(index) for index in range(6)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000.png", "000001.png"]


def test_an_opacity_is_a_weight(tmp_path):
    with pytest.raises(ValueError, match=r"weight of the colours in \[0, 1\], got 2"):
        OverlayVideo(tmp_path / "overlay.mp4", CAMVID11, opacity=2)
