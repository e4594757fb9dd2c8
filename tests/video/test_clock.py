"""Times of a stream: its own while they can be believed, and never back."""

from fractions import Fraction

from arseg_lightning.video.clock import Clock

FRAME = Fraction(1, 25)


def ticks(claims, clock=None):
    clock = clock or Clock()
    clock.join(FRAME)
    return [clock.tick(None if claim is None else Fraction(claim)) for claim in claims]


def seconds(claims):
    return [time for time, _ in ticks(claims)]


def test_times_count_from_the_first_frame():
    assert ticks([7, 8, Fraction(21, 2)]) == [(0.0, None), (1.0, None), (3.5, None)]


def test_missing_times_go_by_the_frame_rate():
    assert seconds([None] * 4) == [0.0, 0.04, 0.08, 0.12]
    assert seconds([5, None, None, 6]) == [0.0, 0.04, 0.08, 0.12]


def test_a_jump_is_said_and_passed_over():
    assert ticks([0, 1, 100, 101]) == [
        (0.0, None),
        (1.0, None),
        (1.04, "timestamps jump ahead by 99.0 s"),
        (2.04, None),
    ]
    assert ticks([50, 51, 0, 1])[2:] == [(1.04, "timestamps go back by 51.0 s"), (2.04, None)]


def test_slow_streams_do_not_jump():
    clock = Clock()
    clock.join(Fraction(60))
    assert [clock.tick(Fraction(60 * i)) for i in range(3)] == [(60.0 * i, None) for i in range(3)]


def test_times_that_tremble_stay_in_order():
    found = ticks([0, 1, Fraction(99, 100), 1, 2])
    assert [jump for _, jump in found] == [None] * 5
    times = [time for time, _ in found]
    assert times == sorted(set(times))
    assert times[-1] == 2.0


def test_a_stream_that_is_joined_again_goes_on_behind_the_pause():
    clock = Clock()
    ticks([100, 101], clock)
    clock.join(FRAME, pause=Fraction(3))
    assert [clock.tick(Fraction(claim)) for claim in (7, 8)] == [(4.0, None), (5.0, None)]
    clock.join(FRAME)
    assert clock.tick(Fraction(0)) == (5.04, None)
