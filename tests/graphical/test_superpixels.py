"""Superpixels, their borders, and energies that mean the same for any number of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from arseg_lightning.graphical import Superpixels
from arseg_lightning.graphical.superpixels import _borders

pytest.importorskip("skimage", reason="the extra graphical is not installed")
pytest.importorskip("maxflow", reason="the extra graphical is not installed")


def noise(height=12, width=15, seed=0):
    return np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)


def patches(height=60, width=80):
    """Smooth colours; of noise, no connected superpixels are left."""
    coarse = np.random.default_rng(0).random((height // 10, width // 10, 3))
    return ndimage.zoom(coarse, (10, 10, 1), order=1).astype(np.float32)


def log_probabilities(classes=4, height=12, width=15):
    scores = np.random.default_rng(1).normal(size=(classes, height, width))
    return scores - np.log(np.exp(scores).sum(0))


def test_every_pixel_has_a_region_and_regions_are_about_as_many_as_wanted():
    found = Superpixels.find(patches(), 50)
    assert found.regions.shape == (60, 80)
    assert found.sizes.sum() == 60 * 80
    assert 30 < len(found.sizes) < 80


def test_superpixels_keep_to_a_sharp_border():
    image = np.zeros((40, 60, 3), np.float32)
    image[:, 23:] = 1.0
    regions = Superpixels.find(image, 30).regions
    assert not set(regions[:, :23].ravel()) & set(regions[:, 23:].ravel())


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_the_unit_of_colours_does_not_matter(scale):
    plain, other = (Superpixels.find(factor * patches(), 50) for factor in (1.0, scale))
    assert len(plain.sizes) > 30
    assert (plain.regions == other.regions).all()
    np.testing.assert_allclose(plain.contrast, other.contrast, rtol=1e-4)


def test_contrast_adds_up_along_a_border():
    image, regions = noise(2, 3), np.array([[0, 0, 1], [0, 1, 1]])
    edges, contrast = _borders(image, regions)
    square = lambda p, q: float(((image[p] - image[q]) ** 2).sum())  # noqa: E731
    neighbours = [((r, c), (r, c + 1)) for r in range(2) for c in range(2)]
    neighbours += [((0, c), (1, c)) for c in range(3)]
    mean = np.mean([square(*pair) for pair in neighbours])
    border = [pair for pair in neighbours if regions[pair[0]] != regions[pair[1]]]
    assert len(border) == 3
    assert edges.tolist() == [[0, 1]]
    assert contrast[0] == pytest.approx(sum(np.exp(-square(*p) / (2 * mean)) for p in border))


def test_an_image_of_one_colour_has_full_contrast_weights():
    edges, contrast = _borders(np.ones((3, 4, 3), np.float32), np.arange(12).reshape(3, 4))
    assert len(edges) == 3 * 3 + 2 * 4
    assert (contrast == 1.0).all()


def test_a_superpixel_for_each_pixel_without_edges_gives_the_best_class():
    logs = log_probabilities()
    found = Superpixels.find(noise(), 12 * 15)
    assert len(found.sizes) == 12 * 15
    labels = found.model(logs, smoothness=0.0).minimise()
    assert (labels[found.regions] == logs.argmax(0)).all()


def test_an_energy_is_that_of_the_grid_of_pixels():
    image, logs = patches(20, 30), log_probabilities(height=20, width=30)
    fine, coarse = Superpixels.find(image, 20 * 30), Superpixels.find(image, 20)
    labels = np.random.default_rng(2).integers(0, 4, len(coarse.sizes))
    of_pixels = labels[coarse.regions].ravel()
    energy = coarse.model(logs, 0.7).energy(labels)
    assert fine.model(logs, 0.7).energy(of_pixels) == pytest.approx(energy)
