import numpy as np

from arseg_lightning.datasets.synthetic.render import average_samples


def test_a_pixel_is_the_mean_of_its_samples():
    rng = np.random.default_rng(0)
    samples = rng.integers(0, 256, (8, 12, 4), np.uint8)
    mean = samples[..., :3].astype(float).reshape(4, 2, 6, 2, 3).mean(axis=(1, 3))
    image = average_samples(samples.view(np.uint32)[..., 0])
    np.testing.assert_array_equal(image, np.floor(mean + 0.5))
