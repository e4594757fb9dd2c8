"""The benchmark measures what it says: made figures give known ratios, and a small run is whole."""

import dataclasses
import json

import pytest

from arseg_lightning import native
from arseg_lightning.bench import (
    BenchCase,
    BenchResult,
    BenchSettings,
    CaseResult,
    VariantResult,
    bench,
    bench_table,
    plot_bench,
    stage_table,
)
from arseg_lightning.bench.documents import with_current_bench
from arseg_lightning.models import BiSeNet18, Segmentor


def variant(name, kind, ratio, mean_ms, mean_gmacs, **changes):
    values = {
        "name": name,
        "kind": kind,
        "backend": "torch",
        "precision": "float32",
        "resolution_ratio": ratio,
        **{f"{part}_ms": mean_ms for part in ("mean", "p50", "p95", "max")},
        "keyframe_ms": mean_ms,
        "nonkeyframe_ms": mean_ms,
        "key_gmacs": mean_gmacs,
        "nonkey_gmacs": mean_gmacs,
        "mean_gmacs": mean_gmacs,
        "nonkeyframe_stages_ms": {"network": 0.7 * mean_ms, "motion": 0.3 * mean_ms},
        "peak_megabytes": 10.0,
    }
    return VariantResult(**(values | changes))


@pytest.fixture
def result():
    variants = (
        variant("1x, plain PyTorch", "plain", 1.0, 120.0, 40.0),
        variant("AR 0.5x, plain PyTorch", "plain", 0.5, 60.0, 13.0),
        variant("1x, float32", "optimised", 1.0, 100.0, 40.0),
        variant("AR 0.5x, float32", "optimised", 0.5, 40.0, 13.0),
    )
    machine = {"device": "cpu", "cpu": "a CPU", "threads": 2, "torch": "2", "native": "native: on"}
    settings = {"keyframe_interval": 12, "repeats": 5}
    case = CaseResult("BiSeNet18", (720, 960), 5.0, variants)
    return BenchResult(machine | {"date": "today"}, settings, (case,))


def test_speedups_are_against_what_they_say(result):
    (case,) = result.cases
    own = case.variants[3]
    assert case.full(own) is case.variants[2]
    assert case.speedup(own) == 2.5
    assert case.speedup_over_plain(own) == 3.0
    assert case.bound(own) == pytest.approx(40 / 13)
    assert case.reached(own) == pytest.approx(2.5 / (40 / 13))
    assert own.fps == 25.0
    assert own.outside_network_share == pytest.approx(0.3)


def test_the_tables_show_every_variant_and_where_its_time_goes(result):
    rows = bench_table(result).rows
    assert [row[1] for row in rows] == [v.name for v in result.cases[0].variants]
    assert rows[3][7:11] == ("3.00", "2.50", "3.08", "81%")
    assert rows[2][8:11] == ("-", "-", "-")
    (_, own) = stage_table(result).rows
    assert own == ("BiSeNet18 720x960", "AR 0.5x, float32", "28.0", "12.0", "30%", "5.0")


def test_a_result_survives_its_file(result, tmp_path):
    result.write(tmp_path / "bench.json")
    assert BenchResult.read(tmp_path / "bench.json") == result
    derived = json.loads((tmp_path / "bench.json").read_text())["cases"][0]["variants"][3][
        "derived"
    ]
    assert derived["reached"] == pytest.approx(0.8125)


def test_a_file_that_is_no_result_is_refused(tmp_path):
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match=r"other\.json is no result of `bench`"):
        BenchResult.read(tmp_path / "other.json")


def test_documents_show_the_current_figures(result, tmp_path):
    result.write(tmp_path / "bench.json")
    text = "a\n\n<!-- bench: bench.json -->\n| old |\n\n*old*\n\nb\n"
    text += "<!-- bench-stages: bench.json -->\n"
    once = with_current_bench(text, tmp_path / "doc.md")
    assert "| AR 0.5x, float32" in once
    assert "old" not in once
    assert "*a CPU, 2 threads, PyTorch 2, native: on, today; L = 12, medians of 5 rounds*" in once
    assert with_current_bench(once, tmp_path / "doc.md") == once
    assert once.startswith("a\n\n<!--")
    assert "\n\nb\n<!-- bench-stages" in once


def test_documents_may_show_some_variants(result, tmp_path):
    result.write(tmp_path / "bench.json")
    text = "<!-- bench: bench.json only=float32 -->\n"
    table = with_current_bench(text, tmp_path / "doc.md")
    assert "plain PyTorch" not in table
    assert "| AR 0.5x, float32 |" in table
    assert "3.00" in table  # still against plain PyTorch
    with pytest.raises(ValueError, match="no variants are 'float8'; there are float32, plain"):
        with_current_bench(text.replace("float32", "float8"), tmp_path / "doc.md")


def test_the_plot_is_a_picture(result, tmp_path):
    plot_bench(result, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


class SmallBiSeNet(BiSeNet18):
    def __init__(self, num_classes):
        super().__init__(num_classes, width=0.25)


def test_a_small_run_measures_every_variant(tmp_path):
    case = BenchCase(f"{__name__}.SmallBiSeNet", (64, 96))
    settings = BenchSettings(keyframe_interval=3, repeats=1, precisions=("float32", "bfloat16"))
    told = []
    result = bench([case], settings, told.append)
    (measured,) = result.cases
    assert [v.name for v in measured.variants] == [
        *("1x, plain PyTorch", "AR 0.5x, plain PyTorch", "1x, float32", "AR 0.5x, float32"),
        *("1x, bfloat16", "AR 0.5x, bfloat16"),
    ]
    for each in measured.variants:
        assert each.mean_ms > 0
        assert each.p50_ms <= each.p95_ms <= each.max_ms
        assert each.nonkeyframe_stages_ms["network"] > 0
    assert measured.variants[3].mean_gmacs < measured.variants[2].mean_gmacs
    assert told[0].endswith("making the clip")
    assert result.machine["native"] == native.status()
    result.write(tmp_path / "bench.json")
    assert BenchResult.read(tmp_path / "bench.json").cases[0].network == case.network


@pytest.mark.parametrize("text", ["BiSeNet18", "BiSeNet18@720", "BiSeNet18@0x96", "@64x64"])
def test_a_case_that_says_no_size_is_refused(text):
    with pytest.raises(ValueError, match=r"a case is NETWORK@HEIGHTxWIDTH, such as"):
        BenchCase.parse(text)


def test_cases_name_networks():
    case = BenchCase.parse("BiSeNet18@720x960")
    assert case == BenchCase("BiSeNet18", (720, 960))
    assert isinstance(case.build(3), Segmentor)
    for wrong, message in (
        ("Missing", "no network 'Missing'"),
        ("torch.nn.Conv2d", "no Segmentor"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(case, network=wrong).build(3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"keyframe_interval": 1}, "keyframe_interval is at least 2"), ({"repeats": 0}, "repeats")],
)
def test_settings_that_measure_nothing_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        BenchSettings(**changes)
