"""The command report: from a folder of results to tables and plots."""

import csv

import pytest

from arseg_lightning.cli import main
from arseg_lightning.commands import COMMANDS
from arseg_lightning.commands.report import report
from tests.report.made import config, method, result, study


def test_the_command_is_on_the_command_line(tmp_path, capsys):
    assert COMMANDS["report"] is report
    folders = [study(tmp_path / "a"), tmp_path / "b"]
    result([method("1x", 0.5, 10.0)], config("PerFrameTask", ratio=1.0)).write(
        tmp_path / "b" / "result.json"
    )
    main(["report", *map(str, folders), "--out", str(tmp_path / "out"), "--reference", "conv"])
    assert (
        f"report: {tmp_path}/out/report.md, {tmp_path}/out/report.html" in capsys.readouterr().out
    )
    assert "## Against conv" in (tmp_path / "out" / "report.md").read_text()


def test_tables_plots_and_what_is_left_out_are_written(tmp_path, capsys):
    runs = study(tmp_path / "runs")
    (runs / "result.json").write_text("broken")
    document = report([runs], tmp_path / "out", reference="ar")
    text = document.read_text()
    assert text.startswith("# Results of 7 runs\n\nTested on: camvid11 48x64, 6 frames.\n")
    for title in ("## Results", "## Against ar", "## Left out"):
        assert title in text
    assert "result.json is no result file" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "report.md", "report.html", "results.csv",
        "pareto_camvid11_48x64.png", "distances_camvid11_48x64.png",
    }  # fmt: skip
    with (tmp_path / "out" / "results.csv").open() as file:
        first = next(csv.DictReader(file))
    assert (first["run"], first["mIoU %"], first["seeds"]) == ("ar", "57.0 ± 1.4", "2")


def test_each_data_has_its_plots(tmp_path):
    runs = study(tmp_path / "runs")
    result([method("AR 0.3x", 0.3, 3.0)], config(ratio=0.3), size=(96, 128)).write(runs / "b.json")
    text = report([runs], tmp_path / "out").read_text()
    shown = [line.split("](")[1].rstrip(")") for line in text.splitlines() if line[:2] == "!["]
    assert "pareto_camvid11_96x128.png" in shown
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == set(shown)


def test_bad_names_are_refused(tmp_path):
    runs = study(tmp_path / "runs")
    with pytest.raises(ValueError, match="no row of the name 'arr'"):
        report([runs], tmp_path / "out", reference="arr")
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        report([tmp_path / "nowhere"], tmp_path / "out")
