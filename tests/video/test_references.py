"""What a stream says about its references is read from its header, whatever wraps it."""

import pytest

from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.errors import UnsupportedReference
from arseg_lightning.video.probe import open_video
from arseg_lightning.video.references import (
    H264Parameters,
    parse_h264_parameters,
    require_previous_frame,
)
from tests.video.hand_made import pan

# avcC of a 480x360 stream that x264 made with one reference
AVCC = bytes.fromhex(
    "01640015ffe1001867640015acb40f05ff2c20000003002000000303c1e2c5d401000568ef0f2c8bfdf8f800"
)


def write(path, size=(64, 80), x264_parameters=None, **settings):
    """Write with our encoder, or with x264's own parameters."""
    frames = pan(6, *size, 1, 0)
    if x264_parameters is None:
        encode_frames(frames, path, EncodeSettings(**settings))
        return path
    from tests.video.small_videos import write_stream

    parameters = {"bframes": 0, "ref": 1} | x264_parameters
    text = ":".join(f"{name}={value}" for name, value in parameters.items())
    return write_stream(path, "libx264", {"x264-params": text}, frames=frames)


def parameters_of(path):
    with open_video(path) as (_, stream):
        return parse_h264_parameters(stream.codec_context.extradata or b"")


def test_a_known_header_is_read():
    assert parse_h264_parameters(AVCC) == H264Parameters(num_references=1, frames_only=True)


def test_start_codes_of_either_length_are_found():
    unit, rest = AVCC[8:32], AVCC[35:40]
    for code in (b"\0\0\1", b"\0\0\0\1"):
        assert parse_h264_parameters(code + unit + code + rest) == parse_h264_parameters(AVCC)


@pytest.mark.parametrize(
    "extradata", [b"", b"\1", AVCC[:5] + b"\xe0" + AVCC[6:], b"\0\0\1\x68\xef"]
)
def test_a_header_without_parameters_gives_none(extradata):
    assert parse_h264_parameters(extradata) is None


@pytest.mark.parametrize("references", [1, 2, 4])
@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".ts", ".h264"])
def test_the_number_of_references_is_read_from_any_container(tmp_path, references, ending):
    path = write(tmp_path / f"clip{ending}", references=references)
    assert parameters_of(path).num_references == references


@pytest.mark.parametrize(
    "x264",
    [
        {"cqm": "jvt", "profile": "high"},  # scaling lists
        {"cabac": 0, "8x8dct": 0, "weightp": 0},  # the simplest profile, and its order of pictures
        {"bitrate": 200, "nal-hrd": "vbr", "vbv-maxrate": 200, "vbv-bufsize": 200},
    ],
)
def test_parameters_are_found_behind_what_profiles_add(tmp_path, x264):
    path = write(tmp_path / "clip.mp4", x264_parameters=x264)
    assert parameters_of(path) == H264Parameters(num_references=1, frames_only=True)


def test_full_colours_and_odd_sizes_are_understood(tmp_path):
    path = write(tmp_path / "clip.mp4", size=(63, 81))
    assert parameters_of(path) == H264Parameters(num_references=1, frames_only=True)


@pytest.mark.parametrize("settings", [{}, {"codec": "mpeg4"}, {"keyframe_interval": 3}])
def test_what_we_encode_predicts_from_the_previous_frame(tmp_path, settings):
    require_previous_frame(write(tmp_path / "clip.mp4", **settings))


@pytest.mark.parametrize("ending", [".mp4", ".ts"])
def test_several_references_are_refused_with_the_remedy(tmp_path, ending):
    path = write(tmp_path / f"clip{ending}", references=3)
    message = r"clip.* has 3 reference frames.*--motion reencode.* encode --source"
    with pytest.raises(UnsupportedReference, match=message):
        require_previous_frame(path)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_b_frames_are_refused_with_the_remedy(tmp_path, codec):
    path = write(tmp_path / "clip.mp4", codec=codec, b_frames=2)
    with pytest.raises(UnsupportedReference, match=r"clip.mp4 has B-frames.*--motion reencode"):
        require_previous_frame(path)


def test_interlaced_streams_are_refused_with_the_remedy(tmp_path):
    path = write(tmp_path / "clip.mp4", x264_parameters={"interlaced": 1, "ref": 1})
    with pytest.raises(UnsupportedReference, match=r"interlaced fields.*--motion reencode"):
        require_previous_frame(path)
