"""Pictures are shown as the display matrix of their video asks for."""

from itertools import islice

import numpy as np
import pytest

from arseg_lightning.video.decode import decode, decode_motion
from arseg_lightning.video.errors import NoMotionVectors, VideoError
from arseg_lightning.video.frame_reader import read_frames
from arseg_lightning.video.live import open_live
from arseg_lightning.video.probe import motion_obstacle, probe
from tests.video.small_videos import moving_frames, write_stream

SHOWN = {
    "as it is": ((1, 0, 0, 1), lambda image: image),
    "half a turn": ((-1, 0, 0, -1), lambda image: image[::-1, ::-1]),
    "clockwise": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "counter-clockwise": ((0, -1, 1, 0), lambda image: np.rot90(image)),
    "not quite as it is": ((0.99995, 0.01, -0.01, 0.99995), lambda image: image),
}
"""By name: a, b, c, d of the matrix, and what is to be seen."""


def phone_video(path, abcd, num_frames=4):
    matrix = (*abcd[:2], 0, *abcd[2:], 0, 0, 0, 1 << 14)
    values = [round(value * (1 << 16)) for value in matrix]
    return write_stream(
        path,
        "libx264",
        {"crf": "10", "bf": "0"},
        list(moving_frames(num_frames)),
        prepare=lambda stream: stream.set_display_matrix(values),
    )


@pytest.mark.parametrize("name", SHOWN)
def test_frames_are_turned_as_their_video_asks(tmp_path, name):
    abcd, shown = SHOWN[name]
    path = phone_video(tmp_path / "phone.mp4", abcd)
    expected = [shown(image) for image in moving_frames(4)]
    with open_live(str(path), motion="auto") as live:
        seen = {
            "decoded": [frame.image for frame in decode(path)],
            "read": [frame.image for frame in read_frames(path, range(4)).values()],
            "live": [frame.frame.image for frame in islice(live, 4)],
        }
    for images in seen.values():
        for image, right in zip(images, expected, strict=True):
            assert image.shape == right.shape
            assert np.abs(image.astype(int) - right).mean() < 4
    assert probe(path).size == expected[0].shape[:2]
    scaled = next(decode(path, size=(32, 40)))
    assert scaled.size == (32, 40)


MIRRORED = {"left and right": (-1, 0, 0, 1), "top and bottom": (1, 0, 0, -1)}
MIRRORED |= {"transposed": (0, 1, 1, 0), "transposed across": (0, -1, -1, 0)}


@pytest.mark.parametrize("name", MIRRORED)
def test_mirrored_videos_are_refused_by_name(tmp_path, name):
    path = phone_video(tmp_path / "selfie.mp4", MIRRORED[name])
    with pytest.raises(VideoError, match=r"selfie\.mp4 asks to be shown mirrored.*ffmpeg"):
        next(decode(path))
    with pytest.raises(VideoError, match="mirrored"), open_live(str(path), motion="auto") as live:
        next(iter(live))


def test_vectors_of_turned_frames_are_refused(tmp_path):
    path = phone_video(tmp_path / "phone.mp4", SHOWN["clockwise"][0])
    info = probe(path)
    assert motion_obstacle(info.codec, info.quarter_turns) is not None
    message = r"phone\.mp4 asks to be turned, and its motion vectors"
    with pytest.raises(NoMotionVectors, match=message):
        list(decode_motion(path))
    with pytest.raises(NoMotionVectors, match=message), open_live(str(path)) as live:
        list(live)


def test_a_matrix_of_zeros_asks_for_nothing(tmp_path):
    path = phone_video(tmp_path / "phone.mp4", (0, 0, 0, 0))
    assert probe(path).quarter_turns == 0
