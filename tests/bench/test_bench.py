"""The benchmark measures what it says: a small run of any method is whole."""

import dataclasses
from functools import partial

import pytest
import torch
from torch import nn

from arseg_lightning import native
from arseg_lightning.bench import BenchCase, BenchSettings, bench
from arseg_lightning.bench.variants import plain_form
from arseg_lightning.methods import Adaptive, ARSeg, InterBMV, PerFrame, Stream
from arseg_lightning.report.result import read_bench, write_bench
from tests.methods.laws import video
from tests.methods.toys import InParts, Learning, RunningMean
from tests.streaming.made import tiny_method, write_run
from tests.tiny import TinyNet


class CostlyNet(TinyNet):
    """Most of what a frame costs is the network, as with real ones."""

    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.body = nn.Sequential(
            nn.Conv2d(8, 64, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(64, 8, 3, padding=1)
        )


CASE = BenchCase(f"{__name__}.CostlyNet", (64, 96))


def run(method, **settings):
    """The variants of a small run, by name."""
    chosen = BenchSettings(repeats=1, **settings)
    (measured,) = bench([CASE], chosen, lambda _: None, method)
    return {each.label: each for each in measured.methods}


def test_a_small_run_measures_every_variant(tmp_path):
    settings = BenchSettings(keyframe_interval=3, repeats=1, precisions=("float32", "bfloat16"))
    told = []
    (measured,) = bench([CASE], settings, told.append)
    assert measured.keyframe_interval == 3
    assert [v.label for v in measured.methods] == [
        f"{method}, {variant}"
        for variant in ("plain PyTorch", "float32", "bfloat16")
        for method in ("1x", "motion only", "AR 0.5x")
    ]
    for each in measured.methods:
        assert each.speed.mean_ms > 0
        assert each.speed.p50_ms <= each.speed.p95_ms <= each.speed.max_ms
    full, _, own = measured.methods[3:6]
    key, other = (own.speed.frames[role] for role in ("keyframe", "nonkeyframe"))
    assert other.frequency == pytest.approx(2 / 3)
    assert key.is_keyframe
    assert own.mean_gmacs == pytest.approx((key.gmacs + 2 * other.gmacs) / 3)
    assert own.mean_gmacs < full.mean_gmacs
    assert told[1].endswith("making the clip")
    assert measured.provenance.config["native"] == native.status()
    write_bench([measured], tmp_path / "bench.json")
    assert read_bench(tmp_path / "bench.json")[0].data == CASE.name


def toy(kind):
    """A toy around a network that is chosen."""

    def make(num_classes, network):
        method = kind(num_classes)
        method.network = network(num_classes)
        return method

    return make


def test_a_method_without_keyframes_is_timed_at_its_pace():
    """The first frame of a recurrent method is not counted; nothing is compared with a baseline."""
    found = run(toy(RunningMean))["RunningMean, float32"]
    assert found.speed.frames["next"].frequency == 1.0
    assert found.kind == "own"


def test_frames_of_several_steps_weigh_by_their_frequency():
    found = run(lambda num_classes, _: InParts(num_classes))["InParts, plain PyTorch"]
    both, one = found.speed.frames["shallow+deep"], found.speed.frames["shallow"]
    assert (both.frequency, one.frequency) == pytest.approx((1 / 3, 2 / 3))
    assert found.speed.mean_ms == pytest.approx((both.ms + 2 * one.ms) / 3)
    assert both.gmacs > one.gmacs > found.mean_gmacs / 2


def test_a_clock_that_looks_at_frames_is_timed_as_it_runs():
    method = partial(ARSeg, clock=Adaptive(2, 4))
    found = run(method)["AR 0.5x, float32"]
    role = found.speed.frames["keyframe"]
    assert role.frequency * 24 == pytest.approx(round(role.frequency * 24))
    assert 5 / 24 < role.frequency < 12 / 24
    other = found.speed.frames["nonkeyframe"]
    expected = role.frequency * role.gmacs + other.frequency * other.gmacs
    assert found.mean_gmacs == pytest.approx(expected)


def test_frames_that_wait_for_later_ones_are_timed_without_the_wait():
    """Two cycles are run, and the keyframe that follows: the end makes none of a frame."""
    found = run(InterBMV, keyframe_interval=4)["Inter-BMV (mean), float32"]
    key, other = (found.speed.frames[role] for role in ("keyframe", "between"))
    assert (key.frequency, other.frequency) == (0.25, 0.75)
    assert found.mean_gmacs == pytest.approx(0.25 * key.gmacs + 0.75 * other.gmacs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runtime", "title"), [("onnxruntime", "ONNX Runtime"), ("openvino", "OpenVINO")]
)
def test_exported_graphs_run_on_their_runtimes(runtime, title):
    pytest.importorskip(runtime)
    pytest.importorskip("onnxscript")
    found = run(ARSeg, keyframe_interval=2, backends=(runtime,))
    assert [*found][3:] == [
        f"{method}, float32, {title}" for method in ("1x", "motion only", "AR 0.5x")
    ]
    assert found[f"AR 0.5x, float32, {title}"].speed.frames.keys() == {"keyframe", "nonkeyframe"}


def test_an_experiment_brings_its_methods_and_its_weights(tmp_path):
    folder = write_run(tmp_path)
    case = BenchCase.parse(f"{folder}@48x64")
    compared = case.build(BenchSettings())
    assert [*compared.baselines] == ["1x", "motion only", "0.5x"]
    (own,) = compared.own.values()
    assert own.clock.keyframe_interval == 4
    weights = torch.load(folder / "best.ckpt")["state_dict"]
    assert own.high_res.classifier.weight.equal(weights["method.high_res.classifier.weight"])
    assert compared.classes.num_classes == 9
    (result,) = bench([case], BenchSettings(repeats=1), lambda _: None)
    assert [v.kind for v in result.methods] == ["baseline", "baseline", "baseline", "own"] * 2


def test_an_interval_is_for_methods_with_a_clock():
    with pytest.raises(ValueError, match="1x has no keyframes that a clock could choose"):
        CASE.build(BenchSettings(keyframe_interval=3), PerFrame)


@pytest.mark.parametrize(
    "method", [tiny_method(), PerFrame(11, TinyNet).eval(), RunningMean(), InParts(), Learning()]
)
def test_the_plain_form_of_a_method_gives_its_labels(method):
    plain, own = Stream(plain_form(method)), Stream(method)
    for frame in video(5):
        found, expected = plain.push(frame), own.push(frame)
        torch.testing.assert_close(found.output.scores, expected.output.scores)
        assert (found.labels == expected.labels).mean() > 0.999
        assert found.executed == expected.executed
    assert plain_form(method).name == method.name
    assert plain_form(method).uses_motion == method.uses_motion


@pytest.mark.parametrize("text", ["BiSeNet18", "BiSeNet18@720", "BiSeNet18@0x96", "@64x64"])
def test_a_case_that_says_no_size_is_refused(text):
    with pytest.raises(ValueError, match="a case is NETWORK@HEIGHTxWIDTH, such as"):
        BenchCase.parse(text)


def test_cases_name_networks():
    case = BenchCase.parse("BiSeNet18@720x960")
    assert case == BenchCase("BiSeNet18", (720, 960))
    assert [*case.build(BenchSettings()).methods] == ["1x", "motion only", "AR 0.5x"]
    for wrong, message in (
        ("Missing", "no network 'Missing'"),
        ("torch.nn.Conv2d", "no Segmentor"),
        ("runs/gone", "a run's folder that is there"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(case, name=wrong).build(BenchSettings())


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"keyframe_interval": 1}, "keyframe_interval is at least 2"), ({"repeats": 0}, "repeats")],
)
def test_settings_that_measure_nothing_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        BenchSettings(**changes)
