"""Weights of flow networks, from an experiment's configuration."""

from __future__ import annotations

import pytest
import torch
import yaml

from arseg_lightning.cli import main
from arseg_lightning.messages import plain_message
from arseg_lightning.methods import DFF
from arseg_lightning.propagation.flow import FlowNetS
from arseg_lightning.tasks.experiment import Experiment
from arseg_lightning.tasks.weights import build_compared, load_weights
from tests.propagation.flow.test_flow import published
from tests.streaming.made import VIDEOS
from tests.test_failure import caught
from tests.tiny import TinyNet


@pytest.fixture
def trained(tmp_path):
    """A flow network, and its file in the published format."""
    network = FlowNetS(0.125)
    torch.nn.init.normal_(network.last.weight)
    torch.save(published(network), tmp_path / "flow.pth")
    return network


def experiment(folder, file="flow.pth"):
    """The configuration of DFF whose flow network starts from a file."""
    flow = {"class_path": "FlowNetS", "init_args": {"width": 0.125, "weights": f"{folder}/{file}"}}
    method = {"network": {"class_path": "tests.tiny.TinyNet"}, "flow": flow}
    model = {"method": {"class_path": "DFF", "init_args": method}}
    content = {
        "run_dir": f"{folder}/run",
        "data": {"train": VIDEOS, "store": f"{folder}/store"},
        "model": {"class_path": "VideoTask", "init_args": model},
    }
    (folder / "dff.yaml").write_text(yaml.safe_dump(content))
    return folder / "dff.yaml"


def same(one, other):
    return all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


def test_a_file_brings_all_that_a_flow_network_has(trained, tmp_path):
    task = Experiment([experiment(tmp_path)], weights=True).task
    assert same(task.method.flow, trained)
    assert task.untrained == ("network",)


@pytest.mark.parametrize("command", ["fit", "compare"])
def test_a_missing_file_is_named(tmp_path, command):
    file = experiment(tmp_path, "gone.pth")
    message = plain_message(caught(main, [command, "--config", str(file)]))
    assert message.startswith(f"no checkpoint at {tmp_path}/gone.pth; give the path of a .ckpt")


def test_where_a_checkpoint_or_no_weight_is_wanted_no_file_is_read(trained, tmp_path):
    state = {"state_dict": Experiment([experiment(tmp_path)], weights=True).task.state_dict()}
    torch.save(state, tmp_path / "last.ckpt")
    file = experiment(tmp_path, "gone.pth")
    assert Experiment([file]).task.method.flow.last.weight.is_meta
    task = Experiment([file], weights=True, checkpoint=tmp_path / "last.ckpt").task
    assert same(task.method.flow, trained)


def test_a_flow_network_is_a_part_with_weights_like_others(trained, tmp_path):
    method = DFF(11, TinyNet, flow=lambda: FlowNetS(0.125))
    assert load_weights(method, {"flow": str(tmp_path / "flow.pth")}) == ("network",)
    assert same(method.flow, trained)


def test_a_compared_method_may_bring_its_flow_network(trained, tmp_path):
    own = DFF(11, TinyNet)

    def with_flow(num_classes):
        return DFF(num_classes, TinyNet, flow=lambda: FlowNetS(0.125, f"{tmp_path}/flow.pth"))

    compared = build_compared(own, {"flow": with_flow}, {}, 11)["flow"]
    assert compared.network is own.network
    assert same(compared.flow, trained)
