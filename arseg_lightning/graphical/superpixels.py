"""Superpixels of an image, and the energy of labellings that are constant in each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.graphical.packages import segmentation
from arseg_lightning.graphical.potts import PottsModel

__all__ = ["Superpixels"]


@dataclass(frozen=True, slots=True)
class Superpixels:
    """A partition of an image into connected regions of alike colour, and their borders.

    Args:
        regions: The region of each pixel, from 0, (H, W).
        edges: Regions with a common border, each pair once, (E, 2).
        contrast: Of each such border, the sum over its pairs of neighbouring pixels of
            ``exp(-|difference of colours|^2 / (2 mean))``, (E,): long borders along which colours
            hardly change have much of it. The mean is over all neighbouring pixels of the image.
    """

    regions: NDArray[np.int64]
    edges: NDArray[np.int64]
    contrast: NDArray[np.float64]

    @classmethod
    def find(
        cls, image: NDArray[np.float32], number: int, compactness: float = 20.0
    ) -> Superpixels:
        """Find superpixels by SLIC, and how they touch.

        Args:
            image: Colours in any unit, (H, W, 3): SLIC brings them to [0, 1], and the contrast is
                relative to its mean.
            number: About as many superpixels; one for each pixel if there are no more pixels.
            compactness: SLIC's weight of nearness against likeness of colour.

        Raises:
            ValueError: If scikit-image is not installed.

        Source: Achanta et al., SLIC Superpixels Compared to State-of-the-Art Superpixel Methods,
            TPAMI 2012. The contrast is that of Boykov and Jolly, Interactive Graph Cuts, ICCV 2001.
        """
        height, width = image.shape[:2]
        if number >= height * width:
            regions = np.arange(height * width).reshape(height, width)
        else:
            slic = segmentation().slic
            # Five more rounds, scikit-image's default, take as long again for the same borders.
            given = {"compactness": compactness, "max_num_iter": 5, "start_label": 0}
            regions = np.asarray(slic(image, n_segments=number, **given), np.int64)
        return cls(regions, *_borders(image, regions))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Pixels of each region, (N,)."""
        return np.bincount(self.regions.ravel())

    def model(self, log_probabilities: NDArray[np.float64], smoothness: float) -> PottsModel:
        """Make the energy of labellings that are constant in each region.

        It is that of a grid of pixels: the negative log probability of each pixel's class, and
        ``smoothness`` times the contrast where neighbours differ. Regions add up what is inside
        and along them, so that an energy means the same for any number of superpixels.

        Args:
            log_probabilities: Of each class in each pixel, (K, H, W).
            smoothness: Cost of a border between neighbouring pixels of one colour, in nats.
        """
        flat = self.regions.ravel()
        sums = np.empty((int(flat.max()) + 1, len(log_probabilities)))  # (N, K)
        for label, each in enumerate(log_probabilities):
            sums[:, label] = np.bincount(flat, weights=each.ravel())
        return PottsModel(-sums, self.edges, smoothness * self.contrast)


def _borders(
    image: NDArray[np.float32], regions: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The regions that touch, (E, 2), and the contrast of their borders, (E,)."""
    colours = image.astype(np.float64)
    differences, pairs = list[NDArray[np.float64]](), list[NDArray[np.int64]]()
    for axis in (0, 1):  # neighbours below, and to the right
        differences.append(np.square(np.diff(colours, axis=axis)).sum(-1).ravel())
        size = regions.shape[axis]
        sides = [np.take(regions, range(start, size - 1 + start), axis) for start in (0, 1)]
        pairs.append(np.sort(np.stack([side.ravel() for side in sides]), axis=0))
    difference, pair = np.concatenate(differences), np.concatenate(pairs, axis=1)
    mean = difference.mean() if difference.any() else 1.0
    weight = np.exp(-difference / (2 * mean))
    touching = pair[0] != pair[1]
    # A pair of regions as one number: sorting numbers is far faster than sorting rows.
    number = int(regions.max()) + 1
    keys = pair[0, touching] * number + pair[1, touching]
    unique, index = np.unique(keys, return_inverse=True)
    contrast = np.zeros(len(unique))
    np.add.at(contrast, index, weight[touching])
    return np.stack([unique // number, unique % number], axis=1), contrast
