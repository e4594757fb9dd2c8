"""The command check-data: what it prints of an experiment, and its exit status."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from arseg_lightning.cli import main
from arseg_lightning.commands import COMMANDS
from arseg_lightning.commands.check_data import check_data
from tests.datasets.trees import SIZE, camvid_stills, images_and_labels, save

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"


def experiment(folder, **data):
    path = folder / "experiment.yaml"
    network = {"class_path": "BiSeNet18", "init_args": {"width": 0.25}}
    task = {"network": network, "loss": {"class_path": "CrossEntropy"}}
    model = {"class_path": "PerFrameTask", "init_args": task}
    path.write_text(yaml.safe_dump({"run_dir": "runs/x", "model": model, "data": data}))
    return path


def stills(root, classes="camvid11"):
    return {"class_path": "StillFolder", "init_args": {"root": str(root), "classes": classes}}


def test_the_command_is_on_the_command_line(tmp_path, capsys):
    assert COMMANDS["check-data"] is check_data
    images_and_labels(tmp_path, ("a", "b"))
    main(["check-data", str(experiment(tmp_path, train=stills(tmp_path)))])
    printed = capsys.readouterr().out
    assert printed.startswith("train:\n  StillFolder, labelled frames: 2 of 48x96 at 15 fps\n")


def test_every_label_is_read_if_one_asks(tmp_path, capsys):
    (tmp_path / "two.yaml").write_text("names: [water, boat]")
    images_and_labels(tmp_path, [f"still {n}x" for n in range(12)])
    save(tmp_path / "labels" / "still 1x.png", np.full(SIZE, 255))
    path = experiment(tmp_path, train=stills(tmp_path, str(tmp_path / "two.yaml")))
    main(["check-data", str(path)])
    assert "no pixel of boat in 5 labels (--all: in all); 0% is" in capsys.readouterr().out
    main(["check-data", str(path), "--all"])
    assert "no pixel of boat in 12 labels (--all: in all); 8% is" in capsys.readouterr().out


def test_what_is_missing_is_named_and_the_other_splits_are_described(tmp_path, capsys):
    images_and_labels(tmp_path / "whole", ("a", "b"))
    images_and_labels(tmp_path / "part", ("a", "b"))
    (tmp_path / "part" / "labels" / "b.png").unlink()
    path = experiment(tmp_path, train=stills(tmp_path / "part"), val=stills(tmp_path / "whole"))
    with pytest.raises(SystemExit) as stop:
        check_data([path])
    assert stop.value.code == 1
    printed = capsys.readouterr().out
    assert "train:\n  wrong: 1 of 2 stills have no label: of " in printed
    assert "val:\n  StillFolder, labelled frames: 2 of 48x96" in printed


def test_overlays_change_an_experiments_data(tmp_path, capsys):
    images_and_labels(tmp_path / "mine", ("a", "b"))
    base = EXPERIMENTS / "camvid" / "bise18_high.yaml"
    overlay = tmp_path / "overlay.yaml"
    none = {"val": None, "test": None, "train": stills(tmp_path / "mine")}
    overlay.write_text(yaml.safe_dump({"data": none}))
    main(["check-data", str(base), str(overlay)])
    assert capsys.readouterr().out.count("labelled frames") == 1


def test_data_in_a_file_of_their_own_and_roots_from_the_environment(tmp_path, monkeypatch, capsys):
    camvid_stills(tmp_path)
    monkeypatch.setenv("CAMVID_ROOT", str(tmp_path))
    with pytest.raises(SystemExit):
        check_data([EXPERIMENTS / "camvid" / "bise18_high.yaml"])
    printed = capsys.readouterr().out
    assert "train:\n  CamVid, labelled frames: 2 of 48x96" in printed
    assert f"val:\n  wrong: {tmp_path}/val is missing; stills should be there" in printed


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no\.yaml.*does not exist"):
        check_data([tmp_path / "no.yaml"])


def test_a_data_section_that_is_none_is_refused(tmp_path):
    path = experiment(tmp_path, train=stills(tmp_path), colour="blue")
    with pytest.raises(ValueError, match=r"experiment\.yaml.*colour"):
        check_data([path])
