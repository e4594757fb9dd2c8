"""A kernel in C takes a part's place on the CPU, in a precision that it computes in."""

import pytest
import torch
from torch import nn

from arseg_lightning import native
from arseg_lightning.inference import Optimisations


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_kernel_is_used_where_it_is_there(device, precision):
    part = nn.Linear(1, 1, device=device)
    is_there = native.load("fused_creff") is not None
    assert Optimisations(precision=precision).may_use("fused_creff", part) == is_there


def test_no_kernel_computes_in_half_precision():
    part, optimisations = nn.Linear(1, 1), Optimisations(precision="float16")
    assert not optimisations.may_use("fused_creff", part)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.gpu
def test_no_kernel_takes_the_place_of_a_part_on_a_gpu():
    assert not Optimisations().may_use("fused_creff", nn.Linear(1, 1, device="cuda"))
