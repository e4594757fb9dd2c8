"""What a file holds, and what is said about a file that is no video."""

import wave
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from arseg_lightning.video.decode import decode
from arseg_lightning.video.errors import NoMotionVectors, NotAVideo
from arseg_lightning.video.probe import MOTION_CODECS, motion_obstacle, probe, require_motion
from tests.video.small_videos import cut, moving_frames, write_stream, write_video


def test_a_video_is_described(tmp_path):
    info = probe(write_video(tmp_path / "clip.mp4", fps=29.97003))
    assert (info.codec, info.size, info.num_frames) == ("h264", (64, 96), 30)
    assert (info.fps, info.quarter_turns) == (pytest.approx(30000 / 1001), 0)
    assert motion_obstacle(info.codec) is None
    require_motion(info)


def test_containers_that_count_no_frames_say_none(tmp_path):
    assert probe(write_video(tmp_path / "clip.mkv")).num_frames is None


@pytest.mark.parametrize(
    ("encoder", "name"),
    [
        ("libx264", "clip.mp4"),
        ("mpeg4", "clip.avi"),
        ("mpeg2video", "clip.mpg"),
        ("mpeg1video", "clip.mpg"),
        ("flv", "clip.flv"),
    ],
)
def test_the_codecs_that_are_said_to_export_motion_do(tmp_path, encoder, name):
    path = write_stream(tmp_path / name, encoder, {})
    info = probe(path)
    assert info.codec in MOTION_CODECS
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"flags2": "+export_mvs"}
        pictures = list(container.decode(stream))
    assert any(picture.side_data.get("MOTION_VECTORS") is not None for picture in pictures)


@pytest.mark.parametrize(
    ("encoder", "codec"), [("libx265", "hevc"), ("libvpx-vp9", "vp9"), ("libsvtav1", "av1")]
)
def test_other_codecs_are_refused_with_the_remedy(tmp_path, encoder, codec):
    if encoder not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg has no {encoder}")
    path = write_stream(tmp_path / "clip.mp4", encoder, {}, list(moving_frames(8)))
    info = probe(path)
    assert info.codec == codec
    assert motion_obstacle(info.codec) is not None
    message = rf"clip\.mp4 is {codec}, which FFmpeg exports no motion vectors for .*"
    with pytest.raises(NoMotionVectors, match=message + r"--motion reencode.*encode --source"):
        require_motion(info)


def turned(tmp_path, matrix, options=None):
    """A video whose header asks players to turn it."""
    scale = (1 << 16, 1 << 16, 1 << 30) * 3
    values = [int(value * factor) for value, factor in zip(matrix, scale, strict=True)]
    path = tmp_path / "phone.mp4"
    return write_stream(
        path, "libx264", options or {}, prepare=lambda s: s.set_display_matrix(values)
    )


CLOCKWISE = (0, 1, 0, -1, 0, 0, 0, 0, 1)


def test_a_turned_video_has_the_size_that_is_shown_and_no_usable_motion(tmp_path):
    info = probe(turned(tmp_path, CLOCKWISE))
    assert info.size == (96, 64)
    assert motion_obstacle(info.codec, info.quarter_turns) is not None
    with pytest.raises(NoMotionVectors, match=r"phone\.mp4 asks to be turned.*--motion"):
        require_motion(info)


def make_text(path):
    path.write_text("no video\n" * 50)


def make_noise(path):
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def make_nothing(path):
    path.touch()


def make_sound(path):
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(1600))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("notes.txt", make_text),
        ("noise.mp4", make_noise),
        ("empty.mp4", make_nothing),
        ("sound.wav", make_sound),
    ],
)
def test_what_is_no_video_is_named(tmp_path, name, make):
    make(tmp_path / name)
    with pytest.raises(NotAVideo, match=rf"{name} (is not a video|holds no video)"):
        probe(tmp_path / name)


def test_a_single_image_is_no_video(tmp_path):
    path = tmp_path / "photo.png"
    picture = av.VideoFrame.from_ndarray(np.zeros((8, 8, 3), np.uint8), format="rgb24")
    encoder = av.CodecContext.create("png", "w")
    encoder.width = encoder.height = 8
    encoder.pix_fmt, encoder.time_base = "rgb24", Fraction(1)
    path.write_bytes(b"".join(map(bytes, encoder.encode(picture))))
    with pytest.raises(NotAVideo, match=r"photo\.png holds no video .*give a video file"):
        probe(path)


def test_a_video_cut_off_before_its_index_is_named(tmp_path):
    path = cut(write_stream(tmp_path / "clip.mp4", "libx264", {}), 0.5)
    with pytest.raises(NotAVideo, match=r"cut_clip\.mp4 .* cut off before its index was written"):
        probe(path)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.mp4 does not exist"):
        probe(tmp_path / "none.mp4")
    with pytest.raises(FileNotFoundError, match="is a folder"):
        probe(tmp_path)


def write_two(path, mark, sizes=((32, 32), (64, 96)), num_frames=(6, 6), codecs=("libx264",) * 2):
    """A file of two videos, of which one may be marked as the one to show."""
    with av.open(str(path), "w") as container:
        streams = []
        for number, (height, width) in enumerate(sizes):
            stream = container.add_stream(codecs[number], rate=25)
            stream.height, stream.width = height, width
            stream.pix_fmt = "yuvj420p" if codecs[number] == "mjpeg" else "yuv420p"
            stream.disposition = Disposition.default if number == mark else Disposition(0)
            streams.append(stream)
        packets = []
        for stream, count in zip(streams, num_frames, strict=True):
            for image in moving_frames(count, stream.height, stream.width):
                packets += stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24"))
            packets += stream.encode(None)
        for packet in packets:
            container.mux(packet)
    return path


@pytest.mark.parametrize("name", ["two.mp4", "two.mkv"])
def test_of_several_videos_the_one_that_is_marked_is_taken(tmp_path, name):
    path = write_two(tmp_path / name, mark=1)
    assert probe(path).size == (64, 96)
    assert [frame.size for frame in decode(path)] == 6 * [(64, 96)]


def test_a_cover_that_is_not_marked_as_one_is_no_video(tmp_path):
    codecs = ("mjpeg", "libx264")
    path = write_two(tmp_path / "two.mkv", mark=None, num_frames=(1, 6), codecs=codecs)
    assert (probe(path).codec, probe(path).size) == ("h264", (64, 96))
