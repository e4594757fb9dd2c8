import pytest
import torch

from arseg_lightning.propagation.tiles import TILE, bands, padded_size

SHAPES = [(1, 2, 1, 1), (2, 3, 8, 8), (3, 1, 17, 9), (2, 2, 30, 41)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("tiles_at_once", [1, 4, 1000])
def test_what_is_cut_and_put_back_is_the_picture(shape, tiles_at_once):
    picture, copy = torch.randn(shape), torch.empty(shape)
    for band in bands(picture, tiles_at_once):
        band.put(band.cut(picture), copy)
    assert torch.equal(copy, picture)


@pytest.mark.parametrize("margin", [0, 1, 4, 11])
def test_tiles_carry_their_surroundings_and_zeros_outside(margin):
    picture = torch.randn(1, 2, 20, 19)
    side = TILE + 2 * margin
    padded = torch.nn.functional.pad(picture, (margin, margin + 5, margin, margin + 4))
    (band,) = bands(picture, tiles_at_once=1000)
    tile = band.cut(picture, margin)[1 * 3 + 2].view(2, side, side)  # second row, last column
    assert torch.equal(tile, padded[0, :, TILE : TILE + side, 2 * TILE : 2 * TILE + side])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("margin", [0, 3, 5, 9])
def test_adding_is_the_adjoint_of_cutting(shape, margin):
    """<cut(x), t> = <x, add(t)> for any x and t."""
    picture = torch.randn(shape, dtype=torch.float64)
    added = torch.zeros(*shape[:2], *padded_size(shape[2:], margin), dtype=torch.float64)
    product = 0.0
    for band in bands(picture, tiles_at_once=4):
        cut = band.cut(picture, margin)
        tiles = torch.randn_like(cut)
        band.add(tiles, added, margin)
        product += (cut * tiles).sum()
    inner = added[:, :, margin : margin + shape[2], margin : margin + shape[3]]
    torch.testing.assert_close((picture * inner).sum(), product)
