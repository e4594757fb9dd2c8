"""Decoding: order, vectors, random access, damage, rotation, changing size."""

from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from arseg_lightning.video.decode import decode, decode_motion
from arseg_lightning.video.errors import NoMotionVectors, VideoDamageWarning, VideoError
from arseg_lightning.video.frame_reader import read_frames
from tests.video.small_videos import (
    cut,
    moving_frames,
    without_packets,
    write_stream,
    write_video,
)
from tests.video.test_probe import CLOCKWISE, turned

REAL = Path(__file__).resolve().parents[3] / "shared" / "videos" / "people_768x432_bframes.mp4"
B_FRAMES = {"x264-params": "keyint=12:scenecut=0:bframes=3:b-pyramid=normal"}
OPEN_GOPS = {"x264-params": "keyint=12:scenecut=0:bframes=3:open-gop=1:ref=2"}
REFRESH = {"x264-params": "keyint=12:scenecut=0:intra-refresh=1"}


def assert_same(frame, other):
    assert (frame.index, frame.pts_seconds) == (other.index, other.pts_seconds)
    assert frame.picture_type == other.picture_type
    np.testing.assert_array_equal(frame.image, other.image)


def test_frames_come_in_order_with_types_times_and_pixels(tmp_path):
    frames = list(decode(write_video(tmp_path / "clip.mp4", keyframe_interval=12, crf=10)))
    assert [frame.index for frame in frames] == list(range(30))
    assert "".join(frame.picture_type for frame in frames) == ("I" + 11 * "P") * 2 + "I" + 5 * "P"
    np.testing.assert_allclose([f.pts_seconds for f in frames], np.arange(30) / 25)
    for frame, image in zip(frames, moving_frames(), strict=True):
        assert np.abs(frame.image.astype(int) - image).mean() < 4


def test_vectors_say_where_blocks_came_from(tmp_path):
    path = write_video(tmp_path / "clip.mp4", keyframe_interval=12)
    steps = [step for _, step in decode_motion(path)]
    assert steps[0].intra.all()
    assert steps[12].intra.all()
    x, y = np.median(steps[5].quarter_pixels, axis=(1, 2)) / 4
    assert (x, y) == (-2, -1)  # the pattern moves right and down, so it came from left and above


def test_b_frames_come_in_display_order(tmp_path):
    path = write_stream(tmp_path / "clip.mp4", "libx264", B_FRAMES)
    frames = list(decode(path))
    assert {frame.picture_type for frame in frames} == {"I", "P", "B"}
    found = list(decode_motion(path))
    assert [kind for kind, _ in found] == [frame.picture_type for frame in frames]
    assert any(step.earlier for kind, step in found if kind == "B")
    for frame, image in zip(frames, moving_frames(), strict=True):
        assert np.abs(frame.image.astype(int) - image).mean() < 8


@pytest.mark.parametrize(
    ("name", "encoder", "options"),
    [
        ("clip.mp4", "libx264", B_FRAMES),
        ("clip.mkv", "libx264", B_FRAMES),
        ("clip.ts", "libx264", B_FRAMES),
        ("clip.avi", "libx264", B_FRAMES),
        ("clip.h264", "libx264", B_FRAMES),
        ("clip.mp4", "libx264", OPEN_GOPS),
        ("clip.mp4", "libx264", REFRESH),
        ("clip.mp4", "mpeg4", {"g": "6", "bf": "2"}),
        ("clip.mpg", "mpeg2video", {"g": "6", "bf": "2"}),
        ("clip.webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "12", "g": "12"}),
        ("clip.webm", "libvpx-vp9", {"lag-in-frames": "12", "g": "12", "cpu-used": "8"}),
    ],
)
def test_any_frame_read_alone_is_the_one_of_the_whole_video(tmp_path, name, encoder, options):
    path = write_stream(tmp_path / name, encoder, options)
    frames = list(decode(path))
    assert [frame.index for frame in frames] == list(range(30))
    for frame in frames:
        assert_same(read_frames(path, [frame.index])[frame.index], frame)
    some = read_frames(path, [29, 3, 14, 3])
    assert sorted(some) == [3, 14, 29]
    for index, frame in some.items():
        assert_same(frame, frames[index])


@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL.name} is not in ../shared/videos")
def test_random_access_is_exact_in_a_real_stream_with_b_frames():
    frames = list(islice(decode(REAL), 60))
    for index in (0, 9, 10, 11, 19, 20, 38, 57):
        assert_same(read_frames(REAL, [index])[index], frames[index])


def test_uneven_times_are_kept(tmp_path):
    times = np.cumsum([0, *([1, 3, 2, 7] * 8)])[:30].tolist()
    path = write_stream(tmp_path / "clip.mp4", "libx264", B_FRAMES, times=times)
    frames = list(decode(path))
    np.testing.assert_allclose([f.pts_seconds for f in frames], np.array(times) / 25, atol=1e-4)
    assert_same(read_frames(path, [27])[27], frames[27])


def test_a_frame_beyond_the_video_is_refused(tmp_path):
    path = write_video(tmp_path / "clip.mp4")
    assert read_frames(path, []) == {}
    with pytest.raises(IndexError, match=r"clip\.mp4 has no frame 30"):
        read_frames(path, [3, 30])
    with pytest.raises(IndexError, match="counted from 0, got -1"):
        read_frames(path, [-1])


