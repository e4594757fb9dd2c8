"""Figures of a stream: percentiles without the times, shares, rates."""

import numpy as np
import pytest

from arseg_lightning.streaming.figures import Figures, Latencies
from tests.streaming.made import result


def test_percentiles_are_right_to_one_percent():
    times = np.random.default_rng(0).lognormal(3, 1, 5000)
    latencies = Latencies()
    for time in times:
        latencies.add(time)
    summary = latencies.summary()
    assert summary["frames"] == 5000
    assert summary["mean"] == pytest.approx(times.mean())
    assert summary["max"] == times.max()
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        exact = np.quantile(times, share, method="inverted_cdf")
        assert summary[name] == pytest.approx(exact, rel=0.011)


def test_no_times_are_zero_and_one_time_is_itself():
    assert set(Latencies().summary().values()) == {0}
    latencies = Latencies()
    latencies.add(7.0)
    assert latencies.summary() == pytest.approx(
        {"frames": 1, "mean": 7, "p50": 7, "p95": 7, "max": 7}, rel=0.011
    )


def test_times_are_counted_by_role_and_keyframes_by_reason():
    figures = Figures()
    for index, reason in enumerate(["start", None, "interval", None, None, "interval"]):
        figures.add(result(index, reason=reason, latency_ms=10.0 if reason else 2.0))
    summary = figures.summary()
    assert (summary["frames"], summary["keyframes"], figures.keyframe_share) == (6, 3, 0.5)
    assert summary["keyframe_reasons"] == {"start": 1, "interval": 2}
    assert summary["latency_ms"]["keyframe"]["mean"] == 10
    assert summary["latency_ms"]["nonkeyframe"]["mean"] == 2
    assert summary["latency_ms"]["all"]["mean"] == summary["stage_ms"]["network"] == 6
    assert "50 % keyframes, latency 10 ms" in figures.line()


def test_reasons_with_figures_are_one_kind():
    figures = Figures()
    for index in range(500):
        figures.add(result(index, reason=f"reconnected after {index / 10} s"))
    assert figures.summary()["keyframe_reasons"] == {"reconnected": 500}
