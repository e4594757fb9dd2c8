"""The kernel of CReFF reads the weights that the module has, whatever became of them."""

import copy
import io
import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn

from arseg_lightning import native
from arseg_lightning.inference import folded_creff
from arseg_lightning.inference.folded_creff import FoldedCReFF, FusedCReFF
from arseg_lightning.native.libraries import find_compiler, load_source
from arseg_lightning.propagation import CReFF, warp_to
from arseg_lightning.propagation.fusion import upsample

pytestmark = pytest.mark.skipif(
    native.load("fused_creff") is None, reason=f"no kernels in C here: {native.status()}"
)


SOURCE = Path(native.__file__).with_name("fused_creff.c")


def multiplies_bfloat16():
    """Whether the kernels' compiler and this processor know products in bfloat16."""
    if native.load("fused_creff") is None:
        return False
    ask = ("-march=native", "-dM", "-E", "-x", "c", "/dev/null")
    told = subprocess.run([*find_compiler()[0], *ask], capture_output=True, text=True, check=False)
    return "__AVX512BF16__" in told.stdout


MULTIPLIES_BFLOAT16 = multiplies_bfloat16()


def modules(seed=0, classes=5, **arguments):
    """The same in plain PyTorch and by the kernel, of the same weights."""
    torch.manual_seed(seed)
    fusion = CReFF(16, **({"window": 3} | arguments))
    classifier = nn.Conv2d(16, classes, 1)
    for parameter in fusion.parameters():
        nn.init.normal_(parameter, std=0.2)
    return [kind(fusion, classifier, "exact") for kind in (FoldedCReFF, FusedCReFF)]


@torch.inference_mode()
def run(module):
    generator = torch.Generator().manual_seed(1)
    low, key = (torch.randn(1, 16, *size, generator=generator) for size in ((6, 9), (12, 18)))
    return module(low, key, torch.randn(1, 2, 48, 72, generator=generator) * 4)


def test_moved_and_converted_it_reads_the_weights_of_then():
    folded, fused = modules()
    before = run(fused)
    fused.to(torch.bfloat16).float()  # shared with the folded one: rounded in both
    torch.testing.assert_close(run(fused), run(folded), rtol=1e-4, atol=1e-4)
    assert not run(fused).equal(before)


def test_loaded_weights_reach_the_kernel():
    folded, _ = modules(seed=1)
    _, fused = modules(seed=2)
    fused.load_state_dict(folded.state_dict())
    torch.testing.assert_close(run(fused), run(folded), rtol=1e-4, atol=1e-4)


def test_it_can_be_copied_and_saved():
    _, fused = modules()
    file = io.BytesIO()
    torch.save(copy.deepcopy(fused), file)
    file.seek(0)
    torch.testing.assert_close(run(torch.load(file, weights_only=False)), run(fused))


def test_written_weights_reach_the_kernel():
    folded, fused = modules()
    before = run(fused)
    with torch.no_grad():
        fused.value.weight.mul_(2)  # shared with the folded one
    torch.testing.assert_close(run(fused), run(folded), rtol=1e-4, atol=1e-4)
    assert not run(fused).equal(before)


def bfloat16_features():
    """Features that bfloat16 holds exactly, and motion."""
    generator = torch.Generator().manual_seed(1)
    low, key = (torch.randn(1, 16, *size, generator=generator) for size in ((12, 18), (24, 36)))
    return low.bfloat16(), key.bfloat16(), torch.randn(1, 2, 24, 36, generator=generator) * 2


@torch.inference_mode()
def errors(folded, fused):
    """Of the kernel on features in bfloat16: the largest, and what rounding explains.

    Queries and keys of 8 bits err by 2^-9 of themselves each at most, by half of that mostly, and
    the errors of C channels are independent. So a logit errs by delta = 2^-9 |q| |k| / sqrt(C), a
    weight by a factor of exp(2 delta), an average by (exp(2 delta) - 1) of the greatest value.
    """
    low, key, motion = bfloat16_features()
    error = (fused(low, key, motion) - folded(low.float(), key.float(), motion)).abs().max()
    warped = warp_to(key.float(), motion, "exact")
    query, keys = folded.query(upsample(low.float(), warped)), folded.key(warped)
    delta = 2**-9 * float(query.norm(dim=1).max() * keys.norm(dim=1).max()) / 16**0.5
    values = folded.value_classifier(folded.value(warped)).abs().max()
    return float(error), float((torch.tensor(2 * delta).exp() - 1) * values)


# Without the low-res branch's own scores, which PyTorch would compute, in bfloat16 too.
WITHOUT_LOW = {"direct_connection": False}


@pytest.mark.parametrize("window", [3, 7])
@pytest.mark.parametrize("classes", [2, 5, 8])  # fewer than are computed at once, more, twice
def test_bfloat16_errs_by_its_rounding(window, classes):
    error, allowed = errors(*modules(classes=classes, window=window, **WITHOUT_LOW))
    assert error <= (allowed if MULTIPLIES_BFLOAT16 else 1e-4)
    assert (error > 1e-4) == MULTIPLIES_BFLOAT16  # so that this tests what it says


@pytest.mark.slow
@pytest.mark.skipif(not MULTIPLIES_BFLOAT16, reason="no AVX512-BF16 here: all adds up in float32")
def test_processors_that_do_not_multiply_bfloat16_add_up_in_float32(monkeypatch):
    monkeypatch.setenv("CC", "cc -mno-avx512bf16")
    plain = load_source(SOURCE)
    if plain.library is None:
        pytest.skip(f"another processor's kernels cannot be compiled here: {plain.origin}")
    monkeypatch.setattr(folded_creff, "load", lambda name: plain.library)
    error, _ = errors(*modules(**WITHOUT_LOW))
    assert error <= 1e-4


@torch.inference_mode()
def test_labels_in_bfloat16_are_those_of_float32():
    """On a scene of blocks, as features of a trained network are: apart, but for the edges."""
    folded, fused = modules()
    generator = torch.Generator().manual_seed(2)
    scene = torch.randn(1, 16, 6, 9, generator=generator).repeat_interleave(8, 2)
    key = scene.repeat_interleave(8, 3)
    low, motion = key[..., ::2, ::2].bfloat16(), torch.full((1, 2, 48, 72), 1.5)
    expected = folded(low.float(), key.bfloat16().float(), motion).argmax(1)
    fused.to(torch.bfloat16)
    got = fused(low, key.bfloat16(), motion).argmax(1)
    assert float((got == expected).float().mean()) > 0.99
