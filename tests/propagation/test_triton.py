import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.nn import functional as F

from arseg_lightning.propagation import window_attention
from arseg_lightning.propagation.tiled_attention import TiledAttention
from tests.propagation.triton_cases import CASES, Case, compute

# The module's name is also the function's.
choice = importlib.import_module("arseg_lightning.propagation.window_attention")

REPOSITORY = Path(__file__).resolve().parents[2]
TOLERANCE = {torch.float32: 3e-6, torch.bfloat16: 2**-7, torch.float16: 2**-10}
"""Of the largest number, or of one: some roundings, or one of the result (the interpreter cuts
off what bfloat16 has no place for)."""
GPU_TOLERANCE = {torch.float32: 2e-5, torch.bfloat16: 2**-7, torch.float16: 2**-9}
"""There the backward pass may add a logit up in another order than the forward pass."""

needs_triton = pytest.mark.skipif(
    not choice._HAS_TRITON, reason="triton is not installed (Linux x86_64: pip install triton)"
)
on_gpu = pytest.mark.gpu
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory):
    """Results of all cases by name, from Triton's interpreter."""
    file = tmp_path_factory.mktemp("triton") / "results.pt"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.propagation.triton_cases", str(file)],
        env={**os.environ, "TRITON_INTERPRET": "1", "ARSEG_LIGHTNING_NATIVE": "0"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return torch.load(file)


def reference(case: Case):
    """The definition, with every window copied out, in float64."""
    (query, key, value), grad = case.inputs(dtype=torch.float64)
    batch, _, height, width = query.shape
    window, margin = case.window, case.window // 2

    def windows(picture):
        unfolded = F.unfold(picture, window, padding=margin)
        return unfolded.view(batch, picture.shape[1], window**2, height * width)

    logits = (query.flatten(2)[:, :, None] * windows(key)).sum(1)
    if case.prior_sigma is not None:
        offset = torch.arange(window) - margin
        squared = (offset[:, None] ** 2 + offset**2).flatten()
        logits = logits - squared[:, None] / (2 * case.prior_sigma**2)
    if not case.zero_padding:
        inside = windows(torch.ones_like(query[:, :1])).squeeze(1)
        logits = logits.masked_fill(inside == 0, float("-inf"))
    output = (logits.softmax(1)[:, None] * windows(value)).sum(2).view_as(value)
    return output.detach(), *torch.autograd.grad(output, (query, key, value), grad)


def assert_right(results, case, tolerance=TOLERANCE):
    """Equal to the definition and to the other implementation, but for rounding."""
    assert {part.dtype for part in results} == {case.dtype}
    for expected in (reference(case), compute(case, implementation="torch")):
        for part, other in zip(results, expected, strict=True):
            error = (part.double() - other.double()).abs().max()
            assert error <= tolerance[case.dtype] * max(other.abs().max(), 1)


@needs_triton
@by_name
def test_kernels_compute_the_definition_and_its_gradients(interpreted, case):
    assert_right(interpreted[case.name], case)


@on_gpu
@needs_gpu
@needs_triton
@by_name
def test_kernels_on_a_gpu_compute_the_definition_and_its_gradients(case):
    assert_right(compute(case, "cuda"), case, GPU_TOLERANCE)


@on_gpu
@needs_gpu
@needs_triton
@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize(("channels", "values"), [(64, 64), (64, 12), (256, 256)])
def test_kernels_on_a_gpu_agree_with_pytorch_at_full_size(channels, values, layout, dtype):
    case = Case("", (2, channels, values, 45, 61), 7, dtype=dtype, layout=layout)
    assert_right(compute(case, "cuda"), case, GPU_TOLERANCE)


@on_gpu
@needs_gpu
@needs_triton
def test_the_same_call_gives_the_same_gradients_bit_by_bit():
    case = Case("", (2, 64, 12, 40, 70), 7)
    assert all(map(torch.equal, compute(case, "cuda"), compute(case, "cuda")))


@on_gpu
@needs_gpu
@needs_triton
def test_pictures_may_have_more_elements_than_32_bits_count():
    channels, height, width = 64, 2**12 + 3, 2**13
    if torch.cuda.mem_get_info()[0] < 5 * channels * height * width * 2:
        pytest.skip("too little memory on the GPU: 22 GB are needed")
    picture = torch.zeros(1, channels, height, width, dtype=torch.bfloat16, device="cuda")
    picture[:, -2:, -8:] = torch.randn(1, 2, 8, width, device="cuda", dtype=torch.bfloat16)
    end = picture[:, :, -8:].clone()
    found = window_attention(picture, picture, picture, 7, implementation="triton")
    expected = window_attention(end, end, end, 7, implementation="torch")
    torch.testing.assert_close(found[:, :, -5:], expected[:, :, -5:], rtol=2e-2, atol=2e-2)


@needs_triton
@pytest.mark.parametrize(
    ("ones", "dtype"),
    [
        ((), "fp32"),
        ((), "bf16"),
        (("height", "width", "channels"), "fp16"),
    ],
    ids=["float32", "bfloat16", "one_pixel"],
)
@pytest.mark.slow
def test_kernels_compile_for_a_gpu_where_there_is_none(ones, dtype, tmp_path, monkeypatch):
    """The interpreter takes what the compiler refuses; arguments that are one become constants."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    from arseg_lightning.propagation import triton_attention

    query, value = (torch.empty(1, count, 9, 9, device="meta") for count in (20, 12))
    _, sizes = triton_attention.divide(query, value, 2048)
    constants = {**sizes, "window": 7, "zero_padding": False}
    for kernel in (
        triton_attention._attend,
        triton_attention._query_gradient,
        triton_attention._key_value_gradients,
    ):
        compiled = compile_for_gpu(kernel, constants, ones, dtype)
        assert "ld.global" in compiled.asm["ptx"]
        assert compiled.metadata.shared < 48 * 1024


def compile_for_gpu(kernel, constants, ones, dtype):
    """Compile as a call would whose tensors have such a type and such arguments that are one."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    constants = {name: constants[name] for name in constants if name in kernel.arg_names}
    constants |= {name: 1 for name in kernel.arg_names if name.endswith(ones)}
    signature = {
        name: "constexpr" if name in constants else signature_of(name, dtype)
        for name in kernel.arg_names
    }
    source = ASTSource(kernel, signature, constants)
    options = {"enable_fp_fusion": True, "num_warps": 4}
    return triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)


