"""What kind of source a name means."""

import os
from pathlib import Path

import pytest

from arseg_lightning.video.live.address import Address, find_address


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("-", Address("pipe", "-", "standard input")),
        ("camera:0", Address("camera", "0", "camera:0")),
        ("camera:FaceTime HD", Address("camera", "FaceTime HD", "camera:FaceTime HD")),
        ("/dev/video3", Address("camera", "/dev/video3", "/dev/video3")),
        ("rtsp://host/live", Address("network", "rtsp://host/live", "rtsp://host/live")),
        ("udp://@:5000", Address("network", "udp://@:5000", "udp://@:5000")),
    ],
)
def test_a_name_tells_the_kind_of_a_source(source, expected):
    assert find_address(source) == expected


def test_messages_do_not_show_passwords():
    address = find_address("rtsp://me:secret@host:554/live")
    assert address.target == "rtsp://me:secret@host:554/live"
    assert address.name == "rtsp://me:***@host:554/live"


def test_what_is_on_the_disk_is_told_by_what_it_is(tmp_path):
    file, pipe = tmp_path / "clip.mp4", tmp_path / "pipe"
    file.touch()
    os.mkfifo(pipe)
    assert (
        find_address(file)
        == find_address(f"file://{file}")
        == Address("file", str(file), str(file))
    )
    assert find_address(str(tmp_path)).kind == "images"
    assert find_address(pipe).kind == "pipe"


def test_what_is_nowhere_is_refused():
    with pytest.raises(
        FileNotFoundError, match=r"gone does not exist; give a video file, a folder"
    ):
        find_address(Path("gone"))
