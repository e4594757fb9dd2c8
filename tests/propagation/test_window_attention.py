import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from arseg_lightning.cost import count_macs
from arseg_lightning.propagation import WindowAttention, window_attention
from arseg_lightning.propagation.window_attention import TILE, bands
from benchmarks.window_attention import unfold_attention

CASES = [  # (B, C, H, W), window
    ((1, 3, 1, 1), 1),
    ((2, 5, 7, 9), 3),
    ((1, 4, 17, 23), 7),
    ((2, 3, 9, 33), 11),
    ((3, 2, 8, 1), 5),
    ((1, 2, 20, 20), 19),
    ((70, 2, 9, 3), 3),
]


def three(shape, dtype=torch.float32, requires_grad=False):
    return [torch.randn(shape, dtype=dtype, requires_grad=requires_grad) for _ in range(3)]


class LargestTensor(TorchDispatchMode):
    """Notes the number of elements of the largest tensor that any operation returns."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        output = func(*args, **(kwargs or {}))
        if isinstance(output, torch.Tensor):
            self.elements = max(self.elements, output.untyped_storage().nbytes() // 4)
        return output


@pytest.mark.parametrize(("shape", "window"), CASES)
@pytest.mark.parametrize("zero_padding", [True, False])
def test_it_is_what_unfold_computes_forward_and_backward(shape, window, zero_padding):
    inputs = three(shape, torch.float64, requires_grad=True)
    came = torch.randn(shape, dtype=torch.float64)
    results = []
    for attention in (window_attention, unfold_attention):
        output = attention(*inputs, window, zero_padding)
        results.append((output, *torch.autograd.grad(output, inputs, came)))
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("channels", [1, 12])
@pytest.mark.parametrize("zero_padding", [True, False])
def test_values_may_have_channels_of_their_own(channels, zero_padding):
    query, key, _ = inputs = three((2, 4, 11, 17), torch.float64, requires_grad=True)
    inputs[2] = value = torch.randn(2, channels, 11, 17, dtype=torch.float64, requires_grad=True)
    came = torch.randn_like(value)
    results = []
    for attention in (window_attention, unfold_attention):
        output = attention(query, key, value, 5, zero_padding)
        results.append((output, *torch.autograd.grad(output, inputs, came)))
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("zero_padding", [True, False])
def test_gradients_are_derivatives(zero_padding):
    inputs = three((1, 2, 5, 9), torch.float64, requires_grad=True)

    def attention(*parts):
        return window_attention(*parts, 3, zero_padding)

    assert torch.autograd.gradcheck(attention, inputs, fast_mode=True)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_short_types_are_computed_in_float32(dtype, tolerance):
    """Only inputs and results are rounded, also where logits are large."""
    inputs = [part.to(dtype) for part in three((1, 64, 12, 20))]
    output = window_attention(*inputs, 7)
    expected = unfold_attention(*[part.double() for part in inputs], 7)
    assert output.dtype == dtype
    torch.testing.assert_close(output.double(), expected, rtol=tolerance, atol=tolerance)


def test_autocast_changes_nothing():
    inputs = three((1, 8, 12, 20), requires_grad=True)
    plain = window_attention(*inputs, 5)
    with torch.autocast("cpu", torch.bfloat16):
        output = window_attention(*inputs, 5)
    gradients = torch.autograd.grad(output.sum(), inputs)
    assert torch.equal(output, plain)
    assert all(map(torch.equal, gradients, torch.autograd.grad(plain.sum(), inputs)))


def test_memory_layout_does_not_matter():
    inputs = three((2, 6, 10, 14))
    expected = window_attention(*inputs, 5)
    channels_last = [part.contiguous(memory_format=torch.channels_last) for part in inputs]
    transposed = [part.mT.contiguous().mT for part in inputs]
    torch.testing.assert_close(window_attention(*channels_last, 5), expected)
    torch.testing.assert_close(window_attention(*transposed, 5), expected)


def test_no_tensor_grows_with_window_times_channels_times_pixels():
    channels, size, window = 64, (96, 104), 7
    inputs = three((1, channels, *size), requires_grad=True)
    with LargestTensor() as largest:
        window_attention(*inputs, window).sum().backward()
    assert largest.elements < 2 * inputs[0].numel()
    assert window**2 * inputs[0].numel() > 20 * largest.elements


def test_large_images_are_not_written_out_in_more_steps_than_32():
    for height, width in ((360, 480), (1024, 2048), (4000, 6)):
        steps = list(bands(torch.Size((1, 1, height, width)), 3))
        assert len(steps) <= 32
        assert [row for rows, _, _ in steps for row in range(height)[rows]] == [*range(height)]


def test_nothing_is_kept_for_a_gradient_that_nobody_wants():
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda part: part), torch.no_grad():
        output = window_attention(*three((1, 2, 9, 9), requires_grad=True), 3)
    assert not output.requires_grad
    assert not kept


def test_a_window_of_one_returns_the_value():
    query, key, value = three((2, 3, 11, 6))
    torch.testing.assert_close(window_attention(query, key, value, 1), value)


@pytest.mark.parametrize("zero_padding", [True, False])
def test_a_query_of_zero_takes_the_mean_of_its_window(zero_padding):
    _, key, value = three((1, 3, 12, 15))
    output = window_attention(torch.zeros_like(value), key, value, 5, zero_padding)
    mean = torch.nn.functional.avg_pool2d(value, 5, 1, 2, count_include_pad=zero_padding)
    torch.testing.assert_close(output, mean)


def test_what_lies_outside_the_window_has_no_influence():
    query, key, value = three((1, 2, 3 * TILE, 3 * TILE))
    far_key, far_value = key.clone(), value.clone()
    far_key[..., :, 15:] += 100
    far_value[..., :, 15:] += 100
    before = window_attention(query, key, value, 7)
    after = window_attention(query, far_key, far_value, 7)
    torch.testing.assert_close(after[..., :12], before[..., :12])
    assert not torch.allclose(after[..., 12], before[..., 12])


def test_shapes_go_through_without_numbers():
    inputs = [part.to("meta") for part in three((1, 4, 33, 20))]
    assert WindowAttention(7)(*inputs).shape == (1, 4, 33, 20)


def test_cost_is_two_products_a_window_place():
    """One image of 64 channels at 720x960, k = 7: 4.3352 GMACs in the paper's accounting."""
    output = torch.empty(1, 64, 720, 960, device="meta")
    assert WindowAttention(7).macs(output, output) == pytest.approx(4.3352e9, rel=1e-4)


