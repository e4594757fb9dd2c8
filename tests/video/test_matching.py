"""Vectors lead to the picture that looks like their block; pictures come in display order."""

import numpy as np
import pytest
from av.video.frame import PictureType

from arseg_lightning.video.chain import KEPT_REFERENCES, MotionChain
from arseg_lightning.video.composition import relative_motion
from arseg_lightning.video.damage import Damage
from arseg_lightning.video.matching import Matcher
from arseg_lightning.video.motion import BlockMotion
from arseg_lightning.video.pictures import coded, export_motion, numbered_pictures
from arseg_lightning.video.probe import open_video
from arseg_lightning.video.timeline import read_timeline
from arseg_lightning.video.vectors import Candidates, match_vectors, refine_vectors
from tests.video.hand_made import VECTOR, pan, random_motion, shift, texture, vector
from tests.video.small_videos import write_stream

SIZE = (48, 64)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")

    def write(name, options):
        path = folder / name
        if not path.exists():
            options = {"x264-params": "scenecut=0:keyint=100:" + options}
            write_stream(path, "libx264", options, frames=pan(21, 96, 128, 3, 1))
        return path

    return write


def pictures_of(path):
    with open_video(path) as (container, stream):
        export_motion(stream)
        yield from numbered_pictures(container, stream, read_timeline(path), Damage(path))


def luma(left, top):
    return texture(96, 128)[top : top + SIZE[0], left : left + SIZE[1], 1].copy()


def found_by(vectors, now, earlier=(), later=()):
    return match_vectors(np.array(vectors, VECTOR), Candidates(now, earlier, later))


def test_of_several_pictures_the_one_that_looks_like_the_block_is_found():
    earlier = ((-1, luma(40, 10)), (-2, luma(20, 5)), (-3, luma(0, 0)))
    blocks = [vector(16, 16, 16, 16, 4 * x, 4 * y) for x, y in ((-10, -3), (10, 2), (30, 7))]
    for offset, block in zip((-1, -2, -3), blocks, strict=True):
        found = found_by([block], luma(30, 7), earlier)
        assert (found.references[4:8, 4:8] == offset).all()
        assert found.errors[4, 4] == 0
        assert (~found.intra).sum() == 16


def test_a_vector_that_leads_to_nothing_alike_is_no_motion():
    found = found_by([vector(16, 16, 16, 16, 20, 0)], luma(30, 7), ((-1, luma(0, 0)),))
    assert found.intra.all()
    assert found.errors[4, 4] > 24
    assert not found.field.any()
    nowhere = found_by([vector(16, 16, 16, 16, 0, 0, source=1)], luma(0, 0), ((-1, luma(0, 0)),))
    assert (nowhere.errors == 255).all()


def test_of_both_sides_the_earlier_counts_unless_the_later_is_much_better():
    both = [vector(16, 16, 16, 16, 0, 0), vector(16, 16, 16, 16, 0, 0, source=1)]
    now = luma(30, 7)
    near, far = ((now.astype(int) + by).clip(0, 255).astype(np.uint8) for by in (4, 20))
    assert (found_by(both, now, ((-1, near),), ((2, now),)).references[4:8, 4:8] == -1).all()
    assert (found_by(both, now, ((-1, far),), ((2, now),)).references[4:8, 4:8] == 2).all()


@pytest.mark.parametrize(("options", "delay"), [("bframes=0:ref=4", 0), ("bframes=2:b-adapt=0", 2)])
def test_only_b_frames_wait_and_no_longer_than_for_those_they_refer_to(written, options, delay):
    matcher, given = Matcher(), []
    for number, numbered in enumerate(pictures_of(written(f"delay{delay}.mp4", options))):
        given += [place for place, _ in matcher.push(numbered, numbered.place)]
        assert number - delay <= given[-1] <= number
        assert len(matcher._references) <= KEPT_REFERENCES
    given += [place for place, _ in matcher.flush()]
    assert given == list(range(21))


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "h264"])
def test_pictures_know_their_place_in_the_stream_and_who_may_refer_to_them(written, ending):
    path = written(f"known.{ending}", "bframes=2:b-adapt=0:b-pyramid=none")
    found = [(coded(each.picture), each.picture.pict_type) for each in pictures_of(path)]
    assert [known.number for known, _ in found[:7]] == [0, 2, 3, 1, 5, 6, 4]
    assert all(known.is_reference == (kind != PictureType.B) for known, kind in found)


