"""What a command takes without a name is in its help, as are its other required options."""

import pytest

from arseg_lightning.cli import main
from arseg_lightning.commands import COMMANDS
from arseg_lightning.commands.arguments import help_texts, named

USAGES = {
    "bench": "[CASE ...] [options]",
    "cost": "[CONFIG ...] [options]",
    "check-data": "DATA [options]",
    "encode": "SOURCE --output OUTPUT [options]",
    "export": "CONFIG ... --output OUTPUT [options]",
    "motion": "VIDEO --labels LABELS [options]",
    "predict": "CONFIG ... --video VIDEO --output OUTPUT [options]",
    "prepare": "[CONFIG ...] [options]",
    "report": "RUN ... [options]",
    "sweep": "FILE [options] [-- EXTRA ...]",
    "tables": "DOCUMENT [options]",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_usage_names_what_comes_without_a_name_and_what_is_required(name):
    usage = help_texts(name, COMMANDS[name])["usage"]
    assert usage == f"python -m arseg_lightning {name} {USAGES[name]}"


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("predict", "CONFIG ... may be given by name: --config CONFIG, again for each."),
        ("report", "RUN ... may be given by name: --run RUN, again for each."),
        ("sweep", "FILE may be given by name: --file FILE."),
    ],
)
def test_help_begins_with_the_usage_and_ends_with_the_name(name, note, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith(f"usage: python -m arseg_lightning {name} {USAGES[name]}")
    assert text.endswith(note)
    assert ("--config CONFIG One of the configs, again for each." in text) == (name == "predict")


def test_what_is_missing_is_named_with_the_command_that_helps(capsys):
    with pytest.raises(SystemExit):
        main(["predict", "run"])
    told = capsys.readouterr().err
    assert "python -m arseg_lightning predict --help" in told
    assert "required: video, output" in told


def test_words_without_a_name_are_those_by_name():
    predict = COMMANDS["predict"]
    by_name = named(predict, ["--config", "a.yaml", "--config=b.yaml", "--limit", "3"])
    assert by_name == ["--configs+", "a.yaml", "--configs+=b.yaml", "--limit", "3"]
    without = named(predict, ["a.yaml", "b.yaml", "--limit", "3"])
    assert without == ["--configs+=a.yaml", "--configs+=b.yaml", "--limit", "3"]


def test_a_single_first_parameter_takes_one_word():
    assert named(COMMANDS["sweep"], ["a.yaml", "--count", "2"]) == [
        *("--file", "a.yaml", "--count", "2")
    ]


def test_words_about_the_experiment_are_overrides():
    words = ["run", "--model.network.width", "0.5", "--data.store=x"]
    assert named(COMMANDS["predict"], words)[1:] == [
        '--overrides=["--model.network.width", "0.5", "--data.store=x"]'
    ]


def test_what_stands_behind_two_dashes_is_for_others():
    assert named(COMMANDS["sweep"], ["a.yaml", "--", "--x", "1"])[2:] == ['--extra=["--x", "1"]']
