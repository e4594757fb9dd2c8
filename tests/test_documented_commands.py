"""Every command in the documents is one that the program takes."""

import re
import shlex
from functools import wraps
from pathlib import Path
from string import Template

import pytest

from arseg_lightning.cli import main
from arseg_lightning.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (
    *(ROOT / f"{folder}README.md" for folder in ("", "data/", "experiments/")),
    *sorted((ROOT / "docs").glob("*.md")),
)
EXPERIMENTS = ("fit", "validate", "test")


def commands(document):
    """What stands behind ``-m arseg_lightning`` in a document's blocks of shell commands."""
    text = document.read_text().replace("\u2026", "")
    variables = dict(re.findall(r'^(\w+)="(.*?)"', text, re.MULTILINE | re.DOTALL))
    for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.search(r"-m arseg_lightning\s+(.*?)(?: \| |$)", line)
            if found and "my_" not in line:  # files that a reader writes
                yield shlex.split(Template(found[1]).safe_substitute(variables), comments=True)


FOUND = {
    " ".join(words): pytest.param(words, id=f"{document.relative_to(ROOT)} {words[0]}")
    for document in DOCUMENTS
    for words in commands(document)
}
OF_EXPERIMENTS = [found for text, found in FOUND.items() if text.startswith(EXPERIMENTS)]
OTHERS = [found for text, found in FOUND.items() if not text.startswith(EXPERIMENTS)]


def test_documents_have_commands():
    assert len(OF_EXPERIMENTS) > 10
    names = {found.values[0][0] for found in OTHERS}
    assert names >= {"predict", "bench", "sweep", "prepare"}


@pytest.mark.parametrize("words", OF_EXPERIMENTS)
def test_an_experiments_options_exist(words, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CAMVID_ROOT", "data/camvid")  # documents say what it holds
    with pytest.raises(SystemExit) as stop:
        main([*words, "--print_config"])
    assert stop.value.code == 0, capsys.readouterr().err


@pytest.mark.parametrize("words", OTHERS)
def test_a_commands_options_exist(words, monkeypatch):
    monkeypatch.chdir(ROOT)
    command, called = COMMANDS[words[0]], []

    @wraps(command)
    def recorded(**arguments):
        called.append(arguments)

    monkeypatch.setitem(COMMANDS, words[0], recorded)
    main(words)
    assert len(called) == 1
