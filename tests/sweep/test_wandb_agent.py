"""The sweep files of the repository, as W&B's own agent runs them, without its server."""

import gc
from pathlib import Path

import pytest
import wandb
import yaml
from wandb import wandb_agent

from arseg_lightning.cli import main
from arseg_lightning.sweep import read_sweep
from arseg_lightning.sweep.points import choose_points, point_name

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(p for p in (ROOT / "experiments" / "sweeps").glob("*.yaml") if p.stem != "loggers")


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    """Gives the command line that the agent starts for a point of a sweep file."""
    started = []

    class Started:
        def __init__(self, command, **_):
            started.append(command)

    patch = pytest.MonkeyPatch()
    patch.chdir(ROOT)  # the commands' files are relative to the repository
    patch.setenv("WANDB_DIR", str(tmp_path_factory.mktemp("wandb")))
    for variable in ("WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH"):
        patch.setenv(variable, "")  # the agent sets them
    patch.setenv("WANDB_SWEEP_ID", "sweep")
    patch.setattr(wandb_agent, "AgentProcess", Started)

    def command_line(path, values):
        sweep = yaml.safe_load(path.read_text())
        agent = wandb_agent.Agent(api=None, queue=None, sweep_id="sweep")
        agent._sweep_command = sweep["command"]
        arguments = {key: {"value": value} for key, value in values.items()}
        order = {"type": "run", "run_id": "abc123", "program": sweep["program"]}
        agent._command_run(order | {"args": arguments})
        return started[-1]

    yield command_line
    patch.undo()
    wandb.teardown()  # it keeps the settings that it found in the environment
    gc.collect()  # it leaves the sweep's file open


def options(command):
    """What of the agent's command is for our command line."""
    assert command[:4] == ["/usr/bin/env", "python", "-m", "arseg_lightning"]
    return command[4:]


def parsed(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--print_config"])
    assert stop.value.code == 0
    return yaml.safe_load(capsys.readouterr().out)


def points(path):
    """Two points or more of a sweep, drawn at random where it searches."""
    sweep = read_sweep(path)
    return [
        sweep.values(drawn) for drawn in choose_points(sweep, None if sweep.count is None else 2)
    ]


def entry(config, key):
    for part in key.split("."):
        config = config[part]
    return config


def test_there_are_sweeps():
    assert len(FILES) == 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_agents_command_sets_the_points_values(path, agent, capsys):
    sweep = read_sweep(path)
    values = points(path)[0]
    config = parsed(options(agent(path, values)), capsys)
    assert {key: entry(config, key) for key in values} == values
    folder = point_name(sweep, values) if sweep.method == "grid" else "abc123"
    assert config["run_dir"] == f"runs/sweeps/{path.stem}/{folder}"
    assert config["trainer"]["logger"][1]["init_args"]["save_dir"] == config["run_dir"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_begins_with_the_commands_that_run_it(path):
    wandb, ours = path.read_text().splitlines()[:2]
    file = path.relative_to(ROOT)
    assert wandb.startswith(f"# wandb sweep {file}, then: wandb agent ID")
    assert ours == f"# python -m arseg_lightning sweep {file}"


def test_a_ratios_networks_are_tested_at_that_ratio(agent, capsys):
    path = FILES[0].with_name("interval_x_ratio.yaml")
    trained = read_sweep(path.with_name("resolution_ratio.yaml"))
    values = points(path)[1]
    ratio = {key: value for key, value in values.items() if key.endswith("ratio")}
    checkpoint = f"runs/sweeps/resolution_ratio/{point_name(trained, ratio)}/best.ckpt"
    assert parsed(options(agent(path, values)), capsys)["ckpt_path"] == checkpoint
    assert ratio in points(trained.path)
