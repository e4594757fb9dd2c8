"""The native kernels give what NumPy gives, to the last bit."""

import numpy as np
import pytest

from arseg_lightning.native import load
from arseg_lightning.video import composition as composition_module
from arseg_lightning.video import motion as motion_module
from arseg_lightning.video import vectors as vectors_module
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.decode import decode_motion
from arseg_lightning.video.encode import EncodeSettings, encode_frames
from arseg_lightning.video.errors import VideoError
from arseg_lightning.video.motion import BlockMotion, fill_intra
from arseg_lightning.video.vectors import (
    NO_VECTOR,
    VECTOR,
    Candidates,
    match_vectors,
    refine_vectors,
)
from tests.video.hand_made import cells, pan, random_motion, texture

pytestmark = pytest.mark.skipif(load("motion") is None, reason="there are no native kernels here")

SIZES = [(64, 96), (21, 35), (5, 3), (1, 1), (48, 130)]
USERS = (composition_module, motion_module, vectors_module)


@pytest.fixture
def without_kernels(monkeypatch):
    """Calls a function with NumPy alone."""

    def call(function, *arguments):
        with monkeypatch.context() as context:
            for module in USERS:
                context.setattr(module, "load", lambda _: None)
            return function(*arguments)

    return call


def random_vectors(height, width, seed, share=0.8):
    """Vectors of a macroblock in one of the ways in which H.264 splits it, some left out."""
    generator = np.random.default_rng(seed)
    rows = []
    for top in range(0, height, 16):
        for left in range(0, width, 16):
            h, w = generator.choice([4, 8, 16], 2)
            for y in range(top, top + 16, h):
                for x in range(left, left + 16, w):
                    if generator.random() < share:
                        motion = generator.integers(-300, 300, 2)
                        scale = generator.choice([1, 2, 4])
                        place = (0, 0, x + w // 2, y + h // 2)
                        rows.append((-1, w, h, *place, 0, *motion, scale))
    return np.array(rows, VECTOR)


def blocks_of_one_motion(height, width, seed):
    """Motion as encoders make it: mostly alike in a macroblock, with some that leads far away."""
    generator = np.random.default_rng(seed)
    grid = cells(height), cells(width)
    coarse = generator.integers(-60, 60, (2, -(-grid[0] // 4), -(-grid[1] // 4)))
    field = coarse.repeat(4, 1).repeat(4, 2)[:, : grid[0], : grid[1]].astype(np.int16)
    alone = generator.random(grid) < 0.1
    field[:, alone] = generator.integers(-2000, 2000, (2, alone.sum()))
    return BlockMotion(field, generator.random(grid) < 0.05)


def equal(ours, numpys):
    return ours.dtype == numpys.dtype and ours.shape == numpys.shape and (ours == numpys).all()


def random_pictures(height, width, seed):
    """A picture, three before it and two behind, alike but for some noise."""
    generator = np.random.default_rng(seed)
    base = generator.integers(0, 256, (height, width + 7)).astype(np.int64)
    noisy = [base + generator.integers(-9, 10, base.shape) for _ in range(6)]
    now, *others = (each.clip(0, 255).astype(np.uint8)[:, :width] for each in noisy)
    earlier = tuple(zip((-1, -2, -5), others[:3], strict=True))
    return Candidates(now, earlier, tuple(zip((1, 4), others[3:], strict=True)))


def assert_alike(ours, numpys):
    for name in ("field", "references", "errors", "intra"):
        assert equal(getattr(ours, name), getattr(numpys, name)), name


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_vectors_are_matched_alike(without_kernels, size, seed):
    vectors = np.concatenate([random_vectors(*size, seed), random_vectors(*size, seed + 9)])
    generator = np.random.default_rng(seed)
    vectors["source"] = generator.choice([-1, 1], len(vectors))
    short = generator.random(len(vectors)) < 0.7
    vectors["motion_x"][short] = vectors["motion_y"][short] = 0
    candidates = random_pictures(*size, seed)
    ours = match_vectors(vectors, candidates)
    assert_alike(ours, without_kernels(match_vectors, vectors, candidates))
    assert (ours.errors != NO_VECTOR).any()


@pytest.mark.parametrize("field", ["w", "h", "motion_scale", "dst_x", "dst_y"])
@pytest.mark.parametrize("value", [0, 3, 12, 200])
def test_vectors_that_no_codec_gives_do_no_harm(without_kernels, field, value):
    vectors, candidates = random_vectors(32, 32, 0), random_pictures(32, 32, 0)
    vectors[3][field] = value
    vectors[5][field] = -value if field.startswith("dst") else value
    ours = match_vectors(vectors, candidates)
    assert_alike(ours, without_kernels(match_vectors, vectors, candidates))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.97, 1.0])
def test_holes_are_filled_alike(without_kernels, size, share):
    generator = np.random.default_rng(1)
    grid = cells(size[0]), cells(size[1])
    field = generator.integers(-3000, 3000, (2, *grid)).astype(np.int16)
    intra = generator.random(grid) < share
    references = generator.choice([-3, -1, 2], grid).astype(np.int8)
    before = field.copy()
    ours = fill_intra(field, intra, references)
    for plane, numpys in zip(
        ours, without_kernels(fill_intra, field, intra, references), strict=True
    ):
        assert equal(plane, numpys)
    assert (field == before).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("chaining", ["subpixel", "integer", "none"])
@pytest.mark.parametrize("make", [random_motion, blocks_of_one_motion])
def test_motion_is_chained_alike(without_kernels, size, chaining, make):
    ours, numpys = MotionChain(size, chaining), without_kernels(MotionChain, size, chaining)
    for seed in range(7):
        if seed == 4:
            ours.restart()
            numpys.restart()
        for chain in (ours, numpys):
            chain.push(make(*size, seed=seed))
        assert equal(ours.motion().xy, numpys.motion().xy)
        assert equal(ours.motion().valid, numpys.motion().valid)


def test_arrays_of_any_layout_are_chained_alike(without_kernels):
    motion = random_motion(32, 64)
    strided = BlockMotion(np.asfortranarray(motion.quarter_pixels), np.asfortranarray(motion.intra))
    ours, numpys = MotionChain((32, 64)), without_kernels(MotionChain, (32, 64))
    ours.push(strided)
    numpys.push(motion)
    assert equal(ours.motion().xy, numpys.motion().xy)


def test_a_real_stream_gives_the_same(without_kernels, tmp_path):
    path = tmp_path / "pan.mp4"
    encode_frames(pan(5, 98, 130, 3, -2), path, EncodeSettings(crf=15))
    ours, numpys = MotionChain((98, 130)), without_kernels(MotionChain, (98, 130))
    decoded = zip(decode_motion(path), without_kernels(list, decode_motion(path)), strict=True)
    for (_, our_step), (_, numpys_step) in list(decoded)[1:]:
        ours.push(our_step)
        numpys.push(numpys_step)
        assert equal(ours.motion().xy, numpys.motion().xy)
        assert equal(ours.motion().valid, numpys.motion().valid)


def test_frames_too_large_for_16_bits_are_refused():
    MotionChain((2160, 3840))
    with pytest.raises(VideoError, match=r"at most 3595x7191 .*, got 4100x4; scale the video"):
        MotionChain((4100, 4))


def test_vectors_of_another_layout_are_read_too():
    vectors = random_vectors(32, 32, 5)
    fewer = vectors[["source", "w", "h", "dst_x", "dst_y", "motion_x", "motion_y", "motion_scale"]]
    candidates = random_pictures(32, 32, 5)
    assert_alike(match_vectors(vectors, candidates), match_vectors(fewer, candidates))


@pytest.mark.parametrize("size", [(64, 96), (21, 35)])
def test_motion_is_refined_alike(without_kernels, size):
    luma = [texture(*size, seed)[..., 0].copy() for seed in range(4)]
    candidates = Candidates(luma[0], ((-1, luma[1]), (-2, luma[2])), ((1, luma[3]),))
    generator = np.random.default_rng(1)
    grid = cells(size[0]), cells(size[1])
    coarse = generator.integers(-40, 40, (2, 8, 12)), generator.choice([-2, -1, 1], (8, 12))
    fine = (each.repeat(2, -1).repeat(2, -2)[..., : grid[0], : grid[1]] for each in coarse)
    field, references = (
        each.astype(kind) for each, kind in zip(fine, (np.int16, np.int8), strict=True)
    )
    ours, numpys = (field.copy(), references.copy()), (field.copy(), references.copy())
    refine_vectors(*ours, candidates)
    without_kernels(refine_vectors, *numpys, candidates)
    assert (ours[0] != field).any()
    assert equal(ours[0], numpys[0])
    assert equal(ours[1], numpys[1])
