"""The command ``export``: from a run to graphs, or a reason why not."""

import pytest

from arseg_lightning.cli import main
from arseg_lightning.commands import COMMANDS
from arseg_lightning.commands.export import export
from arseg_lightning.export import read_contract
from tests.streaming.made import write_run


def test_the_command_is_on_the_command_line():
    assert COMMANDS["export"] is export


def test_a_run_becomes_graphs_of_its_test_datas_size(tmp_path, capsys):
    run, output = write_run(tmp_path), tmp_path / "out"
    flags = ["--checkpoint", "last", "--format", "torch", "--size", "48x64"]
    contract = main(["export", str(run), "--output", str(output), *flags])
    assert contract == read_contract(output)
    assert (contract.size, len(contract.schedule.cycle)) == ((48, 64), 4)
    text = capsys.readouterr().out
    assert f"keyframe: {output / 'keyframe.pt2'} (" in text
    assert "  100.0000% of the labels equal, scores within " in text


def test_a_clock_that_looks_at_frames_is_refused(tmp_path):
    run, flags = write_run(tmp_path), ("--model.clock", "Adaptive")
    with pytest.raises(ValueError, match=r"AR 0\.5x depend .*clock Adaptive"):
        export(configs=[run], output=tmp_path / "out", size="48x64", overrides=flags)
    assert not (tmp_path / "out").exists()


def test_a_run_without_weights_is_refused(tmp_path):
    run = write_run(tmp_path)
    with pytest.raises(ValueError, match=r"export would use random weights .* --checkpoint"):
        export(configs=[run / "fit.yaml"], output=tmp_path / "out", size="48x64")
    assert not (tmp_path / "out").exists()


def test_a_size_is_height_times_width(tmp_path):
    with pytest.raises(ValueError, match=r"--size is height x width in pixels, .* got '720'"):
        export(configs=[write_run(tmp_path)], output=tmp_path / "out", size="720")


def test_without_test_data_the_size_is_asked_for(tmp_path):
    with pytest.raises(ValueError, match=r"the size of the test data is not known .* --size 720x9"):
        export(configs=[write_run(tmp_path)], output=tmp_path / "out")