def signature_of(name, dtype):
    if name.endswith(("highest", "total", "slope")):
        return "*fp32"
    if name == "steepness":
        return "fp32"
    return "i32" if name in ("height", "width", "channels", "value_channels") else f"*{dtype}"


@pytest.mark.parametrize(
    ("device", "dtype", "environment", "expected"),
    [
        ("cuda", torch.float32, "", "TritonAttention"),
        ("cuda", torch.bfloat16, "1", "TritonAttention"),
        ("cuda", torch.float32, "0", "TiledAttention"),
        ("cuda", torch.float64, "", "TiledAttention"),
        ("cpu", torch.float32, "", "TiledAttention"),
        ("meta", torch.float32, "", "TiledAttention"),
    ],
)
@needs_triton
def test_kernels_are_chosen_where_they_can_run(device, dtype, environment, expected, monkeypatch):
    monkeypatch.setenv("ARSEG_LIGHTNING_NATIVE", environment)
    with FakeTensorMode():  # a tensor of a device that need not be there
        query = torch.empty(1, 2, 4, 4, device=device, dtype=dtype)
        assert choice._implementation(query, "auto").__name__ == expected


def test_pytorch_is_chosen_where_triton_is_not_installed(monkeypatch):
    monkeypatch.setattr(choice, "_HAS_TRITON", False)
    with FakeTensorMode():
        query = torch.empty(1, 2, 4, 4, device="cuda")
        assert choice._implementation(query, "auto") is TiledAttention
    with pytest.raises(RuntimeError, match=r"'triton' cannot be had: it is not installed; .*pip"):
        window_attention(*torch.randn(3, 1, 2, 4, 4), 3, implementation="triton")


@needs_triton
def test_a_demand_for_kernels_that_cannot_run_is_refused(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    inputs = torch.randn(3, 1, 2, 4, 4)
    with pytest.raises(RuntimeError, match=r"run on a GPU, and the tensors are on cpu; .*'auto'"):
        window_attention(*inputs, 3, implementation="triton")
    with pytest.raises(RuntimeError, match=r"float32, bfloat16 and float16, got torch\.float64"):
        window_attention(*inputs.double(), 3, implementation="triton")


def test_an_unknown_implementation_is_refused():
    with pytest.raises(ValueError, match=r"auto, torch or triton; got 'cudnn'"):
        window_attention(*torch.randn(3, 1, 2, 4, 4), 3, implementation="cudnn")
