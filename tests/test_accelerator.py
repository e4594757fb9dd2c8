"""Apple's GPU by name alone: none of this was run on one."""

import platform

import pytest
import torch
from lightning import Trainer
from lightning.fabric.accelerators import MPSAccelerator
from torch.utils._python_dispatch import TorchDispatchMode

from arseg_lightning.accelerator import choose_device, device_name, synchronize
from arseg_lightning.methods import EveryL
from arseg_lightning.metrics import confusion as measure
from arseg_lightning.metrics import mean_iou
from tests.streaming.made import segmenter, streamed
from tests.video.small_videos import write_video

CPU, MPS = torch.device("cpu"), torch.device("mps")


@pytest.fixture
def mac(monkeypatch):
    """A machine that says it has one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)


@pytest.mark.parametrize("name", ["auto", "mps"])
def test_apples_gpu_is_taken_where_there_is_one(mac, name):
    assert choose_device(name) == MPS
    assert choose_device("cpu") == CPU


def test_it_is_named_where_another_is_asked_for(mac):
    message = r"there is no cuda:1: this machine has mps \(Apple's GPU\); choose what there is"
    with pytest.raises(ValueError, match=message):
        choose_device("cuda:1")


def test_a_machine_without_it_says_so():
    with pytest.raises(ValueError, match="there is no mps: "):
        choose_device("mps")


def test_it_has_a_name():
    assert device_name(MPS) == f"mps ({platform.machine()})"


def test_a_cpu_is_not_waited_for():
    synchronize(CPU)
    assert device_name(CPU) == "cpu"


def test_lightnings_option_takes_it(mac, monkeypatch):
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    MPSAccelerator.is_available.cache_clear()
    try:
        trainer = Trainer(accelerator="mps", devices=1, logger=False)
    finally:
        MPSAccelerator.is_available.cache_clear()
    assert trainer.strategy.root_device.type == "mps"


class OfTypes(TorchDispatchMode):
    """Notes in what types operators answer."""

    def __init__(self):
        super().__init__()
        self.types = set()

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        answer = operator(*args, **(kwargs or {}))
        leaves = torch.utils._pytree.tree_leaves(answer)
        self.types |= {leaf.dtype for leaf in leaves if isinstance(leaf, torch.Tensor)}
        return answer


def test_a_stream_computes_in_no_type_that_it_lacks(tmp_path):
    session = segmenter(clock=EveryL(3)).session()
    with OfTypes() as seen:
        for frame in streamed(write_video(tmp_path / "clip.mp4", 5)):
            session.push(frame)
    assert torch.float32 in seen.types
    assert torch.float64 not in seen.types


def test_neither_does_a_mean_over_classes(monkeypatch):
    counts = torch.tensor([[6, 2], [1, 3]])
    exact = mean_iou(counts)
    monkeypatch.setattr(measure, "_LACK_FLOAT64", ("cpu",))
    found = mean_iou(counts)
    assert (exact.dtype, found.dtype) == (torch.float64, torch.float32)
    assert found.item() == pytest.approx(exact.item())
