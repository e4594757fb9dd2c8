"""The command ``predict``: anyone's video, from the command line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from arseg_lightning.cli import main
from arseg_lightning.methods import Adaptive
from arseg_lightning.streaming.record import StreamRecord, StreamStatistics
from tests.streaming.made import times, write_at, write_run
from tests.video.small_videos import write_video

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "clip.mp4", 10)


def predict(*words, output):
    return main(["predict", *map(str, words), "--output", str(output), "--device", "cpu"])


def test_a_run_and_a_video_are_enough(run, video, tmp_path, capsys):
    record = predict(run, "--video", video, output=tmp_path / "out")
    assert isinstance(record, StreamRecord)
    assert (record.frames, record.keyframes) == (10, 3)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"overlay.mp4", "labels", "predict.json"}
    text = capsys.readouterr().out
    assert "10 frames in " in text
    assert "30 % keyframes, on cpu (complete)" in text
    assert f"written: {tmp_path / 'out' / 'labels'} (10 frames)" in text


def test_files_of_configuration_take_overrides_as_test_does(run, video, tmp_path):
    flags = ["--config", run / "fit.yaml", "--checkpoint", run / "last.ckpt", "--video", video]
    flags += ["--data.keyframe_interval", "2", "--model.resolution_ratio=0.25", "--limit", "4"]
    record = predict(*flags, "--outputs", "labels", output=tmp_path / "out")
    assert (record.frames, record.keyframes) == (4, 2)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"labels", "predict.json"}


@pytest.mark.parametrize(
    ("flags", "name", "keyframes"),
    [
        (["--keyframe_interval", "5"], "EveryL", 2),
        (["--clock", "CodecKeyframes", "--clock.max_interval", "3"], "CodecKeyframes", 4),
        (["--clock", "Adaptive", "--clock.motion_energy", "0"], "Adaptive", 3),
    ],
)
def test_keyframes_are_chosen_as_said(run, video, tmp_path, flags, name, keyframes):
    record = predict(run, "--video", video, *flags, "--outputs", "", output=tmp_path / "out")
    assert (record.clock["name"], record.keyframes) == (name, keyframes)


def test_a_clock_stands_in_a_file_too(run, video, tmp_path):
    clock = tmp_path / "clock.yaml"
    clock.write_text("class_path: Adaptive\ninit_args: {min_interval: 2, max_interval: 3}\n")
    words = [run, "--video", video, "--clock", clock, "--outputs", ""]
    record = predict(*words, output=tmp_path / "out")
    assert record.clock == {"name": "Adaptive"} | vars(Adaptive(2, 3))


def test_an_interval_and_a_clock_are_two(run, video, tmp_path):
    flags = ["--keyframe_interval", "5", "--clock", "CodecKeyframes"]
    with pytest.raises(ValueError, match="give one of --keyframe_interval and --clock"):
        predict(run, "--video", video, *flags, output=tmp_path / "out")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_said_before_anything_is_built(video, tmp_path):
    words = ["predict", str(tmp_path / "gone"), "--video", str(video), "--output", str(tmp_path)]
    with pytest.raises(ValueError, match=r"there is no cuda:1: .* choose what there is"):
        main([*words, "--device", "cuda:1"])


def test_random_weights_are_refused(run, video, tmp_path):
    with pytest.raises(ValueError, match=r"predict would use random weights .* give --checkpoint"):
        predict("--config", run / "fit.yaml", "--video", video, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_ctrl_c_leaves_a_valid_video_of_all_frames_so_far(
    run, video, tmp_path, monkeypatch, capsys
):
    """By a signal while the fifth frame is counted."""
    count = StreamStatistics.add

    def count_and_press(self, result):
        count(self, result)
        if result.frame.index == 4:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(StreamStatistics, "add", count_and_press)
    with pytest.raises(SystemExit) as ended:
        predict(run, "--video", video, output=tmp_path / "out")
    assert ended.value.code == 130
    assert times(tmp_path / "out" / "overlay.mp4") == pytest.approx(times(video)[:5], abs=1e-5)
    assert len(list((tmp_path / "out" / "labels").iterdir())) == 5
    assert "5 frames in " in (text := capsys.readouterr().out)
    assert "(interrupted)" in text


def start(run, video, output):
    command = [sys.executable, "-m", "arseg_lightning", "predict", run, "--video", video]
    return subprocess.Popen(
        [*map(str, command), "--output", str(output), "--clock", "EveryL"],
        cwd=ROOT,
        env=os.environ | {"ARSEG_LIGHTNING_TRUST": "tests"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(path, seconds=60):
    limit = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < limit, f"{path} did not come"
        time.sleep(0.02)


@pytest.mark.slow
def test_an_interrupted_stream_leaves_a_valid_video(run, tmp_path):
    """By a process of its own and a real Ctrl-C."""
    ticks = [3600 * n + 900 * (n % 3) for n in range(1000)]
    video, output = write_at(tmp_path / "long.mp4", ticks), tmp_path / "out"
    process = start(run, video, output)
    wait_for(output / "labels" / "000005.png")
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=30)
    assert process.returncode == 130, text
    shown = times(output / "overlay.mp4")
    labels = len(list((output / "labels").iterdir()))
    assert 5 < labels == len(shown) < 1000
    assert shown == pytest.approx([tick / 90_000 for tick in ticks[: len(shown)]], abs=1e-5)
    assert f"{labels} frames in " in text
    assert "(interrupted)" in text


def test_how_a_source_is_read_is_said_on_the_command_line(run, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for i in range(3):
        Image.fromarray(np.full((32, 48, 3), 40 * i, np.uint8)).save(images / f"{i}.png")
    record = predict(run, "--video", images, "--live.fps", 5, output=tmp_path / "out")
    assert record.source["fps"] == 5.0
