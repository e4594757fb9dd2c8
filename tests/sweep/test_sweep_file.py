import pytest

from arseg_lightning.sweep import read_sweep
from arseg_lightning.sweep.sweep_file import _checked_command
from tests.sweep.files import COMMAND, sweep_file


def distributions(folder, parameters):
    sweep = read_sweep(sweep_file(folder, method="random", parameters=parameters))
    return {parameter.key: parameter.distribution for parameter in sweep.parameters}


def test_a_file_is_read(tmp_path):
    metric = {"name": "val/miou", "goal": "maximize"}
    path = sweep_file(tmp_path, method="random", run_cap=5, metric=metric, name="mine")
    sweep = read_sweep(path)
    assert (sweep.path, sweep.method, sweep.count) == (path, "random", 5)
    assert (sweep.metric, sweep.maximize) == ("val/miou", True)
    assert sweep.command == tuple(COMMAND)
    assert [parameter.key.split(".")[-1] for parameter in sweep.parameters] == [
        "keyframe_interval",
        "resolution_ratio",
    ]


def test_settings_imply_their_distribution_as_in_wandb(tmp_path):
    parameters = {
        "a": {"value": None},
        "b": {"values": [1, None]},
        "c": {"min": 1, "max": 3},
        "d": {"min": 1, "max": 3.0},
        "e": {"distribution": "log_uniform_values", "min": 1, "max": 3},
    }
    assert distributions(tmp_path, parameters) == {
        "a": "constant",
        "b": "categorical",
        "c": "int_uniform",
        "d": "uniform",
        "e": "log_uniform_values",
    }


def test_nested_parameters_are_those_of_dotted_keys(tmp_path):
    nested = {"model": {"parameters": {"init_args": {"parameters": {"a": {"value": 1}}}}}}
    assert distributions(tmp_path, nested | {"b.c": {"value": 2}}) == {
        "model.init_args.a": "constant",
        "b.c": "constant",
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "hyperband"}, r"method is hyperband, but sweeps here are grid, random, bayes"),
        ({"method": None}, r"method is None, but sweeps here are"),
        ({"parameters": None}, r"sweep\.yaml is no sweep file: it has no parameters"),
        ({"parameters": {}}, r"parameters is \{\}; give at least one, by its dotted key"),
        ({"parameters": {"a": 3}}, r"parameter a is 3; write `value: 3` or `values: \[…\]` below"),
        ({"parameters": {"a": {"min": 3}}}, r"a says nothing about its values; give value, val"),
        (
            {"parameters": {"a.b": {"value": 1}, "a": {"parameters": {"b": {"value": 2}}}}},
            r"parameter a\.b is given twice; keep one",
        ),
        ({"metods": "grid"}, r"metods is no key of a sweep file; use \['command', "),
        ({"run_cap": 0}, r"run_cap is 0; give a whole number of at least 1"),
        (
            {"metric": {"name": "a", "goal": "up"}},
            r"metric is .*; give a name, and minimize",
        ),
        ({"method": "bayes"}, r"bayes looks for the best metric; give metric: \{name: val/miou"),
        ({"metric": "val/miou"}, r"metric is val/miou; give a name, and"),
        ({"command": None}, r"sweep\.yaml: command is None, but has to run fit, validate or"),
    ],
)
def test_what_is_no_sweep_is_refused_with_file_and_remedy(changes, message, tmp_path):
    with pytest.raises(ValueError, match=r"sweep\.yaml") as caught:
        read_sweep(sweep_file(tmp_path, **changes))
    assert caught.match(message)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no sweep file .*; give one such as"):
        read_sweep(tmp_path / "sweep.yaml")


@pytest.mark.parametrize("content", [b"a: [", b"a: ${b", b"\xff\xfe\x00", b"a: 1\na: 2"])
def test_a_file_that_is_no_yaml_is_refused(content, tmp_path):
    (tmp_path / "sweep.yaml").write_bytes(content)
    with pytest.raises(ValueError, match=r"sweep\.yaml (cannot be read as YAML|is no sweep file)"):
        read_sweep(tmp_path / "sweep.yaml")


def test_the_programs_of_wandb_may_stand_before_ours():
    words = ["/usr/bin/env", "python", *COMMAND[2:]]
    assert _checked_command(words) == tuple(words)


@pytest.mark.parametrize(
    "command",
    [
        None,
        "python -m arseg_lightning fit",
        ["${env}", "python", "train.py", "${args}"],
        ["train.py", *COMMAND[2:]],
        [*COMMAND[:4], "sweep", *COMMAND[5:]],
        COMMAND[:4],
        [*COMMAND, "${args}"],
        COMMAND[:-2],
        [*COMMAND[:-2], "--config=${args_json_file}"],
    ],
)
def test_another_command_is_refused_with_the_remedy(command):
    rule = r"has to run fit, validate or test and take the values from \$\{args_json_file\}"
    with pytest.raises(ValueError, match=rf"command is .*, but {rule} .* such as \["):
        _checked_command(command)
