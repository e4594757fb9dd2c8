"""The tutorials' files are complete and their commands are ones that the program takes."""

from __future__ import annotations

import re
import shlex
from functools import wraps
from pathlib import Path

import pytest

from arseg_lightning.cli import main
from arseg_lightning.commands import COMMANDS

DOCS = Path(__file__).resolve().parents[1] / "docs"
NAMES = ("segment_my_video.md", "train_on_my_data.md")
SMALLER = {  # of the made data: few frames of few videos
    "num_frames=48": "num_frames=13",
    "num_frames=240": "num_frames=13",
    "range(0, 48,": "range(0, 13,",
    '"train": (12, 0), "val": (2, 100), "test": (3, 200)': (
        '"train": (1, 0), "val": (1, 100), "test": (1, 200)'
    ),
}
EXPERIMENTS = ("fit", "test")


def blocks(name, language):
    text = (DOCS / name).read_text()
    return re.findall(rf"^```{language}( [^\n]*)?\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def commands(name):
    """The words behind ``-m arseg_lightning`` of each command that names a reader's files."""
    for _, block in blocks(name, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.search(r"-m arseg_lightning\s+(.*)", line)
            if found and "my_" in line:
                yield shlex.split(found[1], comments=True)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A reader's folder after the steps that make files: data, classes, configurations."""
    folder = tmp_path_factory.mktemp("reader")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in NAMES:
            for title, text in blocks(name, "yaml"):
                Path(re.search(r'title="(.*)"', title)[1]).write_text(text)
            made = blocks(name, "python")[0][1]
            for whole, smaller in SMALLER.items():
                made = made.replace(whole, smaller)
            exec(compile(made, name, "exec"), {})
    return folder


FOUND = [
    pytest.param(words, id=f"{name} {words[0]} {number}")
    for name in NAMES
    for number, words in enumerate(commands(name))
]


@pytest.mark.parametrize("words", FOUND)
def test_a_command_is_taken(words, reader, monkeypatch, capsys):
    monkeypatch.chdir(reader)
    if words[0] in EXPERIMENTS:
        with pytest.raises(SystemExit) as stop:
            main([*words, "--print_config"])
        assert stop.value.code == 0, capsys.readouterr().err
        return
    command, called = COMMANDS[words[0]], []
    monkeypatch.setitem(
        COMMANDS, words[0], wraps(command)(lambda **arguments: called.append(arguments))
    )
    main(words)
    assert len(called) == 1


def test_the_data_that_are_made_are_right(reader, monkeypatch, capsys):
    monkeypatch.chdir(reader)
    main(["check-data", "my_street.yaml"])
    shown = capsys.readouterr().out
    assert "VideoFolder, labelled frames: 13 of 160x240 at 40 fps" in shown
    assert "wrong" not in shown


def test_a_video_is_made(reader):
    assert (reader / "my_street.mp4").stat().st_size > 1000


@pytest.mark.slow
def test_the_walk_on_my_data_leads_to_its_end(reader, monkeypatch):
    monkeypatch.chdir(reader)
    for words in commands("train_on_my_data.md"):
        few = [
            "--trainer.max_epochs",
            "1",
            "--trainer.accelerator",
            "cpu",
            "--data.batch_size",
            "2",  # batch norms of pooled features want more than one
        ]
        main([*words, *(few if words[0] in EXPERIMENTS else [])])
    assert (reader / "runs/my_video/overlay.mp4").is_file()
    assert (reader / "my_exported/contract.json").is_file()
