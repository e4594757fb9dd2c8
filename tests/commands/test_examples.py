"""The command ``examples``: a user without a checkout gets the configurations."""

from pathlib import Path

import pytest

from arseg_lightning.cli import main
from arseg_lightning.commands.examples import examples
from arseg_lightning.messages import CommandError
from arseg_lightning.tasks.experiment import Experiment

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return examples(tmp_path_factory.mktemp("examples") / "mine")


def test_what_is_written_is_what_the_checkout_has(written):
    names = {path.relative_to(written) for path in written.rglob("*") if path.is_file()}
    assert {
        Path("quickstart.yaml"),
        Path("ablations/gate.yaml"),
        Path("camvid/parts/data.yaml"),
    } < names
    assert {name.suffix for name in names} == {".yaml", ".json"}
    assert all((written / name).read_bytes() == (EXPERIMENTS / name).read_bytes() for name in names)


def test_a_copy_is_an_experiment(written):
    files = [written / "quickstart.yaml", written / "ablations" / "ratio_0.3.yaml"]
    assert list(Experiment(files).methods())[-1] == "AR 0.3x"


def test_nothing_is_overwritten(written):
    with pytest.raises(FileExistsError, match="mine is there already; name another folder"):
        examples(written)
    assert [path.name for path in written.parent.iterdir()] == ["mine"]


def test_an_experiment_where_there_is_no_such_folder_names_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match="`examples` writes the folder experiments"):
        main(["fit", "--config", "experiments/quickstart.yaml"])
