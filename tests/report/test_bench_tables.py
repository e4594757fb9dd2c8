"""A benchmark's figures follow from made ones: ratios, table, documents and file."""

from dataclasses import replace

import pytest

from arseg_lightning.metrics import Accuracy
from arseg_lightning.provenance import Provenance
from arseg_lightning.report import MethodResult, RunResult
from arseg_lightning.report.bench_tables import bench_frame, bench_table
from arseg_lightning.report.documents import with_current_tables
from arseg_lightning.report.result import FrameTimes, Speed, read_bench, write_bench


def variant(name, form, kind, mean_ms, mean_gmacs):
    speed = Speed(
        form=form,
        **{f"{part}_ms": mean_ms for part in ("mean", "p50", "p95", "max")},
        decode_ms=5.0,
        frames={"frame": FrameTimes(1.0, mean_ms, mean_gmacs, False)},
        peak_megabytes=10.0,
    )
    return MethodResult(name, "Made", kind, Accuracy((), 0.5, (), ()), {}, mean_gmacs, speed=speed)


@pytest.fixture
def result():
    variants = (
        variant("1x", "plain", "baseline", 120.0, 40.0),
        variant("AR 0.5x", "plain", "own", 60.0, 13.0),
        variant("1x", "float32", "baseline", 100.0, 40.0),
        variant("AR 0.5x", "float32", "own", 40.0, 13.0),
    )
    machine = {"threads": 2, "native": "native: on", "date": "today", "repeats": 5}
    about = Provenance(None, None, {"torch": "2"}, "a CPU", machine)
    return [RunResult("BiSeNet18", (), 12, (720, 960), variants, 0, about)]


def test_speedups_are_against_what_they_say(result):
    own = bench_frame(result).iloc[3]
    assert own.speedup == 2.5
    assert own.over_plain == 3.0
    assert own.bound == pytest.approx(40 / 13)
    assert own.reached == pytest.approx(2.5 / (40 / 13))
    assert own.fps == 25.0


def test_the_table_shows_every_variant(result):
    table = bench_table(result)
    assert list(table.variant) == [each.label for each in result[0].methods]
    assert list(table.iloc[3, 7:11]) == ["3.00", "2.50", "3.08", "81%"]
    assert list(table.iloc[2, 8:11]) == ["-", "-", "-"]


def test_a_result_survives_its_file(result, tmp_path):
    write_bench(result, tmp_path / "bench.json")
    assert read_bench(tmp_path / "bench.json") == result


def test_a_file_that_is_no_result_is_refused(tmp_path):
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match=r"other\.json is no result of `bench`"):
        read_bench(tmp_path / "other.json")


def document(text, folder):
    """The text with current tables."""
    (folder / "doc.md").write_text(text)
    return with_current_tables(folder / "doc.md")


def test_documents_show_the_current_figures(result, tmp_path):
    write_bench(result, tmp_path / "bench.json")
    text = "a\n\n<!-- bench: bench.json -->\n*old*\n\n| old |\n\nb\n"
    once = document(text, tmp_path)
    assert "| AR 0.5x, float32" in once
    assert "old" not in once
    assert "*a CPU, 2 threads, PyTorch 2, native: on, today; L = 12, medians of 5 rounds*" in once
    assert document(once, tmp_path) == once
    assert once.startswith("a\n\n<!--")
    assert once.endswith("\n\nb\n")


def test_documents_may_show_some_variants(result, tmp_path):
    write_bench(result, tmp_path / "bench.json")
    text = "<!-- bench: bench.json only=float32 -->\n"
    table = document(text, tmp_path)
    assert "plain PyTorch" not in table
    assert "| AR 0.5x, float32 |" in table
    assert "3.00" in table  # still against plain PyTorch
    with pytest.raises(ValueError, match="no variants are 'float8'; there are float32, plain"):
        document(text.replace("float32", "float8"), tmp_path)


def test_memory_that_is_not_known_has_no_column(result):
    (measured,) = result
    unknown = [
        replace(each, speed=replace(each.speed, peak_megabytes=None)) for each in measured.methods
    ]
    assert "MB" in bench_table(result)
    assert "MB" not in bench_table([replace(measured, methods=tuple(unknown))])
