"""What a command takes without a name is in its help; what a number means does not change."""

import typing
from pathlib import Path

import pytest
from jsonargparse import auto_cli
from lightning import Trainer

from arseg_lightning.cli import main
from arseg_lightning.commands import COMMANDS
from arseg_lightning.commands.arguments import named, read_counts_first, run_command, usage
from arseg_lightning.messages import CommandError

USAGES = {
    "bench": "[CASE ...] [options]",
    "clicks": "OUT --classes CLASSES [options]",
    "compare": "[CONFIG ...] [options]",
    "cost": "CONFIG ... [options]",
    "check-data": "CONFIG ... [options]",
    "demo": "[RUN ...] [options]",
    "encode": "SOURCE --output OUTPUT [options]",
    "examples": "[OUT] [options]",
    "export": "CONFIG ... --output OUTPUT [options]",
    "labels": "SOURCE --out OUT [options]",
    "motion": "VIDEO --labels LABELS [options]",
    "predict": "[CONFIG ...] --video VIDEO --output OUTPUT [options]",
    "prepare": "[CONFIG ...] [options]",
    "push": "RUN --to TO [options]",
    "report": "RUN ... [options]",
    "show-motion": "VIDEO --output OUTPUT [options]",
    "sweep": "FILE [options] [-- EXTRA ...]",
    "vectors": "VIDEO --out OUT [options]",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_usage_names_what_comes_without_a_name_and_what_is_required(name):
    assert usage(name, COMMANDS[name]) == f"python -m arseg_lightning {name} {USAGES[name]}"


def test_help_begins_with_the_usage(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["predict", "--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith(f"usage: python -m arseg_lightning predict {USAGES['predict']}")


def test_what_is_missing_is_named_with_the_command_that_helps():
    with pytest.raises(CommandError, match="predict needs --video and --output") as refused:
        main(["predict", "run"])
    assert "python -m arseg_lightning predict --help" in str(refused.value)


def check(data: str, all: bool = False, classes: str = ""):
    return data, all, classes


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["all", "--all"], ("all", True, "")),
        (["x", "--all", "--classes", "y"], ("x", True, "y")),
        (["x", "--all", "false"], ("x", False, "")),
    ],
)
def test_a_flag_needs_no_value(words, values):
    assert run_command("check", check, words) == values


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


def test_what_follows_two_dashes_is_for_others():
    assert named(COMMANDS["sweep"], ["a.yaml", "--", "--x", "1"])[2:] == ['--extra=["--x", "1"]']


def shares_first():
    """The type ``Union[float, int, None]``; written down as such it may come out otherwise."""
    return typing._UnionGenericAlias(typing.Union, (float, int, type(None)))


@pytest.mark.parametrize("hint", [shares_first(), float | int | None], ids=["Union", "|"])
def test_a_count_is_no_share(hint):
    def trainer(batches: hint = None, share: float = 1.0, name: str | None = None):
        return batches

    before = dict(trainer.__annotations__)
    read_counts_first(trainer)
    assert typing.get_args(trainer.__annotations__["batches"]) == (int, float, type(None))
    assert {**trainer.__annotations__, "batches": hint} == before
    for text, value in (("1", 1), ("1.0", 1.0), ("null", None)):
        read = auto_cli(trainer, args=[f"--batches={text}"])
        assert (read, type(read)) == (value, type(value))


def test_one_batch_is_not_all_of_them(monkeypatch, capsys):
    monkeypatch.setitem(Trainer.__init__.__annotations__, "limit_train_batches", shares_first())
    root = Path(__file__).resolve().parents[2]
    flags = ["--config", str(root / "experiments" / "quickstart.yaml"), "--print_config"]
    with pytest.raises(SystemExit):
        main(["fit", *flags, "--trainer.limit_train_batches", "1"])
    assert "limit_train_batches: 1\n" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["predict", "bench", "cost", "prepare", "export"])
def test_help_shows_lists_as_they_are_typed(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = capsys.readouterr().out
    assert "--configs" not in text
    assert "s+ " not in text
    assert text.count("\n  --config ") == 1


def test_help_names_only_networks_that_can_be_chosen(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--model.help", "PerFrameTask"])
    text = capsys.readouterr().out
    assert "BiSeNet18" in text
    assert "InferenceNetwork" not in text
