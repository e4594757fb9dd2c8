"""Marks: hatching exactly where no motion is known, arrows where it leads."""

from dataclasses import replace

import numpy as np
import pytest

from arseg_lightning.drawing import (
    BlockKind,
    ShownMotion,
    block_kinds,
    draw_arrows,
    mark_blocks,
    motion_picture,
)
from arseg_lightning.types import Frame, Motion
from tests.video.hand_made import shift

SIZE = (32, 48)
GREY = np.full((*SIZE, 3), 100, np.uint8)


def motion(x=0.0, y=0.0, unknown=None):
    field = Motion.zero(*SIZE)
    field.xy[0], field.xy[1] = x, y
    if unknown is not None:
        field.valid[unknown] = False
    return field


BLOCK = np.s_[8:16, 20:28]


def test_only_what_is_not_valid_is_hatched():
    kinds = block_kinds(None, motion(unknown=BLOCK))
    changed = (mark_blocks(GREY, kinds) != GREY).any(-1)
    assert changed[BLOCK].any()
    changed[BLOCK] = False
    assert not changed.any()


def test_every_cell_of_the_codec_shows_its_hatching():
    kinds = np.full(SIZE, BlockKind.NO_VECTOR, np.uint8)
    changed = (mark_blocks(GREY, kinds) != GREY).any(-1)
    assert changed.reshape(8, 4, 12, 4).any((1, 3)).all()


def test_a_vector_to_nothing_alike_is_told_from_none():
    step = shift(1, 0, *SIZE)
    errors = np.zeros(step.intra.shape, np.uint8)
    step.intra[2:4, 5:7] = True
    errors[2, 5:7] = 255  # those have no vector, the row below has one that does not match
    kinds = block_kinds(replace(step, errors=errors), motion(unknown=BLOCK))
    assert (kinds[8:12, 20:28] == BlockKind.NO_VECTOR).all()
    assert (kinds[12:16, 20:28] == BlockKind.UNLIKE).all()
    assert np.count_nonzero(kinds) == 64


def test_an_arrow_points_to_where_motion_leads():
    drawn = (draw_arrows(GREY, motion(x=-12), spacing=32) != GREY).any(-1)
    (column,) = {int(np.median(np.nonzero(drawn)[0]))}
    assert abs(column - 16) <= 1  # all on the arrow's row
    x = np.nonzero(drawn)[1]
    assert x.min() <= 5
    assert x.max() <= 19  # of the one that starts at 16; the next would start at 48


def test_no_arrow_starts_where_motion_is_unknown():
    everywhere = np.ones(SIZE, np.bool_)
    assert (draw_arrows(GREY, motion(x=9), spared=everywhere) == GREY).all()


@pytest.mark.parametrize(("kind", "width"), [("arrows", 480), ("wheel", 480), ("both", 964)])
def test_a_picture_has_both_with_a_legend_below(kind, width):
    field = motion(x=5, unknown=BLOCK)
    shown = ShownMotion(Frame(3, 0.1, "P", GREY), field, block_kinds(None, field), "frame 2")
    picture = motion_picture(shown, kind, 5.0)
    assert picture.shape[1] == width
    assert picture.shape[0] % 2 == 0
    assert picture.shape[0] > 320
    if kind != "arrows":
        red = (picture[:320] == (255, 0, 0)).all(-1).mean()
        assert red > 0.4


def test_another_kind_is_refused():
    shown = ShownMotion(Frame(0, 0.0, "I", GREY), motion(), np.zeros(SIZE, np.uint8), "nothing")
    with pytest.raises(ValueError, match="kind is one of arrows, wheel, both, got 'colour'"):
        motion_picture(shown, "colour")
