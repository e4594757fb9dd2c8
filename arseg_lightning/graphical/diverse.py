"""Diverse labellings of low energy, one after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.graphical.potts import PottsModel

__all__ = ["diverse_labellings"]


def diverse_labellings(
    model: PottsModel, number: int, bonus: float, sizes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Find labellings that have a low energy and differ from each other (DivMBest).

    The first is the minimum. Each further one minimises the energy minus a bonus for every pixel
    that has another label than in a labelling before it. That is the energy with costs of the
    labels that were given before, so that alpha-expansion minimises it as well.

    Args:
        model: The energy.
        number: How many, M.
        bonus: What differing in a pixel from one labelling is worth, in units of the energy.
        sizes: Pixels of each node, (N,).

    Returns:
        The labellings, (M, N).

    Source: Batra et al., Diverse M-Best Solutions in Markov Random Fields, ECCV 2012, with the
        Hamming distance.
    """
    nodes, paid = np.arange(len(sizes)), np.zeros_like(model.unaries)
    found = list[NDArray[np.int64]]()
    for _ in range(number):
        found.append(model.plus(paid).minimise())
        paid[nodes, found[-1]] += bonus * sizes
    return np.stack(found)
