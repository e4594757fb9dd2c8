"""Learning rate over a run."""

import pytest

from arseg_lightning.tasks.optimisation import schedule_factor


def test_cosine_starts_at_one_halves_in_the_middle_and_ends_at_zero():
    factor = schedule_factor("cosine", total_steps=100)
    assert [factor(0), factor(50), factor(100)] == pytest.approx([1.0, 0.5, 0.0])


def test_warmup_rises_to_the_schedule():
    factor = schedule_factor("polynomial", total_steps=110, warmup_steps=10)
    assert [factor(0), factor(9), factor(10), factor(110)] == pytest.approx([0.1, 1.0, 1.0, 0.0])


def test_constant_stays():
    factor = schedule_factor("constant", total_steps=5)
    assert [factor(0), factor(4), factor(9)] == [1.0, 1.0, 1.0]
