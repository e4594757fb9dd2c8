"""The motion file gives back what was put in, frame by frame, and only if it is whole."""

import zlib

import numpy as np
import pytest

from arseg_lightning.video.motion_file import read_index, read_motion, write_motion
from tests.video.hand_made import motion_file, random_motion

SIZE = (21, 34)


@pytest.fixture
def fields():
    return [random_motion(*SIZE, seed=seed) for seed in range(70)]


def test_every_frame_comes_back_as_it_was(tmp_path, fields):
    motion = motion_file(tmp_path / "a.motion", fields, SIZE)
    for number in (69, *range(70)):  # in any order
        read = motion.block_motion(number)
        assert (read.quarter_pixels == fields[number].quarter_pixels).all()
        assert (read.intra == fields[number].intra).all()


def test_the_index_knows_the_video(tmp_path, fields):
    types = "I" + 34 * "P" + "I" + 34 * "P"
    motion = motion_file(tmp_path / "a.motion", fields, SIZE, types, fps=29.97)
    assert (motion.num_frames, motion.size, motion.fps) == (70, SIZE, 29.97)
    assert (motion.picture_types, motion.intra_frames) == (types, (0, 35))


def test_a_frame_is_read_from_its_own_record_alone(tmp_path, fields):
    path = tmp_path / "a.motion"
    motion_file(path, fields, SIZE)
    index = read_index(path)
    start, stop = index.offsets[40:42]
    content = path.read_bytes()
    path.write_bytes(bytes(start) + content[start:stop] + bytes(len(content) - stop))
    (read,) = read_motion(path, index, 40, 41)
    assert (read.quarter_pixels == fields[40].quarter_pixels).all()


def test_real_motion_takes_little_space(tmp_path):
    still = [random_motion(360, 480, reach=0)] * 32
    motion = motion_file(tmp_path / "a.motion", still, (360, 480))
    assert motion.path.stat().st_size < 32 * still[0].quarter_pixels.nbytes / 20


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_refused_with_the_remedy(tmp_path, fields, share):
    path = tmp_path / "a.motion"
    motion_file(path, fields, SIZE)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"a\.motion is no motion file, .* cut off; delete it"):
        read_index(path)


def test_the_same_motion_gives_the_same_bytes(tmp_path, fields):
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        motion_file(path, fields, SIZE)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_no_video_is_too_short(tmp_path):
    motion = motion_file(tmp_path / "a.motion", [random_motion(*SIZE)], SIZE)
    assert motion.num_frames == 1
    assert np.isfinite(motion.motion(0, 0).xy).all()


def test_a_file_of_another_version_is_refused_by_name(tmp_path, fields):
    path = tmp_path / "a.motion"
    motion_file(path, fields, SIZE)
    path.write_bytes(path.read_bytes()[:-2] + b"7\n")
    with pytest.raises(ValueError, match=r"a\.motion is no motion file, of another version"):
        read_index(path)


def test_a_damaged_record_is_named_and_the_others_are_read(tmp_path, fields):
    path = tmp_path / "a.motion"
    motion = motion_file(path, fields, SIZE)
    content = bytearray(path.read_bytes())
    content[motion.index.offsets[5] + 9] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.motion is damaged in frames 5 to 5; delete it, and"):
        motion.block_motion(5)
    assert (motion.block_motion(6).intra == fields[6].intra).all()


def test_a_record_that_unpacks_to_more_than_a_motion_is_not_unpacked(tmp_path, fields):
    path = tmp_path / "a.motion"
    with path.open("wb") as file:
        write_motion(file, [("I", fields[0])], SIZE, 25.0)
    bomb = zlib.compress(bytes(10_000_000))
    index = read_index(path)._replace(offsets=np.array([0, len(bomb)]))
    path.write_bytes(bomb)
    with pytest.raises(ValueError, match="damaged") as caught:
        read_motion(path, index, 0, 1)
    assert "hold too much" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    "index", [b"", b"{}", b"[1, 2]", b'{"size": 3, "fps": 1, "picture_types": "I"}']
)
def test_a_damaged_index_is_named(tmp_path, index):
    path = tmp_path / "a.motion"
    path.write_bytes(index + len(index).to_bytes(8, "big") + b"arseg-motion-5\n")
    with pytest.raises(ValueError, match=r"index of .*a\.motion is damaged; delete it, and"):
        read_index(path)


def test_an_index_longer_than_its_file_is_named(tmp_path):
    path = tmp_path / "a.motion"
    path.write_bytes((10**15).to_bytes(8, "big") + b"arseg-motion-5\n")
    with pytest.raises(ValueError, match=r"index of .* is damaged"):
        read_index(path)
