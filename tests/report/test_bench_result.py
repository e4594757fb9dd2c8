"""A benchmark's figures follow from made ones: ratios, tables, documents, plot and file."""

import json

import pytest

from arseg_lightning.report.bench_plot import plot_bench
from arseg_lightning.report.bench_result import BenchResult, CaseResult, RoleResult, VariantResult
from arseg_lightning.report.bench_table import bench_table, stage_table
from arseg_lightning.report.documents import with_current_tables


def variant(name, kind, is_baseline, mean_ms, mean_gmacs):
    stages = {"network": 0.7 * mean_ms, "motion": 0.3 * mean_ms}
    return VariantResult(
        name=name,
        method=name.split(",")[0],
        is_baseline=is_baseline,
        kind=kind,
        backend="torch",
        precision="float32",
        **{f"{part}_ms": mean_ms for part in ("mean", "p50", "p95", "max")},
        mean_gmacs=mean_gmacs,
        roles={"frame": RoleResult(1.0, mean_ms, mean_gmacs, False, stages)},
        peak_megabytes=10.0,
    )


@pytest.fixture
def result():
    variants = (
        variant("1x, plain PyTorch", "plain", True, 120.0, 40.0),
        variant("AR 0.5x, plain PyTorch", "plain", False, 60.0, 13.0),
        variant("1x, float32", "optimised", True, 100.0, 40.0),
        variant("AR 0.5x, float32", "optimised", False, 40.0, 13.0),
    )
    machine = {"device": "cpu", "cpu": "a CPU", "threads": 2, "torch": "2", "native": "native: on"}
    case = CaseResult("BiSeNet18", (720, 960), 12, 5.0, variants)
    return BenchResult(machine | {"date": "today"}, {"repeats": 5}, (case,))


def test_speedups_are_against_what_they_say(result):
    (case,) = result.cases
    own = case.variants[3]
    assert case.reference(own) is case.variants[2]
    assert case.speedup(own) == 2.5
    assert case.speedup_over_plain(own) == 3.0
    assert case.bound(own) == pytest.approx(40 / 13)
    assert case.reached(own) == pytest.approx(2.5 / (40 / 13))
    assert own.fps == 25.0
    assert own.roles["frame"].outside_network_share == pytest.approx(0.3)


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


def document(text, folder):
    """The text with current tables."""
    (folder / "doc.md").write_text(text)
    return with_current_tables(folder / "doc.md")


def test_documents_show_the_current_figures(result, tmp_path):
    result.write(tmp_path / "bench.json")
    text = "a\n\n<!-- bench: bench.json -->\n| old |\n\n*old*\n\nb\n"
    text += "<!-- bench-stages: bench.json -->\n"
    once = document(text, tmp_path)
    assert "| AR 0.5x, float32" in once
    assert "old" not in once
    assert "*a CPU, 2 threads, PyTorch 2, native: on, today; L = 12, medians of 5 rounds*" in once
    assert document(once, tmp_path) == once
    assert once.startswith("a\n\n<!--")
    assert "\n\nb\n<!-- bench-stages" in once


def test_documents_may_show_some_variants(result, tmp_path):
    result.write(tmp_path / "bench.json")
    text = "<!-- bench: bench.json only=float32 -->\n"
    table = document(text, tmp_path)
    assert "plain PyTorch" not in table
    assert "| AR 0.5x, float32 |" in table
    assert "3.00" in table  # still against plain PyTorch
    with pytest.raises(ValueError, match="no variants are 'float8'; there are float32, plain"):
        document(text.replace("float32", "float8"), tmp_path)


def test_the_plot_is_a_picture(result, tmp_path):
    plot_bench(result, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
