"""Motion of pictures that have none: true, at once, for every frame and size."""

import av
import numpy as np
import pytest

from arseg_lightning.video.decode import decode
from arseg_lightning.video.live import open_live
from arseg_lightning.video.live.reencoder import Reencoder
from tests.video.hand_made import pan
from tests.video.live.test_files import all_of, write_images
from tests.video.small_videos import write_stream, write_video
from tests.video.test_probe import CLOCKWISE, turned

B_FRAMES = {"x264-params": "keyint=12:scenecut=0:bframes=3"}


def set_full_range(stream):
    """Brightness from 0 to 255, which JPEG wants."""
    stream.pix_fmt = "yuvj420p"


def assert_moves(frames, x, y):
    """Every frame but the first comes from there, to a quarter of a pixel."""
    assert frames[0].step is None
    for streamed in frames[1:]:
        field = streamed.step.quarter_pixels[:, ~streamed.step.intra]
        np.testing.assert_allclose(np.median(field, axis=1) / 4, (x, y), atol=0.25)


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (66, 95), (62, 100)])
def test_images_that_move_have_that_motion(tmp_path, size):
    folder = write_images(tmp_path / "images", pan(12, *size, 3, -2))
    found = all_of(folder, motion="reencode")
    assert [f.frame.picture_type for f in found] == ["I"] + ["P"] * 11
    assert_moves(found, 3, -2)
    cells = tuple(-(-side // 4) for side in size)
    assert {f.step.intra.shape for f in found[1:]} == {cells}


@pytest.mark.parametrize(
    ("name", "encoder", "options"),
    [
        ("clip.mp4", "libx265", {"x265-params": "log-level=none:keyint=12:bframes=3"}),
        ("clip.webm", "libvpx-vp9", {"lag-in-frames": "12", "cpu-used": "8"}),
        ("clip.avi", "mjpeg", {}),
    ],
)
def test_a_stream_without_usable_vectors_keeps_its_pictures(tmp_path, name, encoder, options):
    frames = pan(12, 64, 96, 2, 1)
    full_range = set_full_range if encoder == "mjpeg" else None
    path = write_stream(tmp_path / name, encoder, options, frames=frames, prepare=full_range)
    found = all_of(path, motion="auto")
    assert [f.restart for f in found] == ["start"] + [None] * 11
    assert_moves(found, 2, 1)
    for streamed, frame in zip(found, decode(path), strict=True):
        assert streamed.frame.pts_seconds == frame.pts_seconds
        np.testing.assert_array_equal(streamed.frame.image, frame.image)


def test_where_no_motion_is_wanted_none_is_looked_for(tmp_path):
    frames = pan(12, 64, 96, 2, 1)
    path = write_stream(tmp_path / "clip.mp4", "libx264", B_FRAMES, frames=frames)
    found = all_of(path, motion=None)
    assert [f.restart for f in found] == ["start"] + [None] * 11
    assert_moves(found, 0, 0)
    for streamed, frame in zip(found, decode(path), strict=True):
        assert streamed.frame.picture_type == frame.picture_type  # of no encoding
        np.testing.assert_array_equal(streamed.frame.image, frame.image)


def test_motion_is_that_of_the_picture_as_it_is_turned(tmp_path):
    with open_live(turned(tmp_path, CLOCKWISE), motion="auto") as live:
        assert live.size == (96, 64)
        # coded, the pattern moves right and down by (2, 1); turned clockwise, down and left
        assert_moves(list(live), 1, -2)


def test_every_picture_gives_its_motion_at_once(tmp_path):
    frames = [f.frame for f in all_of(write_video(tmp_path / "clip.mp4", 5))]
    pictures = write_images(tmp_path / "images", [f.image for f in frames])
    steps = [f.step for f in all_of(pictures, motion="reencode")]
    assert [step is None for step in steps] == [True] + [False] * 4


def test_a_new_encoder_starts_without_motion(tmp_path):
    frame = all_of(write_video(tmp_path / "clip.mp4", 1))[0].frame
    picture = av.VideoFrame.from_ndarray(frame.image, format="rgb24")
    encoder = Reencoder()
    assert encoder.step(frame, picture) is None
    rest = encoder.step(frame, picture)
    assert not rest.quarter_pixels.any()
    assert not rest.intra.any()
