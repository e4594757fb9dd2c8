"""Every experiment in the repository is a valid configuration."""

from pathlib import Path

import pytest

from arseg_lightning.cli import main

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
WHOLE = sorted(path for path in EXPERIMENTS.rglob("*.yaml") if "run_dir:" in path.read_text())
OVERLAYS = sorted(EXPERIMENTS.rglob("short_*.yaml"))


def printed(capsys, *files):
    with pytest.raises(SystemExit) as stop:
        main(
            ["fit", *[flag for file in files for flag in ("--config", str(file))], "--print_config"]
        )
    assert stop.value.code == 0
    return capsys.readouterr().out


def test_there_are_experiments():
    assert len(WHOLE) >= 7
    assert OVERLAYS


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_an_experiment_is_valid_and_says_how_it_is_run(path, capsys):
    assert "class_path: arseg_lightning.tasks" in printed(capsys, path)
    command = path.read_text().splitlines()[0]
    assert command.startswith("# python -m arseg_lightning fit --config experiments/")
    assert f"{path.relative_to(EXPERIMENTS.parent)}" in command


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_an_overlay_changes_an_experiment(overlay, capsys, monkeypatch):
    monkeypatch.setenv("CAMVID_ROOT", "somewhere")
    monkeypatch.setenv("RESNET18_INIT", "resnet18.pth")
    experiment = EXPERIMENTS / "camvid" / "bise18_ar.yaml"
    plain, changed = printed(capsys, experiment), printed(capsys, experiment, overlay)
    assert "max_epochs: 100" in plain
    assert "max_epochs: 20" in changed
    assert "StillFolder" in changed
