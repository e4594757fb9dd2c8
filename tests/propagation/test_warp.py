import pytest
import torch

from arseg_lightning.geometry import resize
from arseg_lightning.propagation import invert_motion, motion_to_grid, warp

SIZES = [(1, 1), (1, 5), (7, 13), (45, 60), (72, 90)]


def constant_motion(size, x, y):
    return torch.tensor([float(x), float(y)])[None, :, None, None].expand(1, 2, *size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_zero_motion_is_the_identity_bit_for_bit(size, dtype):
    feature = torch.randn(2, 3, *size).to(dtype)
    warped = warp(feature, torch.zeros(2, 2, *size))
    assert warped.dtype == dtype
    assert torch.equal(warped, feature)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shift", [(3, -2), (-1, 4), (100, 100)])
def test_whole_pixels_are_fetched_exactly_and_the_border_goes_on_outside(size, shift):
    feature = torch.randn(1, 3, *size)
    rows = (torch.arange(size[0]) + shift[1]).clamp(0, size[0] - 1)
    columns = (torch.arange(size[1]) + shift[0]).clamp(0, size[1] - 1)
    warped = warp(feature, constant_motion(size, *shift))
    assert torch.equal(warped, feature[:, :, rows][:, :, :, columns])


def test_between_pixels_the_value_is_bilinear():
    feature = torch.tensor([[0.0, 8.0], [16.0, 40.0]])[None, None]
    warped = warp(feature, constant_motion((2, 2), 0.25, 0.5))
    assert warped[0, 0, 0, 0] == 0.75 * (0 + 16) / 2 + 0.25 * (8 + 40) / 2


def test_each_pixel_follows_its_own_motion():
    feature = torch.arange(12.0).reshape(1, 1, 3, 4)
    motion = torch.zeros(1, 2, 3, 4)
    motion[0, :, 0, 0] = torch.tensor([3.0, 2.0])
    expected = feature.clone()
    expected[0, 0, 0, 0] = feature[0, 0, 2, 3]
    assert torch.equal(warp(feature, motion), expected)


def test_the_published_sampling_is_not_the_identity():
    """Its corner keeps a quarter of the value, as it fetches from half a pixel outside."""
    feature = torch.ones(1, 1, 90, 120)
    warped = warp(feature, torch.zeros(1, 2, 90, 120), convention="paper")
    assert warped[0, 0, 0, 0] == pytest.approx(0.25, abs=1e-4)
    assert warped[0, 0, 45, 60] == pytest.approx(1.0)


def test_gradients_reach_feature_and_motion():
    feature = torch.randn(1, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    # Away from whole pixels, where the derivative for the motion jumps.
    motion = (torch.rand(1, 2, 5, 6, dtype=torch.float64) * 0.8 + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(warp, (feature, motion))


def test_motion_on_another_grid_is_refused():
    with pytest.raises(ValueError, match="motion_to_grid"):
        warp(torch.zeros(1, 3, 9, 12), torch.zeros(1, 2, 72, 96))


@pytest.mark.parametrize(("convention", "scale"), [("exact", (0.25, 0.5)), ("paper", (0.5, 0.5))])
def test_motion_shrinks_with_its_grid(convention, scale):
    """The right factor is each axis's own; the published code takes the height's for both."""
    motion = motion_to_grid(constant_motion((24, 32), 8, -4), (12, 8), convention)
    expected = constant_motion((12, 8), 8 * scale[0], -4 * scale[1])
    torch.testing.assert_close(motion, expected)


@pytest.mark.parametrize("convention", ["exact", "paper"])
def test_motion_that_is_on_the_grid_stays(convention):
    motion = torch.randn(2, 2, 9, 11)
    torch.testing.assert_close(motion_to_grid(motion, (9, 11), convention), motion)


def test_warping_a_small_feature_is_the_warp_of_the_picture_made_small():
    """A shift of two strides in the picture is one of two pixels in the feature."""
    picture = torch.randn(1, 3, 64, 96)
    motion = constant_motion((64, 96), 16, -8)
    feature = resize(picture, (8, 12))
    warped = warp(feature, motion_to_grid(motion, (8, 12)))
    inner = (slice(None), slice(None), slice(2, 6), slice(1, 9))
    torch.testing.assert_close(warped[inner], resize(warp(picture, motion), (8, 12))[inner])


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-1.25, 0.5)])
def test_the_inverse_of_a_shift_leads_back_wherever_it_is_in_the_picture(shift):
    inverse, found = invert_motion(constant_motion((20, 30), *shift))
    assert inverse.equal(constant_motion((20, 30), -shift[0], -shift[1]))
    x = torch.arange(30.0) - shift[0]
    y = torch.arange(20.0)[:, None] - shift[1]
    inside = (x >= -0.5) & (x <= 29.5) & (y >= -0.5) & (y <= 19.5)
    assert found[0, 0].bool().equal(inside)


def test_the_inverse_of_a_zoom_undoes_it():
    """Each pixel q of the later frame was at 0.9 (q - centre) + centre."""
    x, y = torch.arange(60.0) - 29.5, torch.arange(40.0)[:, None] - 19.5
    motion = torch.stack([(-0.1 * x).expand(40, 60), (-0.1 * y).expand(40, 60)])[None]
    inverse, found = invert_motion(motion)
    expected = torch.stack([(x / 0.9 - x).expand(40, 60), (y / 0.9 - y).expand(40, 60)])[None]
    known = found.bool().expand_as(inverse)
    torch.testing.assert_close(inverse[known], expected[known], atol=0.02, rtol=0)
    assert 0.75 < found.mean() < 0.9  # 0.9 of each side stays in the picture


def test_what_is_hidden_later_has_no_inverse():
    """An object moves to the right by 6; what it covers now is nowhere in the later frame."""
    motion = torch.zeros(1, 2, 12, 40)
    motion[0, 0, :, 16:26] = -6.0  # in the later frame it is at 16 to 25, now at 10 to 19
    inverse, found = invert_motion(motion)
    assert (inverse[0, 0, :, 16:20] == 6).all()
    assert found[0, 0, :, 16:20].all()
    assert not found[0, 0, :, 20:26].any()
    assert found[0, 0, :, 30:].all()
