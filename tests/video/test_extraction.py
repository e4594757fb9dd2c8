"""The vectors of a file for other programs: the codec's, the same without pictures, and fields."""

import gc
from importlib import import_module
from pathlib import Path

import av
import numpy as np
import pytest

from arseg_lightning.datasets.clips import keyframes
from arseg_lightning.video import (
    VECTOR,
    NoMotionVectors,
    NotAVideo,
    VideoError,
    composed_motion,
    dense_motion,
    raw_vectors,
)
from arseg_lightning.video.cache import MotionCache
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.decode import decode, decode_motion
from arseg_lightning.video.errors import VideoDamageWarning
from arseg_lightning.video.probe import probe
from tests.video.hand_made import pan
from tests.video.small_videos import (
    moving_frames,
    without_packets,
    write_stream,
    write_video,
    write_vp9,
)
from tests.video.test_decode import changing_size
from tests.video.test_probe import CLOCKWISE, turned

REAL = Path(__file__).resolve().parents[3] / "shared" / "videos" / "people_768x432_bframes.mp4"
SIZE, RIGHT, DOWN = (96, 128), 3, 1
STREAMS = {
    "one reference": ("clip.mp4", "libx264", {"x264-params": "keyint=12:bframes=0:ref=1"}),
    "B-frames": ("clip.mkv", "libx264", {"x264-params": "keyint=14:scenecut=0:bframes=3:ref=3"}),
    "open GOPs": ("clip.ts", "libx264", {"x264-params": "keyint=12:bframes=2:open-gop=1"}),
    "no CABAC": ("clip.h264", "libx264", {"x264-params": "keyint=12:cabac=0:bframes=0"}),
    "mpeg4": ("clip.mp4", "mpeg4", {"g": "12", "bf": "2"}),
    "mpeg4 qpel": ("clip.avi", "mpeg4", {"g": "12", "flags": "+qpel"}),
    "mpeg2": ("clip.mpg", "mpeg2video", {"g": "12", "bf": "2"}),
    "mpeg1": ("clip.mpg", "mpeg1video", {"g": "12", "bf": "2"}),
    "flv": ("clip.flv", "flv", {"g": "12"}),
}


@pytest.fixture(scope="module", params=STREAMS)
def stream(request, tmp_path_factory):
    """A panning camera, in each way of coding."""
    name, encoder, options = STREAMS[request.param]
    folder = tmp_path_factory.mktemp("stream")
    return write_stream(folder / name, encoder, options, frames=pan(25, *SIZE, RIGHT, DOWN))


def assert_equal(frames, others):
    for frame, other in zip(frames, others, strict=True):
        assert (frame.index, frame.pts_seconds) == (other.index, other.pts_seconds)
        assert (frame.picture_type, frame.size) == (other.picture_type, other.size)
        np.testing.assert_array_equal(frame.vectors, other.vectors)


def test_vectors_without_pictures_are_those_with_them(stream):
    fast, full = list(raw_vectors(stream)), list(raw_vectors(stream, images=True))
    assert_equal(fast, full)
    assert all(frame.image is None for frame in fast)
    for frame, decoded in zip(full, decode(stream), strict=True):
        assert (frame.index, frame.pts_seconds) == (decoded.index, decoded.pts_seconds)
        assert frame.picture_type == decoded.picture_type
        np.testing.assert_array_equal(frame.image, decoded.image)
    assert sum(len(frame.vectors) for frame in fast) > 100


@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL.name} is not in ../shared/videos")
@pytest.mark.slow
def test_vectors_without_pictures_are_those_with_them_in_real_streams():
    for path in sorted(REAL.parent.glob("*.mp4")):
        for frame, other in zip(raw_vectors(path), raw_vectors(path, images=True), strict=True):
            np.testing.assert_array_equal(frame.vectors, other.vectors)


