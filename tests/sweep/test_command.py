from pathlib import Path

import pytest

from arseg_lightning.sweep.command import check_command, point_arguments
from tests.sweep.files import COMMAND


def test_macros_become_a_command_line():
    arguments = point_arguments(COMMAND, Path("v.json"), Path("runs/a"), ["--x", "1"])
    assert arguments == [
        *("test", "--config", "experiment.yaml", "--config", "v.json"),
        *("--x", "1", "--run_dir", "runs/a"),
    ]


def test_variables_of_the_environment_are_filled_in(monkeypatch):
    monkeypatch.setenv("SOMEWHERE", "data")
    command = [*COMMAND, "--data.root=${envvar:SOMEWHERE}/a", "--b=${envvar:NOWHERE}"]
    filled = point_arguments(command, Path("v.json"), Path("run"))
    assert filled[5:7] == ["--data.root=data/a", "--b=NOWHERE"]


def test_the_programs_of_wandb_may_stand_before_ours():
    words = ["/usr/bin/env", "python", *COMMAND[2:]]
    assert check_command(words) == tuple(words)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (None, r"has to run `-m arseg_lightning`, such as \["),
        ("python -m arseg_lightning fit", r"has to run `-m arseg_lightning`, such as \["),
        (["${env}", "python", "train.py", "${args}"], r"has to run `-m arseg_lightning`"),
        (["train.py", *COMMAND[2:]], r"has to run `-m arseg_lightning`"),
        ([*COMMAND[:4], "sweep", *COMMAND[5:]], r"runs sweep, which has no configuration; use one"),
        (COMMAND[:4], r"runs None, which has no configuration"),
        ([*COMMAND[:-2], "${args}"], r"values over as \$\{args\}, .*write --config and \$\{args_j"),
        (COMMAND[:-2], r"no entry \$\{args_json_file\} behind an entry --config; see"),
        ([*COMMAND[:-2], "--config=${args_json_file}"], r"no entry \$\{args_json_file\} behind"),
    ],
)
def test_another_command_is_refused_with_the_remedy(command, message):
    with pytest.raises(ValueError, match=message):
        check_command(command)
