import pytest
from optuna.distributions import FloatDistribution, IntDistribution

from arseg_lightning.sweep import read_sweep
from arseg_lightning.sweep.sweep_file import _checked_command
from tests.sweep.files import COMMAND, sweep_file

LOG = {"distribution": "log_uniform_values", "min": 1, "max": 3}


def test_a_file_is_read(tmp_path):
    metric = {"name": "val/miou", "goal": "maximize"}
    path = sweep_file(tmp_path, method="random", run_cap=5, metric=metric, name="mine")
    sweep = read_sweep(path)
    assert (sweep.path, sweep.method, sweep.count) == (path, "random", 5)
    assert (sweep.metric, sweep.maximize) == ("val/miou", True)
    assert sweep.command == tuple(COMMAND)
    assert [*sweep.spaces] == ["data.keyframe_interval", "model.init_args.resolution_ratio"]


def test_settings_imply_their_distribution_as_in_wandb(tmp_path):
    parameters = {
        "a": {"value": None},
        "b": {"values": [1, None]},
        "c": {"min": 1, "max": 3},
        "d": {"min": 1, "max": 3.0},
        "e": LOG,
        "f": {"distribution": "uniform", "min": 1, "max": 3},
    }
    spaces = read_sweep(sweep_file(tmp_path, method="random", parameters=parameters)).spaces
    assert spaces["a"].choices == ("null",)
    assert spaces["b"].choices == ("1", "null")
    assert spaces["c"] == IntDistribution(1, 3)
    assert spaces["d"] == spaces["f"] == FloatDistribution(1, 3)
    assert spaces["e"] == FloatDistribution(1, 3, log=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "hyperband"}, r"method is hyperband, but sweeps here are grid, random, bayes"),
        ({"method": None}, r"method is None, but sweeps here are"),
        ({"parameters": None}, r"sweep\.yaml is no sweep file: it has no parameters"),
        ({"early_terminate": {}}, r"early_terminate is not done here; take it away, or run the f"),
        ({"run_cap": 0}, r"run_cap is 0; give a whole number of at least 1"),
        ({"metric": {"name": "a", "goal": "up"}}, r"metric is .*; give what grid looks at: \{name"),
        ({"method": "bayes"}, r"metric is .*; give what bayes looks at: \{name: val/miou"),
        ({"metric": "val/miou"}, r"metric is val/miou; give what"),
        ({"command": None}, r"sweep\.yaml: command is None, but has to run fit, validate or"),
    ],
)
def test_what_is_no_sweep_is_refused_with_file_and_remedy(changes, message, tmp_path):
    with pytest.raises(ValueError, match=r"sweep\.yaml") as caught:
        read_sweep(sweep_file(tmp_path, **changes))
    assert caught.match(message)


@pytest.mark.parametrize(
    "settings",
    [
        3,
        {"min": 3},
        {"min": "low", "max": 2},
        {"min": True, "max": 2},
        {"min": 3, "max": 2},
        {"min": 1, "max": 2, "mean": 3},
        {"distribution": "int_uniform", "min": 1, "max": 2.5},
        LOG | {"min": 0},
        {"distribution": "q_normal", "mu": 1},
        {"values": []},
        {"values": 3},
        {"values": [1], "probabilities": [1]},
        {"parameters": {"a": {"value": 1}}},
    ],
)
def test_a_parameter_that_is_not_understood_is_refused_with_the_remedy(settings, tmp_path):
    rule = r"parameter a is .*; give `value: …`, `values: \[…\]`, or numbers min and max"
    with pytest.raises(ValueError, match=rule):
        read_sweep(sweep_file(tmp_path, method="random", parameters={"a": settings}))


def test_a_range_has_no_grid(tmp_path):
    with pytest.raises(ValueError, match=r"a is a range, .* needs `values`; .* method: random"):
        read_sweep(sweep_file(tmp_path, parameters={"a": {"min": 0, "max": 1}}))


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
        [*COMMAND[:4], "sweep", *COMMAND[5:]],
        COMMAND[:4],
        [*COMMAND, "${args}"],
        COMMAND[:-2],
        [*COMMAND[:-2], "--config=${args_json_file}"],
    ],
)
def test_another_command_is_refused_with_the_remedy(command):
    rule = (
        r"has to run fit, validate or test and take the values from --config \$\{args_json_file\}"
    )
    with pytest.raises(ValueError, match=rf"command is .*, but {rule} .* such as \["):
        _checked_command(command)
