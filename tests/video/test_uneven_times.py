"""Frames keep the times of their file where it repeats one, or where packets alone do not tell."""

from fractions import Fraction

import av
import numpy as np
import pytest

from arseg_lightning.video.decode import decode
from arseg_lightning.video.frame_reader import read_frames
from arseg_lightning.video.live import open_live
from arseg_lightning.video.probe import probe
from arseg_lightning.video.timeline import read_timeline
from tests.video.small_videos import moving_frames, write_stream

UNEVEN = [0, 1, 2, 4, 5, 8, 9, 10, 13, 14, 15, 16, 20, 21, 22, 23]
"""In frames of 40 ms."""


def with_times(path, milliseconds, codec="libx264", options=None):
    """A Matroska file whose blocks are shown at such times; an encoder would refuse some."""
    whole = write_stream(
        path.with_stem("whole"),
        codec,
        options or {"bf": "0", "g": "6"},
        list(moving_frames(len(milliseconds))),
    )
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        for packet, time in zip(packets, milliseconds, strict=True):
            packet.pts = packet.dts = time
            packet.time_base, packet.stream = Fraction(1, 1000), stream
            target.mux(packet)
    return path


def times_of(path):
    """The times of all frames, which are the same however they are read."""
    decoded = list(decode(path))
    times = [frame.pts_seconds for frame in decoded]
    with open_live(str(path), motion="reencode") as live:
        assert [each.frame.pts_seconds for each in live] == times
    for index in range(len(times)):
        frame = read_frames(path, [index])[index]
        assert frame.pts_seconds == times[index]
        np.testing.assert_array_equal(frame.image, decoded[index].image)
    return times


@pytest.mark.parametrize("times", [[0, 40, 80, 230, 230, 300, 330], [0, 0, 80, 80, 160, 160, 240]])
def test_a_repeated_time_costs_no_frame_and_no_other_frame_its_own(tmp_path, times):
    path = with_times(tmp_path / "clip.mkv", times)
    assert read_timeline(path) is None
    found = times_of(path)
    assert (np.diff(found) > 0).all()
    assert found == pytest.approx([time / 1000 for time in times], abs=0.001)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("clip.webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "12", "g": "12"}),
        ("clip.avi", "libx264", {"bf": "2", "g": "6"}),
        ("clip.avi", "mpeg4", {"bf": "2", "g": "6"}),
    ],
)
def test_without_a_timeline_frames_have_the_times_that_they_say(tmp_path, name, codec, options):
    frames = list(moving_frames(len(UNEVEN)))
    path = write_stream(tmp_path / name, codec, options, frames, UNEVEN)
    assert read_timeline(path) is None
    times = times_of(path)
    # the delay of AVI's decoder is unknown at the end, where times go on by the frame rate
    assert times[:-2] == pytest.approx([time / 25 for time in UNEVEN][:-2])
    assert all(np.diff(times) > 0)
    assert probe(path).num_frames in (None, len(UNEVEN))


@pytest.mark.parametrize("name", ["clip.mkv", "clip.avi", "clip.flv", "clip.mp4"])
def test_of_uneven_times_nothing_is_said_to_be_missing(tmp_path, name):
    codec = {"clip.avi": "mpeg4", "clip.flv": "flv"}.get(name, "libx264")
    frames = list(moving_frames(len(UNEVEN)))
    path = write_stream(tmp_path / name, codec, {"bf": "0", "g": "6"}, frames, UNEVEN)
    assert len(list(decode(path))) == len(UNEVEN)
