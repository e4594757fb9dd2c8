"""Ctrl-C between frames."""

import signal

import pytest

from arseg_lightning.streaming.interrupt import Interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_frame_that_is_being_written_is_finished(number):
    written = []
    with Interrupt() as interrupt:
        for item in interrupt.until_wanted(iter(range(9))):
            if item == 3:
                signal.raise_signal(number)
            written.append(item)
    assert (written, interrupt.wanted) == ([0, 1, 2, 3], True)


def test_waiting_for_a_frame_ends_at_once():
    def frames():
        yield 0
        signal.raise_signal(signal.SIGINT)
        yield 1

    with Interrupt() as interrupt:
        assert list(interrupt.until_wanted(frames())) == [0]
    assert interrupt.wanted


def test_the_second_time_is_the_usual_exception():
    def insist(interrupt):
        for _ in interrupt.until_wanted(iter(range(9))):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with Interrupt() as interrupt, pytest.raises(KeyboardInterrupt):
        insist(interrupt)


def test_signals_are_given_back():
    before = signal.getsignal(signal.SIGINT)
    with Interrupt():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
