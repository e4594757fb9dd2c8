"""Motion that does not fit is refused with reason and remedy, or replaced, also in the middle."""

import numpy as np
import pytest

from arseg_lightning.video.errors import NoMotionVectors
from arseg_lightning.video.live import open_live
from tests.video.hand_made import pan
from tests.video.live.senders import named_pipe
from tests.video.live.test_files import ONE_REFERENCE, all_of, write_images
from tests.video.live.test_reencoder import set_full_range
from tests.video.small_videos import moving_frames, write_stream
from tests.video.test_probe import CLOCKWISE, turned

B_FRAMES = {"x264-params": "keyint=12:scenecut=0:bframes=3"}
SEVERAL = {"x264-params": "keyint=12:scenecut=0:bframes=0:ref=3"}
FIELDS = {"x264-params": "keyint=12:scenecut=0:bframes=0:ref=1:interlaced=1"}
REMEDY = "use --motion reencode"


def write(path, encoder="libx264", options=None):
    full_range = set_full_range if encoder == "mjpeg" else None
    options = ONE_REFERENCE if options is None else options
    return write_stream(path, encoder, options, frames=moving_frames(12), prepare=full_range)


@pytest.mark.parametrize(
    ("name", "encoder", "options", "reason"),
    [
        (
            "clip.mp4",
            "libx265",
            {"x265-params": "log-level=none"},
            "is hevc, which FFmpeg exports no",
        ),
        ("clip.webm", "libvpx-vp9", {"cpu-used": "8"}, "is vp9, which FFmpeg exports no"),
        ("clip.avi", "mjpeg", {}, "is mjpeg, which FFmpeg exports no"),
    ],
)
def test_a_stream_that_does_not_fit_is_refused(tmp_path, name, encoder, options, reason):
    path = write(tmp_path / name, encoder, options)
    message = rf"{name} {reason}.*; {REMEDY}"
    with pytest.raises(NoMotionVectors, match=message):
        all_of(path)
    assert len(all_of(path, motion="auto")) == 12


def test_turned_pictures_are_refused(tmp_path):
    with pytest.raises(NoMotionVectors, match=f"asks to be turned, .*{REMEDY}"):
        open_live(turned(tmp_path, CLOCKWISE, ONE_REFERENCE))


def test_images_are_refused(tmp_path):
    folder = write_images(tmp_path / "images", moving_frames(2))
    with pytest.raises(NoMotionVectors, match=f"a folder of images, which FFmpeg .*{REMEDY}"):
        open_live(folder)


@pytest.mark.parametrize("options", [B_FRAMES, SEVERAL, FIELDS])
@pytest.mark.parametrize("motion", ["codec", "auto"])
def test_a_stream_that_changes_in_the_middle_is_followed(tmp_path, options, motion):
    parts = [write(tmp_path / "a.h264"), write(tmp_path / "b.h264", options=options)]
    content = b"".join(part.read_bytes() for part in parts)
    with named_pipe(tmp_path / "pipe", content) as pipe:
        found = all_of(pipe, motion=motion)
    assert [f.frame.index for f in found] == list(range(24))
    assert [f.restart for f in found] == ["start"] + [None] * 23
    assert all((f.step is None) == (f.frame.picture_type == "I") for f in found)


def interlaced(num_frames):
    """Every second row is half a frame later."""
    fields = list(pan(2 * num_frames, 96, 128, 2, 1))
    for first, second in zip(fields[::2], fields[1::2], strict=True):
        first[1::2] = second[1::2]
        yield first


@pytest.mark.parametrize(
    ("encoder", "options", "frames"),
    [
        ("mpeg4", {"g": "30", "bf": "2"}, pan(20, 96, 128, 4, 2)),  # FFmpeg exports direct as zero
        ("libx264", FIELDS | {"crf": "18"}, interlaced(20)),
    ],
)
def test_vectors_that_are_no_motion_are_replaced_by_an_encoding(tmp_path, encoder, options, frames):
    path = write_stream(tmp_path / "clip.mp4", encoder, options, frames=frames)
    found = all_of(path, motion="auto")
    assert len(found) == 20
    (switch,) = [f for f in found[1:] if f.restart]
    assert "% lead to what looks alike: its frames are encoded from here on" in switch.restart
    assert switch.frame.index < 12
    for each in found[switch.frame.index + 1 :]:
        assert abs(np.median(each.step.quarter_pixels[0]) - 16) <= 1
    assert [f.restart for f in all_of(path, motion="codec")[1:]] == [None] * 19


def test_the_change_to_an_encoding_is_recorded(tmp_path):
    path = write_stream(tmp_path / "a.mp4", "libx264", FIELDS, frames=interlaced(24))
    with open_live(path, motion="auto") as live:
        (switch,) = [f for f in list(live)[1:] if f.restart]
        use = live.motion_use
    assert switch.restart.startswith(use["why_encoded"])
    assert use["encoded_frames"] == 24 - switch.frame.index