def test_a_lost_frame_is_replaced_and_said_and_the_others_keep_their_index(tmp_path):
    healthy = list(decode(write_video(tmp_path / "clip.mp4", keyframe_interval=12)))
    path = without_packets(tmp_path / "clip.mp4", 5)
    with pytest.warns(VideoDamageWarning, match=r"damaged_clip\.mp4 .* 1 lost \(index 5\)"):
        frames = list(decode(path))
    assert [frame.index for frame in frames] == list(range(30))
    assert frames[5].picture_type == "P"
    np.testing.assert_array_equal(frames[5].image, frames[4].image)
    for index in (*range(5), *range(12, 30)):
        assert_same(frames[index], healthy[index])


def test_a_lost_keyframe_costs_no_index(tmp_path):
    healthy = list(decode(write_video(tmp_path / "clip.mp4", keyframe_interval=12)))
    path = without_packets(tmp_path / "clip.mp4", 12)
    with pytest.warns(VideoDamageWarning, match="lost .index 12, 13, 14"):
        frames = list(decode(path))
    assert len(frames) == 30
    assert_same(frames[24], healthy[24])
    with pytest.warns(VideoDamageWarning, match=r"1 lost \(index 12\)"):
        alone = read_frames(path, [12])[12]
    assert_same(alone, frames[12])


def test_reading_touches_only_what_it_needs(tmp_path):
    healthy = list(decode(write_video(tmp_path / "clip.mp4", keyframe_interval=12)))
    path = without_packets(tmp_path / "clip.mp4", 5, 20)
    assert_same(read_frames(path, [3])[3], healthy[3])  # stops before the damage
    assert_same(read_frames(path, [14])[14], healthy[14])  # starts behind it


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_of_a_truncated_video_the_start_is_used_and_the_loss_is_said(tmp_path, name):
    healthy = list(decode(write_video(tmp_path / name, keyframe_interval=12)))
    with pytest.warns(VideoDamageWarning, match=rf"cut_{name} is damaged: .* missing at the end"):
        frames = list(decode(cut(tmp_path / name, 0.6)))
    assert 10 < len(frames) < 25
    for frame in frames[:-1]:
        assert_same(frame, healthy[frame.index])


@pytest.mark.filterwarnings("ignore::arseg_lightning.video.errors.VideoDamageWarning")
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.avi"])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_whatever_is_damaged_frames_have_no_gaps_or_the_file_is_named(tmp_path, name, codec):
    path = write_stream(tmp_path / name, codec, {"g": "12", "bf": "0"})
    healthy = path.read_bytes()
    for seed in range(12):
        random = np.random.default_rng(seed)
        data = np.frombuffer(healthy, np.uint8).copy()
        places = random.integers(0, len(data), random.integers(1, 60))
        data[places] = random.integers(0, 256, len(places))
        path.write_bytes(data[: random.integers(len(data) // 2, len(data))].tobytes())
        try:
            indices = [frame.index for frame in decode(path)]
        except VideoError as error:
            assert name in str(error)  # noqa: PT017  (either way is right)
        else:
            assert indices == list(range(len(indices)))


def test_a_stream_without_times_leaves_lost_frames_out_and_says_so(tmp_path):
    path = write_video(tmp_path / "clip.h264", keyframe_interval=12)
    with pytest.warns(VideoDamageWarning, match="1 refused by the decoder"):
        frames = list(decode(without_packets(path, 5, keep=6)))
    assert [frame.index for frame in frames] == list(range(29))


def test_a_turned_video_comes_upright(tmp_path):
    frame = next(decode(turned(tmp_path, CLOCKWISE)))
    with av.open(str(tmp_path / "phone.mp4")) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="rgb24")
    np.testing.assert_array_equal(frame.image[0, -1], stored[0, 0])  # top left goes to top right
    np.testing.assert_array_equal(frame.image, np.rot90(stored, -1))
    assert read_frames(tmp_path / "phone.mp4", [0])[0].size == (96, 64)
    with pytest.raises(NoMotionVectors, match="asks to be turned"):
        next(decode_motion(tmp_path / "phone.mp4"))


def changing_size(tmp_path):
    """A stream whose pictures become smaller after 10 frames."""
    first = write_video(tmp_path / "first.h264", 10)
    second = write_video(tmp_path / "second.h264", 10, size=(48, 64))
    path = tmp_path / "changing.h264"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    return path


def test_a_change_of_size_is_refused_with_the_remedy(tmp_path):
    path = changing_size(tmp_path)
    with pytest.raises(VideoError, match=r"changing\.h264 .*frame 10 is 48x64.* 64x96.*encode"):
        list(decode(path))


def test_pictures_can_be_scaled_to_one_size(tmp_path):
    frames = list(decode(changing_size(tmp_path), size=(32, 48)))
    assert {frame.size for frame in frames} == {(32, 48)}
    assert len(frames) == 20


def test_a_turned_video_is_scaled_as_it_is_shown(tmp_path):
    assert next(decode(turned(tmp_path, CLOCKWISE), size=(48, 32))).size == (48, 32)