def test_cost_is_counted_by_the_channels_of_keys_and_values():
    query, value = torch.empty(1, 64, 6, 8), torch.empty(1, 12, 6, 8)
    assert count_macs(WindowAttention(5), query, query, value) == 25 * (64 + 12) * 6 * 8


@pytest.mark.parametrize("window", [0, 4, -3])
def test_a_window_without_a_centre_is_refused(window):
    with pytest.raises(ValueError, match=f"odd; got window={window}"):
        WindowAttention(window)
    with pytest.raises(ValueError, match=f"odd; got window={window}"):
        window_attention(*three((1, 1, 4, 4)), window)


def test_unequal_shapes_are_refused():
    query, key, _ = three((1, 2, 6, 6))
    with pytest.raises(ValueError, match=r"same grid; got .*, \(1, 2, 6, 5\)"):
        window_attention(query, key, key[..., :5], 3)
    with pytest.raises(ValueError, match=r"one shape.*got \(1, 2, 6, 6\), \(1, 1, 6, 6\)"):
        window_attention(query, key[:, :1], key, 3)
    with pytest.raises(ValueError, match=r"got \(2, 6, 6\)"):
        window_attention(query[0], key[0], key[0], 3)


@pytest.mark.parametrize("zero_padding", [True, False])
def test_a_prior_takes_the_squared_distance_off_the_logits(zero_padding):
    """Positions as three more channels give the same: -r^2 is a product of query and key."""
    query, key, value = three((1, 3, 9, 12), torch.float64)
    y, x = torch.meshgrid(torch.arange(9.0), torch.arange(12.0), indexing="ij")
    square, one = (x**2 + y**2)[None, None].double(), torch.ones(1, 1, 9, 12).double()
    place = torch.stack([x, y])[None].double()
    steep = 1 / (2 * 0.8**2)
    more_query = torch.cat([query, 2 * steep * place, -steep * square, -steep * one], dim=1)
    more_key = torch.cat([key, place, one, square], dim=1)
    more_value = torch.cat([value, torch.zeros(1, 4, 9, 12).double()], dim=1)
    expected = window_attention(more_query, more_key, more_value, 5, zero_padding)[:, :3]
    found = window_attention(query, key, value, 5, zero_padding, prior_sigma=0.8)
    inner = (..., slice(2, -2), slice(2, -2)) if zero_padding else ...
    torch.testing.assert_close(found[inner], expected[inner])


def test_the_narrowest_prior_looks_at_one_place_and_the_widest_is_none():
    query, key, value = three((1, 3, 9, 12))
    torch.testing.assert_close(window_attention(query, key, value, 7, prior_sigma=0.01), value)
    wide = window_attention(query, key, value, 7, prior_sigma=1e4)
    torch.testing.assert_close(wide, window_attention(query, key, value, 7))


def test_gradients_with_a_prior_are_derivatives():
    inputs = three((1, 2, 5, 9), torch.float64, requires_grad=True)

    def attention(*parts):
        return window_attention(*parts, 3, prior_sigma=0.7)

    assert torch.autograd.gradcheck(attention, inputs, fast_mode=True)


def test_a_prior_without_width_is_refused():
    with pytest.raises(ValueError, match=r"positive, or null; got 0\.0"):
        WindowAttention(7, prior_sigma=0.0)
