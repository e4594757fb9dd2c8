"""Reading frames of a video that stays open: exact in any order, and no more work than needed."""

import gc
import multiprocessing
from contextlib import contextmanager

import numpy as np
import pytest

from arseg_lightning.video import frame_reader
from arseg_lightning.video.decode import decode
from arseg_lightning.video.errors import NotAVideo, VideoDamageWarning
from arseg_lightning.video.frame_reader import FrameReader
from tests.video.decoding import decoded_places
from tests.video.small_videos import without_packets, write_stream, write_video

B_FRAMES = {"x264-params": "keyint=12:scenecut=0:bframes=3:b-pyramid=normal"}
PICTURE = 64 * 96 * 3 // 2 * 2
"""More than the bytes of one picture of the small videos, less than of two."""


@pytest.fixture
def decoded(monkeypatch):
    """The places of all pictures that are decoded from here on."""
    return decoded_places(monkeypatch)


def images(reader, *indices):
    found = reader.read(indices)
    return [found[index].image for index in indices]


@pytest.mark.parametrize("kept_bytes", [0, 3 * PICTURE, 2**30])
def test_frames_are_those_of_the_whole_video_in_whatever_order(tmp_path, kept_bytes):
    path = write_stream(tmp_path / "clip.mp4", "libx264", B_FRAMES)
    whole = [frame.image for frame in decode(path)]
    reader = FrameReader(path, kept_bytes)
    random = np.random.default_rng(0)
    for _ in range(40):
        indices = random.integers(0, 30, random.integers(1, 4)).tolist()
        for index, image in zip(indices, images(reader, *indices), strict=True):
            np.testing.assert_array_equal(image, whole[index])


def test_frames_in_order_are_decoded_once(tmp_path, decoded):
    reader = FrameReader(write_video(tmp_path / "clip.mp4", keyframe_interval=None))
    for index in range(30):
        reader.read([index])
    assert decoded == list(range(30))


def test_decoding_starts_at_the_keyframe_before_and_stops_behind_the_frame(tmp_path, decoded):
    reader = FrameReader(write_video(tmp_path / "clip.mp4", keyframe_interval=12))
    reader.read([26])
    assert decoded == [24, 25, 26]
    reader.read([13, 14])
    assert decoded[3:] == [12, 13, 14]


def test_a_near_frame_is_decoded_up_to_and_a_far_one_skipped_to(tmp_path, decoded):
    reader = FrameReader(write_video(tmp_path / "clip.mp4", keyframe_interval=12))
    reader.read([10])
    del decoded[:]
    reader.read([13])
    assert decoded == [11, 12, 13]
    reader.read([28])
    assert decoded[3:] == [24, 25, 26, 27, 28]


def test_going_back_a_little_decodes_nothing(tmp_path, decoded):
    path = write_video(tmp_path / "clip.mp4", keyframe_interval=None)
    reader = FrameReader(path, kept_bytes=2**20)
    reader.read([20])
    del decoded[:]
    for index in (19, 12, 20):
        reader.read([index])
    assert decoded == []


def test_pictures_are_kept_within_the_memory_given(tmp_path, decoded):
    path = write_video(tmp_path / "clip.mp4", keyframe_interval=None)
    reader = FrameReader(path, kept_bytes=3 * PICTURE)
    reader.read([20])
    kept = sum(plane.buffer_size for each in reader._kept.values() for plane in each.picture.planes)
    assert 0 < kept <= 3 * PICTURE
    del decoded[:]
    reader.read([1])
    assert decoded == [0, 1]


def test_a_closed_reader_opens_again(tmp_path):
    path = write_video(tmp_path / "clip.mp4")
    reader = FrameReader(path, kept_bytes=2**20)
    (before,) = images(reader, 7)
    reader.close()
    reader.close()
    np.testing.assert_array_equal(images(reader, 7)[0], before)


def test_an_error_does_not_stick(tmp_path):
    path = write_video(tmp_path / "clip.mp4")
    reader = FrameReader(path)
    with pytest.raises(IndexError, match="has no frame 30"):
        reader.read([30])
    (image,) = images(reader, 29)
    path.write_bytes(b"no video")
    reader.close()
    for _ in range(2):
        with pytest.raises(NotAVideo):
            reader.read([0])
    write_video(path)
    np.testing.assert_array_equal(images(reader, 29)[0], image)


def test_damage_is_said_of_the_frames_asked_for_alone(tmp_path, recwarn):
    write_video(tmp_path / "clip.mp4", keyframe_interval=12)
    reader = FrameReader(without_packets(tmp_path / "clip.mp4", 5), kept_bytes=2**20)
    reader.read([3, 9])
    assert not recwarn
    for _ in range(2):
        with pytest.warns(VideoDamageWarning, match=r"1 lost \(index 5\)"):
            reader.read([5])


def test_a_dropped_reader_closes_its_video_at_once(tmp_path, monkeypatch):
    closed = []
    original = frame_reader.open_video

    @contextmanager
    def watched(path):
        try:
            with original(path) as opened:
                yield opened
        finally:
            closed.append(path)

    monkeypatch.setattr(frame_reader, "open_video", watched)
    path = write_video(tmp_path / "clip.mp4")
    reader = FrameReader(path, kept_bytes=2**20)
    reader.read([8])
    gc.disable()
    try:
        del reader
        assert closed == [path]
    finally:
        gc.enable()


def _read_in_child(reader, index, connection):
    gc.freeze()  # as a loader's workers do: codecs of other tests must not be freed here
    connection.send_bytes(reader.read([index])[index].image.tobytes())


def test_a_forked_process_reads_on_by_itself(tmp_path):
    reader = FrameReader(write_video(tmp_path / "clip.mp4"), kept_bytes=2**20)
    (image,) = images(reader, 8)
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_read_in_child, args=(reader, 8, theirs))
    process.start()
    assert ours.poll(20)
    assert ours.recv_bytes() == image.tobytes()
    process.join(20)
    assert process.exitcode == 0
    np.testing.assert_array_equal(images(reader, 8)[0], image)
