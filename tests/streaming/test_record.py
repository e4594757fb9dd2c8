"""Record of a stream: percentiles and counts."""

from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from arseg_lightning.methods import Executed, PerFrame
from arseg_lightning.streaming.record import StreamStatistics
from tests.streaming.made import result, segmenter
from tests.tiny import TinyNet

LIVE = SimpleNamespace(
    name="made",
    size=(48, 64),
    fps=25.0,
    num_dropped=0,
    damage="",
    motion_use={},
)


def summary_of(statistics):
    return asdict(statistics.record(LIVE, [], "complete"))


def test_percentiles_are_right_to_half_a_percent():
    times = np.random.default_rng(0).lognormal(3, 1, 5000)
    statistics = StreamStatistics(segmenter())
    for time in times:
        statistics.add(result(latency_ms=time))
    summary = summary_of(statistics)["latency_ms"]["keyframe"]
    exact = np.percentile(times, (50, 95, 100)).tolist()
    assert [summary[name] for name in ("p50", "p95", "max")] == pytest.approx(exact, rel=0.005)
    assert summary["mean"] == pytest.approx(times.mean(), rel=0.001)
    assert summary["frames"] == 5000


def test_times_are_counted_by_role_and_keyframes_by_reason():
    statistics = StreamStatistics(segmenter())
    for index, reason in enumerate(["start", None, "interval", None, None, "interval"]):
        statistics.add(result(index, reason=reason, latency_ms=10.0 if reason else 2.0))
    summary = summary_of(statistics)
    assert (summary["frames"], summary["keyframes"]) == (6, 3)
    assert summary["reasons"] == {"start": 1, "interval": 2}
    assert summary["roles"] == {"keyframe": 3, "nonkeyframe": 3}
    assert summary["latency_ms"]["keyframe"]["mean"] == 10
    assert summary["latency_ms"]["nonkeyframe"]["mean"] == 2
    assert summary["latency_ms"]["all"]["mean"] == summary["stage_ms"]["network"] == 6
    assert "50 % keyframes, latency 10 ms" in statistics.line()


def test_reasons_with_figures_are_one_kind():
    statistics = StreamStatistics(segmenter())
    for index in range(500):
        statistics.add(result(index, reason=f"reconnected after {index / 10} s"))
    assert summary_of(statistics)["reasons"] == {"reconnected": 500}


def test_frames_of_several_steps_are_counted_by_all_their_roles():
    statistics = StreamStatistics(segmenter(PerFrame(11, TinyNet)))
    for share in (1.0, 0.5):
        steps = (Executed("shallow"), Executed("deep", share))
        statistics.add(result(executed=steps, reason=None))
    statistics.add(result(executed=(Executed("shallow"),), reason=None))
    summary = summary_of(statistics)
    assert summary["roles"] == {"shallow+deep": 2, "shallow": 1}
    assert set(summary["latency_ms"]) == {"all", "shallow+deep", "shallow"}
    assert summary["keyframes"] is None
    assert "keyframes" not in statistics.line()
