import numpy as np

from arseg_lightning.datasets.synthetic.textures import paint_ground, paint_sky, smooth_noise


def test_noise_tiles_without_a_seam():
    noise = smooth_noise(np.random.default_rng(0), (80, 60), (8, 6))
    steps = np.abs(np.diff(noise, axis=0)).max()
    assert 0 <= noise.min() < 0.2
    assert 0.8 < noise.max() <= 1
    assert np.abs(noise[0] - noise[-1]).max() <= steps * 1.01
    assert np.abs(noise[:, 0] - noise[:, -1]).max() < 0.3


def test_the_sky_tiles_sideways():
    sky = paint_sky(np.random.default_rng(0), 60, 200)
    assert np.abs(sky[:, 0] - sky[:, -1]).max() <= 2 * np.abs(np.diff(sky, axis=1)).max()


def test_the_road_lies_in_the_middle():
    _, road = paint_ground(np.random.default_rng(0), (64, 24), 10, road_half_width=5.0)
    np.testing.assert_array_equal(road[0].nonzero()[0], np.arange(70, 170))
