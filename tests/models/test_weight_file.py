from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from arseg_lightning.models import read_checkpoint


def test_parallel_training_leaves_no_trace_in_names(tmp_path):
    torch.save({"module.a.weight": torch.ones(2)}, tmp_path / "x.pth")
    assert list(read_checkpoint(tmp_path / "x.pth")) == ["a.weight"]


def test_only_the_tensors_of_a_lightning_checkpoint_are_read(tmp_path):
    torch.save(
        {"epoch": 1, "state_dict": {"a": torch.ones(2), "note": "text"}}, tmp_path / "x.ckpt"
    )
    assert list(read_checkpoint(tmp_path / "x.ckpt")) == ["a"]


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "model", "net", "network"])
def test_the_weights_are_found_beside_the_epoch(wrapper, tmp_path):
    content = {"epoch": 1, "best_miou": torch.ones(()), wrapper: {"module.a": torch.ones(2)}}
    torch.save(content, tmp_path / "x.pth")
    assert list(read_checkpoint(tmp_path / "x.pth")) == ["a"]


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at nowhere\.ckpt; give the path"):
        read_checkpoint("nowhere.ckpt")


@pytest.mark.parametrize("content", [b"", b"hello world", b"\x80\x04broken"])
def test_another_kind_of_file_is_named(content, tmp_path):
    path = tmp_path / "odd.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"odd\.pth is damaged or no PyTorch checkpoint"):
        read_checkpoint(path)


def test_a_truncated_file_is_named(tmp_path):
    path = tmp_path / "half.pth"
    torch.save({"a": torch.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"half\.pth is damaged .* copy or download it again"):
        read_checkpoint(path)


class Intruder:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_act_is_refused_and_does_not(zipped, tmp_path):
    path, trace = tmp_path / "bad.pth", tmp_path / "trace"
    content = {"a": torch.ones(1), "b": Intruder(trace)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"bad\.pth .* may run code .* save it again"):
        read_checkpoint(path)
    assert not trace.exists()


def test_no_code_is_run_from_a_file(tmp_path):
    torch.save({"a": torch.ones(1), "b": Fraction(1, 2)}, tmp_path / "objects.pth")
    with pytest.raises(ValueError, match=r"holds objects beside tensors .* save it again"):
        read_checkpoint(tmp_path / "objects.pth")


@pytest.mark.parametrize(
    ("content", "found"), [([1, 2], "a list"), ({"epoch": 3}, r"a dictionary with \['epoch'\]")]
)
def test_a_file_without_weights_says_what_it_holds(content, found, tmp_path):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(ValueError, match=f"holds no weights: .* found {found}"):
        read_checkpoint(tmp_path / "x.pth")
