"""Devices: a GPU that is not there is named with what is."""

import pytest
import torch

from arseg_lightning.accelerator import choose_device


def test_auto_is_what_there_is():
    assert choose_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_a_missing_gpu_is_named_with_what_there_is(name):
    with pytest.raises(
        ValueError, match=f"there is no {name}: PyTorch .* finds no GPU; choose what"
    ):
        choose_device(name)


def test_one_gpu_too_many_is_named_with_those_there_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "H200")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    message = r"there is no cuda:2: this machine has cuda:0 \(H200\), cuda:1 \(H200\); choose what"
    with pytest.raises(ValueError, match=message):
        choose_device("cuda:2")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "1", "CUDA"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(
        ValueError, match=f"a device is auto, cpu, cuda, cuda:N or mps, got '{name}'"
    ):
        choose_device(name)