def test_the_vectors_of_a_made_scene(tmp_path):
    """Golden: the pattern moves 2 right and 1 down, so blocks come from the left and above."""
    path = write_video(tmp_path / "clip.mp4", keyframe_interval=12)
    frames = list(raw_vectors(path))
    assert "".join(f.picture_type for f in frames) == ("I" + 11 * "P") * 2 + "I" + 5 * "P"
    np.testing.assert_allclose([f.pts_seconds for f in frames], np.arange(30) / 25)
    assert {len(f.vectors) for f in frames if f.picture_type == "I"} == {0}
    found = frames[5].vectors
    assert found.dtype == VECTOR
    assert (found["source"] == -1).all()
    assert (found["motion_scale"] == 4).all()
    area = found["w"].astype(int) * found["h"]
    inner = (found["dst_x"] > 16) & (found["dst_y"] > 16)
    usual = (found["motion_x"] == -8) & (found["motion_y"] == -4)
    assert area[usual & inner].sum() > 0.8 * area[inner].sum()
    whole = np.trunc(found["motion_x"] / 4)
    np.testing.assert_array_equal(found["src_x"], found["dst_x"] + whole)


def test_vectors_are_kept_apart_from_the_decoder(stream):
    frames = list(raw_vectors(stream))
    assert all(frame.vectors.flags.writeable for frame in frames)
    again = [frame.vectors.copy() for frame in raw_vectors(stream)]
    for frame, other in zip(frames, again, strict=True):
        np.testing.assert_array_equal(frame.vectors, other)


def test_pictures_go_back_to_the_decoder_at_once(tmp_path):
    """Without waiting for garbage to be collected."""
    path = write_video(tmp_path / "clip.mp4")
    gc.collect()
    gc.disable()
    try:
        kept = list(raw_vectors(path))
        pictures = [each for each in gc.get_objects() if type(each) is av.VideoFrame]
    finally:
        gc.enable()
    assert (len(kept), pictures) == (30, [])


def test_dense_motion_is_what_training_reads(stream, tmp_path):
    cache = MotionCache(tmp_path)
    cache.ensure(stream)
    stored = cache.read(stream)
    frames = list(dense_motion(stream))
    assert len(frames) == stored.num_frames
    for frame in frames:
        if frame.index == 0 or frame.picture_type == "I":
            assert frame.reference is None
            assert not frame.motion.any()
            assert not frame.valid.any()
        else:
            assert frame.reference == frame.index - 1
            expected = stored.motion_to(frame.index, frame.index - 1)
            np.testing.assert_array_equal(frame.motion, np.moveaxis(expected.xy, 0, -1))
            np.testing.assert_array_equal(frame.valid, expected.valid)


@pytest.mark.parametrize("interval", [1, 5])
def test_composed_motion_is_what_training_reads(stream, tmp_path, interval):
    cache = MotionCache(tmp_path)
    cache.ensure(stream)
    stored = cache.read(stream)
    keys = keyframes(stored.intra_frames, stored.num_frames, interval, stored.anchors)
    for frame in composed_motion(stream, interval):
        assert frame.reference == max(key for key in keys if key <= frame.index)
        expected = stored.motion(frame.index, frame.reference)
        np.testing.assert_array_equal(frame.motion, np.moveaxis(expected.xy, 0, -1))
        np.testing.assert_array_equal(frame.valid, expected.valid)


def test_composed_motion_is_a_chain(tmp_path):
    path = write_video(tmp_path / "clip.mp4", keyframe_interval=None)
    chain = MotionChain(probe(path).size)
    found = zip(decode_motion(path), composed_motion(path, 7), strict=True)
    for (_, step), frame in found:
        if frame.index:
            chain.push(step)
        if frame.index % 7 == 0:
            chain.restart()
        np.testing.assert_array_equal(frame.motion, np.moveaxis(chain.motion().xy, 0, -1))