def test_a_disposable_frame_is_left_out_of_what_others_lead_to(written):
    matcher = Matcher()
    path = written("known.mp4", "bframes=2:b-adapt=0:b-pyramid=none")
    steps = [s for n in pictures_of(path) for _, s in matcher.push(n, n)]
    kinds = {step.frame: step.kind for step in steps}
    assert set(kinds.values()) == {"anchor", "disposable"}
    for step in steps[1:]:
        assert all(kinds.get(step.frame + each, "anchor") == "anchor" for each in step.leads_to)


def step(frame, reference, x, kind="anchor", earlier=()):
    moved = shift(x, 0, *SIZE)
    references = np.full(moved.intra.shape, reference, np.int8)
    return BlockMotion(moved.quarter_pixels, moved.intra, references, None, frame, kind, earlier)


def test_a_chain_follows_what_frames_were_predicted_from():
    chain = MotionChain(SIZE)
    later = step(3, -3, 3)
    chain.push(step(1, 2, -2, "disposable", (later,)))
    assert np.median(chain.motion(1).xy[0]) == 1
    chain.push(step(2, -2, 2, "disposable", (later,)))
    assert np.median(chain.motion(2).xy[0]) == 2
    chain.push(later)
    assert np.median(chain.motion(3).xy[0]) == 3
    chain.restart(3)
    assert not chain.motion(3).xy.any()


def test_what_leads_past_the_keyframe_is_filled_in():
    chain = MotionChain(SIZE)
    for frame in (1, 2, 3):
        chain.push(step(frame, -1, 1))
    chain.restart(2)
    mixed = step(4, -1, 1)
    mixed.references[:, 8:] = -3
    chain.push(mixed)
    motion = chain.motion(4)
    assert motion.valid[:, :24].all()
    assert not motion.valid[:, 32:].any()
    assert np.median(motion.xy[0]) == 2


def test_a_frame_may_be_the_keyframe_though_nothing_refers_to_it():
    chain, later = MotionChain(SIZE), step(3, -3, 6)
    chain.push(step(1, -1, 2, "disposable", (later,)))
    chain.restart(1)
    chain.push(step(2, 1, -2, "disposable", (later,)))
    assert np.median(chain.motion(2).xy[0]) == 2
    assert np.median(chain.motion(3).xy[0]) == 4


def test_motion_between_frames_is_the_same_without_kernels(monkeypatch):
    fields = []
    for seed in (0, 1):
        chain = MotionChain(SIZE)
        chain.push(random_motion(*SIZE, seed=seed))
        fields.append(chain.motion())
    ours = relative_motion(*fields)
    monkeypatch.setattr("arseg_lightning.video.composition.load", lambda _: None)
    numpys = relative_motion(*fields)
    assert np.array_equal(ours.xy, numpys.xy)
    assert np.array_equal(ours.valid, numpys.valid)


def test_a_block_takes_the_motion_of_one_beside_it_that_the_picture_fits_better():
    vectors = [vector(x, y, 16, 16, 40, 8) for y in range(0, 48, 16) for x in range(0, 64, 16)]
    vectors[5] = vector(16, 16, 16, 16, 36, 8)  # nearly
    candidates = Candidates(luma(40, 10), ((-1, luma(30, 8)),), ())
    found = match_vectors(np.array(vectors, VECTOR), candidates)
    assert (found.field[0] == 36).sum() == 16
    refine_vectors(found.field, found.references, candidates)
    assert (found.field[0] == 40).all()
    assert (found.references == -1).all()
