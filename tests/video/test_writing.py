"""Tests of ``arseg_lightning.video.writing``: errors of the system and their remedies."""

from __future__ import annotations

import errno

import pytest

from arseg_lightning.video.writing import NO_PLACE, remedy_for


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "your quota"),
        (errno.EACCES, "a folder that is yours"),
        (errno.ENOTDIR, "in its path is a file"),
        (errno.EIO, "look at the disk"),
    ],
)
def test_each_reason_has_its_own_remedy(number, remedy):
    assert remedy in remedy_for(OSError(number, "reason"), "look at the disk")


def test_an_error_without_a_number_has_the_general_remedy():
    assert remedy_for(ValueError("wrong"), "look at it") == "look at it"


@pytest.mark.parametrize("number", sorted(NO_PLACE))
def test_whatever_is_wrong_with_a_place_has_a_remedy(number):
    assert remedy_for(OSError(number, "reason"), "") != ""
