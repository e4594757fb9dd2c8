"""Composition along frames: displacements add up along the way that a pixel takes."""

import numpy as np
import pytest

from arseg_lightning.types import Motion
from arseg_lightning.video.chain import MotionChain
from arseg_lightning.video.motion import BlockMotion
from tests.video.hand_made import random_motion, shift


def compose(fields, size, chaining="subpixel"):
    chain = MotionChain(size, chaining)
    for field in fields:
        chain.push(field)
    return chain.motion()


def follow(fields, size, y, x):
    """The way of one pixel back to the keyframe, pixel by pixel in plain Python."""
    far, total, known = (4 * (size[1] - 1), 4 * (size[0] - 1)), [0, 0], True
    for field in reversed(fields):
        cell = (y // 4, x // 4)
        known &= not field.intra[cell]
        places = []
        for axis, start in enumerate((4 * x, 4 * y)):
            moved = start + int(field.quarter_pixels[axis, *cell])
            places.append(min(max(moved, 0), far[axis]))
            total[axis] += places[-1] - start
        x, y = ((place + 2) // 4 for place in places)
    return total[0] / 4, total[1] / 4, known


def follow_links(fields, size, y, x):
    """The keyframe's pixel that the paper's links lead to, and how far it is."""
    q = [y, x]
    for field in reversed(fields):
        cell = (q[0] // 4, q[1] // 4)
        if not field.intra[cell]:
            vector = field.quarter_pixels[::-1, *cell]
            steps = [round(int(v) / 4) for v in vector]  # Python rounds halves to even
            q = [min(max(p + s, 0), n - 1) for p, s, n in zip(q, steps, size, strict=True)]
    return q[1] - x, q[0] - y


def test_no_step_is_no_motion():
    motion, expected = MotionChain((10, 14)).motion(), Motion.zero(10, 14)
    assert (motion.xy == expected.xy).all()
    assert motion.valid.all()


def test_frames_at_rest_stay_at_rest():
    motion = compose([shift(0, 0, 10, 14)] * 5, (10, 14))
    assert not motion.xy.any()
    assert motion.valid.all()


@pytest.mark.parametrize(("x", "y"), [(2, -1), (1.25, 0.5), (-0.25, -0.75), (0.5, 0)])
def test_shifts_add_up_to_the_quarter_pixel(x, y):
    motion = compose([shift(x, y, 64, 64)] * 4, (64, 64))
    inside = motion.xy[:, 16:-16, 16:-16]
    assert (inside[0] == 4 * x).all()
    assert (inside[1] == 4 * y).all()


def test_different_shifts_add_up():
    motion = compose([shift(1.5, 0, 64, 64), shift(0, -2.25, 64, 64)], (64, 64))
    assert (motion.xy[:, 32, 32] == (1.5, -2.25)).all()


@pytest.mark.parametrize("size", [(24, 32), (21, 35), (5, 3)])
def test_every_pixel_takes_the_way_that_the_vectors_describe(size):
    fields = [random_motion(*size, seed=seed) for seed in range(3)]
    motion = compose(fields, size)
    for y in range(size[0]):
        for x in range(size[1]):
            assert (*motion.xy[:, y, x], motion.valid[y, x]) == follow(fields, size, y, x)


def test_earlier_motion_is_looked_up_where_the_pixel_was():
    field = np.zeros((2, 4, 8), np.int16)
    field[0, :, :4] = 12  # the left half comes from 3 pixels to the right
    moving = BlockMotion(field, np.zeros((4, 8), np.bool_))
    motion = compose([moving, shift(-8, 0, 16, 32)], (16, 32))
    assert (motion.xy[0, :, 8:24] == -8 + 3).all()
    assert (motion.xy[0, :, 24:] == -8).all()


@pytest.mark.parametrize("num_steps", [1, 4])
def test_no_way_leads_out_of_the_picture(num_steps):
    size = (22, 30)
    fields = [random_motion(*size, seed=seed, reach=400) for seed in range(num_steps)]
    x, y = compose(fields, size).xy + np.mgrid[:22, :30][::-1]
    slack = (num_steps - 1) / 2  # each look-up at a whole pixel may be off by half of one
    assert x.min() >= -slack
    assert x.max() <= 29 + slack
    assert y.min() >= -slack
    assert y.max() <= 21 + slack


def test_a_hole_marks_all_whose_way_crosses_it():
    intra = np.zeros((4, 8), np.bool_)
    intra[1, 2] = True
    hole = BlockMotion(np.zeros((2, 4, 8), np.int16), intra)
    valid = compose([hole, shift(4, 0, 16, 32)], (16, 32)).valid
    expected = np.ones((16, 32), np.bool_)
    expected[4:8, 4:8] = False
    assert (valid == expected).all()


def test_a_chain_starts_anew_at_a_keyframe():
    chain = MotionChain((16, 16))
    chain.push(random_motion(16, 16))
    chain.restart()
    chain.push(shift(0.25, 0, 16, 16))
    assert (chain.motion().xy[0, :, :12] == 0.25).all()
    assert chain.motion().valid.all()


def test_a_field_that_was_handed_out_does_not_change_later():
    chain = MotionChain((16, 16))
    chain.push(shift(1, 0, 16, 16))
    first = chain.motion()
    before = first.xy.copy(), first.valid.copy()
    chain.push(random_motion(16, 16))
    assert (first.xy == before[0]).all()
    assert (first.valid == before[1]).all()


@pytest.mark.parametrize("size", [(24, 32), (21, 35), (5, 3)])
def test_integer_chaining_follows_the_papers_links(size):
    fields = [random_motion(*size, seed=seed) for seed in range(3)]
    motion = compose(fields, size, "integer")
    for y in range(size[0]):
        for x in range(size[1]):
            assert tuple(motion.xy[:, y, x]) == follow_links(fields, size, y, x)


@pytest.mark.parametrize(
    ("quarters", "pixels"),
    [(1, 0), (2, 0), (3, 1), (4, 1), (6, 2), (10, 2), (14, 4), (-2, 0), (-3, -1), (-6, -2)],
)
def test_integer_chaining_rounds_halves_to_even(quarters, pixels):
    motion = compose([shift(quarters / 4, 0, 32, 32)], (32, 32), "integer")
    assert (motion.xy[0, :, 8:24] == pixels).all()


def test_integer_chaining_rounds_every_step():
    fields = [shift(0.5, 0.75, 32, 32)] * 3
    assert compose(fields, (32, 32), "integer").xy[:, 8, 8].tolist() == [0, 3]
    assert compose(fields, (32, 32)).xy[:, 8, 8].tolist() == [1.5, 2.25]


def test_integer_chaining_stops_at_the_border():
    x, y = compose([shift(3.25, -2, 8, 8)], (8, 8), "integer").xy
    assert x[0].tolist() == [3, 3, 3, 3, 3, 2, 1, 0]
    assert y[:, 0].tolist() == [0, -1, -2, -2, -2, -2, -2, -2]


def test_intra_coded_blocks_rest_in_integer_chaining():
    intra = np.zeros((4, 4), np.bool_)
    intra[1, 2] = True
    filled = BlockMotion(shift(5, 0, 16, 16).quarter_pixels, intra)
    motion = compose([filled], (16, 16), "integer")
    assert not motion.xy[:, 4:8, 8:12].any()
    assert not motion.valid[4:8, 8:12].any()
    assert (motion.xy[0, :4, :8] == 5).all()


def test_whole_pixels_chain_alike_at_any_precision():
    fields = [random_motion(22, 30, seed=seed, reach=6) for seed in range(4)]
    whole = [BlockMotion(4 * f.quarter_pixels, np.zeros_like(f.intra)) for f in fields]
    subpixel, integer = (compose(whole, (22, 30), name) for name in ("subpixel", "integer"))
    assert subpixel.xy.any()
    assert (subpixel.xy == integer.xy).all()


def test_without_chaining_everything_rests():
    motion = compose([random_motion(22, 30, seed=seed) for seed in range(3)], (22, 30), "none")
    assert not motion.xy.any()
    assert motion.valid.all()


def test_a_step_of_another_size_is_refused_with_the_remedy():
    message = r"of \(4, 4\) cells does not fit frames of \(32, 32\), which have \(8, 8\); make a"
    with pytest.raises(ValueError, match=message):
        MotionChain((32, 32)).push(random_motion(16, 16))
