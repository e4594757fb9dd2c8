"""Motion that does not fit is refused with reason and remedy, or replaced, also in the middle."""

import pytest

from arseg_lightning.video.errors import NoMotionVectors, UnsupportedReference
from arseg_lightning.video.live import open_live
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
        ("clip.mp4", "libx264", B_FRAMES, "has B-frames, which are predicted from later ones"),
        ("clip.mp4", "libx264", SEVERAL, "has 3 reference frames, and its vectors do not say"),
        ("clip.mp4", "libx264", FIELDS, "has interlaced fields, which have their own motion"),
        ("clip.mpg", "mpeg2video", {"g": "6", "bf": "2"}, "predicts frame 1 from a later one"),
    ],
)
def test_a_stream_that_does_not_fit_is_refused(tmp_path, name, encoder, options, reason):
    path = write(tmp_path / name, encoder, options)
    message = rf"{name} {reason}.*; {REMEDY}, .* --source .*{name} --output COPY\.mp4"
    with pytest.raises((NoMotionVectors, UnsupportedReference), match=message):
        all_of(path)
    assert len(all_of(path, motion="auto")) == 12


def test_turned_pictures_are_refused(tmp_path):
    with pytest.raises(NoMotionVectors, match=f"asks to be turned by 270 degrees, .*{REMEDY}"):
        open_live(turned(tmp_path, CLOCKWISE, ONE_REFERENCE))


def test_scaled_pictures_are_refused_unless_nothing_is_scaled(tmp_path):
    path = write(tmp_path / "clip.mp4")
    with pytest.raises(NoMotionVectors, match=f"is 64x96, and .* not scale to 32x48; {REMEDY}"):
        open_live(path, size=(32, 48))
    assert len(all_of(path, size=(64, 96))) == 12


def test_images_are_refused(tmp_path):
    folder = write_images(tmp_path / "images", moving_frames(2))
    with pytest.raises(NoMotionVectors, match=f"holds images, which have no motion .*{REMEDY}"):
        open_live(folder)


def test_a_pipe_is_refused_without_advice_to_copy_it(tmp_path):
    content = write(tmp_path / "clip.ts", options=B_FRAMES).read_bytes()
    with (
        named_pipe(tmp_path / "pipe", content) as pipe,
        pytest.raises(UnsupportedReference, match=r"pipe has B-frames.*find their motion$"),
    ):
        open_live(pipe)


def test_a_stream_that_changes_in_the_middle_is_refused_there(tmp_path):
    parts = [write(tmp_path / "a.h264"), write(tmp_path / "b.h264", options=SEVERAL)]
    content = b"".join(part.read_bytes() for part in parts)
    found = []
    with (
        named_pipe(tmp_path / "pipe", content) as pipe,
        open_live(pipe) as live,
        pytest.raises(UnsupportedReference, match=rf"pipe has 3 reference frames.*{REMEDY}"),
    ):
        found.extend(live)
    assert 10 <= len(found) <= 12


def test_motion_is_made_from_where_the_stream_changes_on(tmp_path):
    parts = [write(tmp_path / "a.h264"), write(tmp_path / "b.h264", options=SEVERAL)]
    content = b"".join(part.read_bytes() for part in parts)
    with named_pipe(tmp_path / "pipe", content) as pipe:
        found = all_of(pipe, motion="auto")
    assert len(found) == 24
    (middle,) = [f for f in found[1:] if f.restart]
    assert "has 3 reference frames" in middle.restart
    assert "encoded from here on" in middle.restart
    assert 10 <= middle.frame.index <= 12
    assert all(f.step is not None for f in found[middle.frame.index + 1 :])
