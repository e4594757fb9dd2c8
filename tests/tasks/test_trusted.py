"""A run folder of somebody else runs nothing but what experiments are made of."""

import sys
from pathlib import Path

import pytest
import yaml

from arseg_lightning.cli import main
from arseg_lightning.tasks.experiment import Experiment
from arseg_lightning.tasks.trusted import refuse_untrusted
from tests.test_cli import HIGH_RES, configuration

FOREIGN = "import pathlib; pathlib.Path('ran').touch()\nfrom tests.tiny import TinyNet as Net\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A folder that says what it was trained with, and a module beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "foreign_net.py").write_text(FOREIGN)
    configuration(tmp_path, HIGH_RES)
    yield tmp_path
    sys.modules.pop("foreign_net", None)


def with_value(folder, key, value):
    content = yaml.safe_load((folder / "experiment.yaml").read_text())
    target = content
    for part in key.split(".")[:-1]:
        target = target[part]
    target[key.split(".")[-1]] = value
    (folder / "fit.yaml").write_text(yaml.safe_dump(content))
    return folder / "fit.yaml"


@pytest.mark.parametrize(
    ("key", "value", "name"),
    [
        ("model.init_args.network", "os.system", r"os\.system"),
        ("model.init_args.network", {"class_path": "subprocess.Popen"}, r"subprocess\.Popen"),
        ("model.init_args.optimizer", "os.system", r"os\.system"),
        ("model.init_args.network", {"class_path": "foreign_net.Net"}, r"foreign_net\.Net"),
        ("model.init_args.network", "foreign_net.Net", r"foreign_net\.Net"),
        ("model.init_args.loss", {"class_path": "foreign_net.Net"}, r"foreign_net\.Net"),
        ("data.test", {"class_path": "foreign_net.Net"}, r"foreign_net\.Net"),
        ("model.init_args.network", {"class_path": "${oc.env:WHERE}"}, r"\$\{oc\.env:WHERE\}"),
        ("model.class_path", "foreign_net.Net", r"foreign_net\.Net"),
    ],
)
def test_a_foreign_name_is_refused_before_anything_of_it_runs(key, value, name, run, monkeypatch):
    monkeypatch.setenv("WHERE", "os.system")
    with pytest.raises(ValueError, match=rf"fit\.yaml names {name}.*set ARSEG_LIGHTNING_TRUST="):
        Experiment([with_value(run, key, value)])
    assert not Path("ran").exists()


def test_what_a_configuration_takes_from_another_file_is_looked_at_too(run):
    (run / "parts").mkdir()
    (run / "parts" / "data.yaml").write_text("test: {class_path: foreign_net.Net}\n")
    with pytest.raises(ValueError, match=r"data\.yaml names foreign_net\.Net"):
        Experiment([with_value(run, "data", "parts/data.yaml")])
    assert not Path("ran").exists()


def test_the_user_may_trust_a_package_by_name(run, monkeypatch):
    file = with_value(run, "model.init_args.network", {"class_path": "foreign_net.Net"})
    with pytest.raises(ValueError, match="names foreign_net"):
        main(["cost", str(file), "--size", "48x64"])
    assert not Path("ran").exists()
    monkeypatch.setenv("ARSEG_LIGHTNING_TRUST", "other, foreign_net")
    assert Experiment([file]).task.num_classes == 9


def test_texts_with_dots_are_texts():
    refuse_untrusted({"weights": {"network": "high.ckpt"}, "store": "data.cache"}, "x.yaml")


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.system ['touch ran']", "!!python/name:os.system"]
)
def test_tags_of_yaml_run_nothing(text, run):
    (run / "fit.yaml").write_text(f"model: {text}\n")
    with pytest.raises(Exception, match=r"python|tag"):
        Experiment([run / "fit.yaml"])
    assert not Path("ran").exists()