def test_motion_leads_back_to_where_the_scene_was(tmp_path):
    frames = pan(13, *SIZE, RIGHT, DOWN)
    options = {"x264-params": "keyint=100:bframes=0"}
    path = write_stream(tmp_path / "clip.mp4", "libx264", options, frames=frames)
    for read, step in ((dense_motion, 1), (composed_motion, 12)):
        *_, last = read(path) if step == 1 else read(path, 20)
        inner = last.motion[16 : SIZE[0] - 40, 16 : SIZE[1] - 60]
        np.testing.assert_allclose(np.median(inner, (0, 1)), [RIGHT * step, DOWN * step])
        assert (last.reference, last.motion.dtype) == (12 - step, np.float32)


def test_a_lost_frame_has_no_vectors_and_rests(tmp_path):
    path = write_video(tmp_path / "clip.mp4", keyframe_interval=12)
    path = without_packets(path, 5)
    with pytest.warns(VideoDamageWarning, match=r"1 lost \(index 5\)"):
        frames = list(raw_vectors(path))
    assert [frame.index for frame in frames] == list(range(30))
    assert not len(frames[5].vectors)
    with pytest.warns(VideoDamageWarning, match=r"1 lost \(index 5\)"):
        lost = list(dense_motion(path))[5]
    assert not lost.motion.any()


@pytest.mark.parametrize("read", [raw_vectors, dense_motion, composed_motion])
def test_what_has_no_vectors_is_refused_with_the_remedy(tmp_path, read):
    with pytest.raises(NoMotionVectors, match=r"is vp9, which .*; make a copy that has them"):
        next(read(write_vp9(tmp_path / "clip.mp4", frames=moving_frames(3))))
    with pytest.raises(NoMotionVectors, match="asks to be turned"):
        next(read(turned(tmp_path, CLOCKWISE)))
    with pytest.raises(VideoError, match="frame 10 is 48x64"):
        list(read(changing_size(tmp_path)))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(NotAVideo, match=r"text\.mp4 is not a video"):
        next(read(tmp_path / "text.mp4"))
    with pytest.raises(FileNotFoundError, match=r"no\.mp4 does not exist"):
        next(read(tmp_path / "no.mp4"))


def test_an_interval_is_at_least_one(tmp_path):
    with pytest.raises(ValueError, match="keyframe_interval is at least 1, got 0"):
        next(composed_motion(tmp_path / "clip.mp4", 0))


@pytest.fixture
def cases(monkeypatch):
    """The makers of odd files."""
    folder = REAL.parents[1] / "cases"
    if not (folder / "svc.py").is_file():
        pytest.skip("the makers of odd files are not in ../shared/cases")
    monkeypatch.syspath_prepend(str(folder))
    return import_module("common"), import_module("svc")


def odd_files(cases, folder):
    """Disposable P-frames, parameters that change midway, a cropping rectangle."""
    common, svc = cases
    svc.make(folder / "layers.h264", n=12, speed=(4, 2))
    plain, other = {"g": "12", "bf": "0"}, {"g": "12", "bf": "2", "refs": "4"}
    for name, options in (("a", plain), ("b", other)):
        made = common.frames(12, 160, 96)
        common.write(folder / f"{name}.ts", made, opts=options, container="mpegts")
    joined = (folder / "a.ts").read_bytes() + (folder / "b.ts").read_bytes()
    (folder / "joined.ts").write_bytes(joined)
    crop = plain | {"x264-params": "crop-rect=0,16,24,20"}
    common.write(folder / "cropped.mp4", common.frames(12, 320, 240), opts=crop)
    return [folder / name for name in ("layers.h264", "joined.ts", "cropped.mp4")]


@pytest.mark.filterwarnings("ignore::arseg_lightning.video.errors.VideoDamageWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of a maker
def test_odd_files_give_the_same_vectors_and_fields_that_fit(cases, tmp_path):
    for path in odd_files(cases, tmp_path):
        fast = list(raw_vectors(path))
        assert_equal(fast, list(raw_vectors(path, images=True)))
        for read in (dense_motion, composed_motion):
            frames = list(read(path))
            assert [frame.index for frame in frames] == list(range(len(fast)))
            assert {frame.motion.shape for frame in frames} == {(*probe(path).size, 2)}
