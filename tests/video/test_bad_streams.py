"""Streams that are cut, damaged or out of bounds: no frame is lost, what is unknown is marked."""

import numpy as np
import pytest

from arseg_lightning.video.chain import KEPT_REFERENCES, MotionChain
from arseg_lightning.video.damage import Damage
from arseg_lightning.video.errors import VideoDamageWarning
from arseg_lightning.video.live import open_live
from arseg_lightning.video.matching import Matcher
from arseg_lightning.video.pictures import export_motion, numbered_pictures
from arseg_lightning.video.probe import open_video
from arseg_lightning.video.timeline import read_timeline
from arseg_lightning.video.vectors import NO_VECTOR, Candidates, match_vectors
from tests.video.hand_made import VECTOR, pan, texture, vector
from tests.video.small_videos import without_packets, write_stream

SIZE, NUM_FRAMES, KEYINT = (96, 128), 40, 20
WAYS = {"ref": "bframes=0:ref=4", "b": "bframes=3:b-adapt=0:ref=3"}


def written(path, options):
    options = {"x264-params": f"scenecut=0:keyint={KEYINT}:{options}", "crf": "20"}
    return write_stream(path, "libx264", options, frames=pan(NUM_FRAMES, *SIZE, 3, 1))


def followed(path):
    """Every frame of a stream, with its motion composed to the last frame without any."""

    chain, found = MotionChain(SIZE), []
    with open_live(path) as live:
        for streamed in live:
            if streamed.step is None:
                chain.reset(streamed.frame.index)
            else:
                chain.push(streamed.step)
                found.append((streamed.frame.index, chain.motion(streamed.frame.index)))
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("packets", [(1,), (6,), (5, 6, 7)], ids=str)
@pytest.mark.parametrize("keep", [0, 24])
def test_lost_and_damaged_parts_cost_no_frame_and_end_at_the_next_i_frame(
    tmp_path, way, packets, keep
):
    healthy = written(tmp_path / "clip.mp4", WAYS[way])
    expected = {index: motion for index, motion in followed(healthy) if index > KEYINT}
    with pytest.warns(VideoDamageWarning, match="is damaged"):
        found = dict(followed(without_packets(healthy, *packets, keep=keep)))
    assert set(expected) <= set(found)
    for index, motion in found.items():
        assert np.isfinite(motion.xy).all()
        if index in expected:
            assert np.array_equal(motion.xy, expected[index].xy)
            assert np.array_equal(motion.valid, expected[index].valid)


@pytest.mark.parametrize("way", WAYS)
def test_a_stream_may_start_in_the_middle_of_a_group_of_pictures(tmp_path, way):
    content = written(tmp_path / "clip.h264", WAYS[way]).read_bytes()
    starts = [at for at in range(len(content)) if content[at : at + 4] == b"\0\0\0\1"]
    head = starts[3]  # parameters; then the I-frame, which is left out with some more
    (tmp_path / "cut.h264").write_bytes(content[:head] + content[starts[9] :])
    matcher, steps = Matcher(), []
    path = tmp_path / "cut.h264"
    with open_video(path) as (container, stream):
        export_motion(stream)
        for numbered in numbered_pictures(container, stream, read_timeline(path), Damage(path)):
            steps += [step for _, step in matcher.push(numbered, None)]
    steps += [step for _, step in matcher.flush()]
    assert len(steps) >= KEYINT  # those behind the next I-frame at least
    assert [step.frame for step in steps] == list(range(len(steps)))
    assert steps[-1].intra.mean() < 0.5


def test_of_a_large_picture_buffer_a_bounded_part_is_kept(tmp_path):
    path, matcher = written(tmp_path / "clip.mp4", "bframes=0:ref=16"), Matcher()
    with open_video(path) as (container, stream):
        export_motion(stream)
        for numbered in numbered_pictures(container, stream, read_timeline(path), Damage(path)):
            list(matcher.push(numbered, None))
            assert len(matcher._references) <= KEPT_REFERENCES
            assert not matcher._waiting


def test_vectors_that_point_far_outside_count_where_the_rim_looks_alike_and_nowhere_else():
    luma = texture(*SIZE)[..., 0].copy()
    flat = np.full(SIZE, 90, np.uint8)
    far = np.array([vector(16, 16, 16, 16, 32_000, -32_000)], VECTOR)
    for now, counts in ((luma, False), (flat, True)):
        found = match_vectors(far, Candidates(now, ((-1, now),)))
        assert (found.errors[4:8, 4:8] != NO_VECTOR).all()
        assert (~found.intra[4:8, 4:8]).all() == counts
