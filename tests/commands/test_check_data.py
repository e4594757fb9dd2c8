"""The command check-data: folders and experiments, what it prints, and its exit status."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from arseg_lightning.cli import main
from arseg_lightning.commands import COMMANDS
from arseg_lightning.commands.check_data import check_data
from tests.datasets.trees import (
    SIZE,
    camvid_stills,
    cityscapes_image,
    cityscapes_snippet,
    images_and_labels,
    save,
)

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"


def test_the_command_is_on_the_command_line(tmp_path, capsys):
    assert COMMANDS["check-data"] is check_data
    images_and_labels(tmp_path, ("a", "b"))
    _, stills = main(["check-data", "--data", str(tmp_path)])
    assert stills.uses == ["phase 1", "phase 2 from camera paths"]
    printed = capsys.readouterr().out
    assert "StillFolder, 2 labelled frames of 48x96, camera paths at 15 fps" in printed
    assert "good for: phase 1; phase 2 from camera paths\n" in printed


def test_every_label_is_read_if_one_asks(tmp_path, capsys):
    (tmp_path / "two.yaml").write_text("names: [water, boat]")
    images_and_labels(tmp_path, [f"still {n}x" for n in range(12)])
    save(tmp_path / "labels" / "still 1x.png", np.full(SIZE, 255))
    arguments = ["check-data", "--data", str(tmp_path), "--classes", str(tmp_path / "two.yaml")]
    main(arguments)
    said = "absent: no pixel of boat in 5 of 12 labels (--all: of all); 0% is left out\n"
    assert said in capsys.readouterr().out
    main([*arguments, "--all"])
    assert "no pixel of boat in 12 labels; 8% is left out\n" in capsys.readouterr().out


def test_labels_without_a_pixel_that_counts_are_good_for_nothing(tmp_path, capsys):
    images_and_labels(tmp_path, [f"still {n}x" for n in range(12)], value=255)
    with pytest.raises(SystemExit):
        check_data(tmp_path)
    assert "wrong: no pixel counts; store the" in capsys.readouterr().out
    save(tmp_path / "labels" / "still 1x.png", np.zeros(SIZE))
    assert any(check.uses for check in check_data(tmp_path))  # the first few hold nothing


def test_what_is_missing_is_told_by_name(tmp_path, capsys):
    cityscapes_snippet(tmp_path, "aachen_000000_000019")
    for number in range(6):
        cityscapes_image(tmp_path, f"aachen_000000_{number:06d}").unlink()
    check_data(tmp_path)
    printed = capsys.readouterr().out
    assert "missing: 6 files: aachen_000000_000000_leftImg8bit, " in printed
    assert "_000003_leftImg8bit and 2 more\n" in printed
    assert "unpack leftImg8bit_sequence_trainvaltest.zip" in printed
    assert f"missing: {tmp_path}/gtFine/val is missing; unpack gtFine_trainvaltest.zip" in printed


def test_the_exit_status_says_whether_anything_is_usable(tmp_path, capsys):
    camvid_stills(tmp_path)
    for path in (tmp_path / "train_labels").iterdir():
        path.unlink()
    with pytest.raises(SystemExit) as stop:
        main(["check-data", "--data", str(tmp_path)])
    assert stop.value.code == 1
    assert "nothing here can be used yet; data/README.md says where" in capsys.readouterr().out


def experiment(folder, **sections):
    path = folder / "experiment.yaml"
    network = {"class_path": "BiSeNet18", "init_args": {"width": 0.25}}
    task = {"network": network, "loss": {"class_path": "CrossEntropy"}}
    model = {"class_path": "PerFrameTask", "init_args": task}
    path.write_text(yaml.safe_dump({"run_dir": "runs/x", "model": model} | sections))
    return path


def stills(root, classes="camvid11"):
    return {"class_path": "StillFolder", "init_args": {"root": str(root), "classes": classes}}


def test_an_experiment_names_its_data(tmp_path, capsys):
    small = {"num_videos": 1, "num_frames": 6, "height": 48, "width": 64}
    driving = {"class_path": "SyntheticDriving", "init_args": small}
    data = {"train": driving, "test": driving, "keyframe_interval": 6}
    checks = check_data(experiment(tmp_path, data=data))
    assert [split.name for split in checks] == ["train", "test"]
    assert "every distance at L=6" in capsys.readouterr().out


def test_overlays_change_an_experiments_data(tmp_path):
    images_and_labels(tmp_path / "mine", ("a", "b"))
    base = EXPERIMENTS / "camvid" / "bise18_high.yaml"
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(yaml.safe_dump({"data": {"train": stills(tmp_path / "mine"), "val": None}}))
    checks = main(["check-data", "--data", f"[{base},{overlay}]"])
    assert [(split.name, split.summary.split(",")[0]) for split in checks] == [
        ("train", "StillFolder"),
        ("test", "CamVid"),
    ]
    assert [bool(split.uses) for split in checks] == [True, False]


def test_data_in_a_file_of_their_own_and_roots_from_the_environment(tmp_path, monkeypatch):
    camvid_stills(tmp_path)
    monkeypatch.setenv("CAMVID_ROOT", str(tmp_path))
    checks = check_data(EXPERIMENTS / "camvid" / "bise18_high.yaml")
    assert [bool(split.uses) for split in checks] == [True, False, False]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no\.yaml.*does not exist"):
        check_data(tmp_path / "no.yaml")


def test_a_data_section_that_is_none_is_refused(tmp_path):
    path = experiment(tmp_path, data={"train": stills(tmp_path), "colour": "blue"})
    with pytest.raises(ValueError, match=r"experiment\.yaml.*colour"):
        check_data(path)


def test_classes_of_custom_data_are_chosen(tmp_path, capsys):
    images_and_labels(tmp_path, ("a", "b"), value=26)
    with pytest.raises(SystemExit):
        check_data(tmp_path)
    assert "wrong: " in capsys.readouterr().out
    assert all(check.uses for check in check_data(tmp_path, classes="cityscapes19"))


def test_an_interval_of_no_frames_is_refused(tmp_path):
    with pytest.raises(ValueError, match="keyframe_interval is at least 1, got 0"):
        main(["check-data", "--data", str(tmp_path), "--keyframe_interval", "0"])
