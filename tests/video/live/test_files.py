"""Files and images frame by frame: the same as decoded at once, healthy and damaged."""

import av
import numpy as np
import pytest

from arseg_lightning.video.decode import decode, decode_motion
from arseg_lightning.video.errors import NotAVideo, VideoDamageWarning, VideoError
from arseg_lightning.video.live import open_live
from tests.video.small_videos import moving_frames, without_packets, write_stream, write_video

ONE_REFERENCE = {"x264-params": "keyint=12:scenecut=0:bframes=0:ref=1"}


def all_of(source, **settings):
    with open_live(source, **settings) as live:
        return list(live)


def assert_same_step(step, other):
    np.testing.assert_array_equal(step.quarter_pixels, other.quarter_pixels)
    np.testing.assert_array_equal(step.intra, other.intra)


def write_images(folder, frames):
    folder.mkdir(exist_ok=True)
    for index, image in enumerate(frames):
        with av.open(str(folder / f"{index:03}.png"), "w") as container:
            stream = container.add_stream("png", rate=25)
            stream.height, stream.width = image.shape[:2]
            stream.pix_fmt = "rgb24"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
    return folder


@pytest.mark.parametrize(
    ("name", "encoder", "options"),
    [
        ("clip.mp4", "libx264", ONE_REFERENCE),
        ("clip.mkv", "libx264", ONE_REFERENCE),
        ("clip.ts", "libx264", ONE_REFERENCE),
        ("clip.h264", "libx264", ONE_REFERENCE),
        ("clip.avi", "mpeg4", {"g": "6"}),
        ("clip.mpg", "mpeg2video", {"g": "6"}),
    ],
)
def test_frames_times_and_motion_of_a_file_are_those_of_decoding(tmp_path, name, encoder, options):
    path = write_stream(tmp_path / name, encoder, options)
    expected, steps = list(decode(path)), [step for _, step in decode_motion(path)]
    found = all_of(path)
    assert len(found) == len(expected) == 30
    for streamed, frame in zip(found, expected, strict=True):
        assert streamed.restart == ("start" if frame.index == 0 else None)
        assert streamed.frame.index == frame.index
        assert streamed.frame.pts_seconds == frame.pts_seconds
        assert streamed.frame.picture_type == frame.picture_type
        np.testing.assert_array_equal(streamed.frame.image, frame.image)
        if frame.picture_type == "I":
            assert streamed.step is None
        else:
            assert_same_step(streamed.step, steps[frame.index])


def test_uneven_times_of_a_file_are_kept(tmp_path):
    times = np.cumsum([0, *([1, 3, 2, 7] * 8)])[:30].tolist()
    path = write_stream(tmp_path / "clip.mp4", "libx264", ONE_REFERENCE, times=times)
    found = all_of(path)
    assert [f.frame.pts_seconds for f in found] == [f.pts_seconds for f in decode(path)]
    assert [f.restart for f in found] == ["start"] + [None] * 29


def test_a_file_says_what_it_holds(tmp_path):
    path = write_video(tmp_path / "clip.mp4", fps=12.5)
    with open_live(path) as live:
        assert (live.name, live.fps, live.num_frames) == (str(path), 12.5, 30)
        assert (live.size, live.is_live, live.num_dropped) == ((64, 96), False, 0)


def test_a_lost_frame_is_a_copy_at_rest_and_motion_starts_anew_behind_it(tmp_path):
    write_video(tmp_path / "clip.mp4", keyframe_interval=12)
    path = without_packets(tmp_path / "clip.mp4", 5)
    with pytest.warns(VideoDamageWarning, match=r"damaged_clip\.mp4 .* 1 lost \(index 5\)"):
        found = all_of(path)
    assert [f.frame.index for f in found] == list(range(30))
    np.testing.assert_array_equal(found[5].frame.image, found[4].frame.image)
    assert not found[5].step.quarter_pixels.any()
    assert not found[5].step.intra.any()
    restarts = {f.frame.index: f.restart for f in found if f.restart}
    assert restarts == {0: "start", 6: "frames before it are damaged or lost"}
    assert found[6].step is None
    assert found[7].step is not None


@pytest.mark.parametrize("motion", ["codec", "reencode"])
def test_a_size_that_changes_in_the_middle_starts_anew(tmp_path, motion):
    parts = [
        write_stream(
            tmp_path / f"{height}.h264", "libx264", ONE_REFERENCE, moving_frames(8, height)
        )
        for height in (64, 48)
    ]
    path = tmp_path / "both.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    found = all_of(path, motion=motion)
    assert [f.frame.size for f in found] == [(64, 96)] * 8 + [(48, 96)] * 8
    restarts = {f.frame.index: f.restart for f in found if f.restart}
    assert restarts == {0: "start", 8: "size changed from 64x96 to 48x96"}
    assert [f.step.intra.shape for f in found if f.step] == [(16, 24)] * 7 + [(12, 24)] * 7


@pytest.mark.filterwarnings("ignore:.*decoded with errors")  # a join looks like lost packets
def test_times_of_a_file_that_go_back_are_those_of_decoding(tmp_path):
    part = write_stream(tmp_path / "part.ts", "libx264", ONE_REFERENCE, times=range(100, 130))
    other = write_stream(tmp_path / "other.ts", "libx264", ONE_REFERENCE)
    path = tmp_path / "both.ts"
    path.write_bytes(part.read_bytes() + other.read_bytes())
    found = all_of(path)
    assert [f.frame.pts_seconds for f in found] == [f.pts_seconds for f in decode(path)]


def test_images_come_in_the_order_of_their_names(tmp_path):
    images = list(moving_frames(5))
    found = all_of(write_images(tmp_path / "images", images), motion="auto", fps=10)
    assert [f.frame.index for f in found] == [0, 1, 2, 3, 4]
    assert [f.frame.pts_seconds for f in found] == [0.0, 0.1, 0.2, 0.3, 0.4]
    for streamed, image in zip(found, images, strict=True):
        np.testing.assert_array_equal(streamed.frame.image, image)


def test_images_may_change_their_size(tmp_path):
    folder = write_images(tmp_path / "images", [*moving_frames(2), *moving_frames(1, 48, 80)])
    assert [f.restart for f in all_of(folder, motion="reencode")] == [
        "start",
        None,
        "size changed from 64x96 to 48x80",
    ]


def test_what_is_no_video_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.mp4 does not exist; give a video file, a "):
        open_live(tmp_path / "gone.mp4")
    with pytest.raises(NotAVideo, match="holds no images"):
        open_live(tmp_path)
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(NotAVideo, match=r"empty\.mp4 is not a video that can be read"):
        open_live(tmp_path / "empty.mp4")


def test_an_image_that_is_none_ends_the_frames_with_its_name(tmp_path):
    folder = write_images(tmp_path / "images", moving_frames(2))
    (folder / "001.png").write_bytes(b"no image")
    with (
        open_live(folder, motion="reencode") as live,
        pytest.raises(VideoError, match=r"001\.png is not an image"),
    ):
        list(live)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"fps": 25.0}, r"fps=25.0 is for a folder of images; .*clip\.mp4 has its own times"),
        ({"timeout_seconds": 0}, "timeout_seconds is a finite number above 0"),
        ({"motion": "none"}, "motion is one of codec, reencode, auto, got 'none'"),
    ],
)
def test_a_setting_out_of_range_is_refused(tmp_path, setting, message):
    with pytest.raises(ValueError, match=message):
        open_live(write_video(tmp_path / "clip.mp4", 2), **setting)
