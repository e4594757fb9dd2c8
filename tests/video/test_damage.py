"""What FFmpeg conceals is said: pictures decoded with errors."""

import json
import warnings

import av
import numpy as np
import pytest

from arseg_lightning.streaming.folder import segment_to_folder
from arseg_lightning.video.decode import decode
from arseg_lightning.video.errors import VideoDamageWarning
from arseg_lightning.video.live import open_live
from tests.streaming.made import segmenter
from tests.video.hand_made import pan
from tests.video.small_videos import write_stream

FRAMES, KEYFRAMES = 24, 8


def flipped(path, number, seed, reach=None):
    """The same file with three bits of one packet flipped, near its start if wanted."""
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        found = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    place, size = found[number]
    generator, reach = np.random.default_rng(seed), reach or size - 8
    for _ in range(3):
        data[place + 8 + generator.integers(reach)] ^= 1 << generator.integers(8)
    target = path.with_name(f"flipped_{path.name}")
    target.write_bytes(data)
    return target


def said_of(path):
    """The frames, and what is said of them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frames = [frame.image for frame in decode(path)]
    return frames, " ".join(str(each.message) for each in caught)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Healthy streams of several codecs, with a keyframe every eight frames."""
    folder = tmp_path_factory.mktemp("damage")
    x265 = {"x265-params": f"keyint={KEYFRAMES}:min-keyint={KEYFRAMES}:bframes=0:log-level=none"}
    x264 = {"g": str(KEYFRAMES), "bf": "0", "sc_threshold": "0"}
    encoders = {
        "h264.mp4": ("libx264", x264),
        "slices.mkv": ("libx264", {**x264, "slices": "4"}),
        "hevc.mp4": ("libx265", x265),
        "mpeg2.mkv": ("mpeg2video", {"g": str(KEYFRAMES), "bf": "0"}),
        "mpeg4.avi": ("mpeg4", {"g": str(KEYFRAMES), "bf": "0"}),
    }
    images = list(pan(FRAMES, 96, 144, 3, 1))
    return {
        name: write_stream(folder / name, codec, options, images)
        for name, (codec, options) in encoders.items()
        if codec in av.codecs_available
    }


@pytest.mark.parametrize("name", ["h264.mp4", "slices.mkv", "hevc.mp4", "mpeg2.mkv", "mpeg4.avi"])
def test_whenever_ffmpeg_logs_an_error_so_do_we(made, name):
    path = made[name]
    assert said_of(path)[1] == ""
    num_logged = 0
    level = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    try:
        reach = 8 if name == "hevc.mp4" else None  # a change behind its headers is never noticed
        for seed in range(12):
            with av.logging.Capture(False) as logs:
                frames, said = said_of(flipped(path, 2 + seed % 5, seed, reach))
            assert len(frames) == FRAMES
            assert not logs or said, logs
            num_logged += bool(logs)
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(True)
    assert num_logged >= 4


def first_concealed(path):
    """A variant in which one frame is decoded with errors, and those behind it are wrong."""
    for seed in range(40):
        damaged = flipped(path, 3, seed)
        if "1 decoded with errors" in said_of(damaged)[1]:
            return damaged
    raise AssertionError("no error was concealed")


def test_concealed_errors_and_what_builds_on_them_are_said_and_recorded(made, tmp_path):
    path = first_concealed(made["h264.mp4"])
    said = "1 decoded with errors, on which those after them may build"
    assert said in said_of(path)[1]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with open_live(str(path), motion="reencode") as live:
            restarts = {each.frame.index: each.restart for each in live if each.restart}
    assert [said in str(each.message) for each in caught] == [True]
    assert restarts == {0: "start", 3: "frames before it are damaged or lost"}
    with pytest.warns(VideoDamageWarning, match="may build"):
        record = segment_to_folder(segmenter(), path, tmp_path / "out")
    assert record.source["damage"] == said
    assert f"damaged: of the input's frames {said}" in record.text()
    assert json.loads((tmp_path / "out" / "predict.json").read_text())["source"]["damage"] == said


def test_a_stream_that_is_left_early_says_what_it_saw(made):
    path = first_concealed(made["h264.mp4"])
    stream = segmenter().stream(path, limit=8)
    with pytest.warns(VideoDamageWarning, match="1 decoded with errors"):
        assert len(list(stream)) == 8


def test_packets_that_a_transport_stream_lost_are_said(tmp_path):
    """Transport packets count themselves: a decoder may take what is left without an error."""
    images = list(pan(FRAMES, 96, 144, 3, 1))
    path = write_stream(tmp_path / "clip.ts", "libx264", {"g": "8", "bf": "0"}, images)
    data = path.read_bytes()
    for number in range(20, len(data) // 188 - 3, 9):
        path.write_bytes(data[: number * 188] + data[(number + 1) * 188 :])
        with av.open(str(path)) as container:
            marked = sum(packet.is_corrupt for packet in container.demux(video=0))
        if marked:
            assert said_of(path)[1] != ""


@pytest.mark.skipif("libx265" not in av.codecs_available, reason="FFmpeg without libx265")
def test_a_broken_message_beside_a_picture_costs_no_picture(made, tmp_path):
    """Cameras write such messages (SEI); FFmpeg skips them unless told to refuse damage."""
    path = tmp_path / "messages.mkv"
    message = bytes([39 << 1, 1, 4, 200, 181, 0, 49])  # says that it is longer than it is
    with av.open(str(made["hevc.mp4"])) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                whole = av.Packet(len(message).to_bytes(4, "big") + message + bytes(packet))
                whole.pts, whole.dts = packet.pts, packet.dts
                whole.time_base, whole.stream = packet.time_base, stream
                whole.is_keyframe = packet.is_keyframe
                target.mux(whole)
    frames, said = said_of(path)
    assert (len(frames), said) == (FRAMES, "")
