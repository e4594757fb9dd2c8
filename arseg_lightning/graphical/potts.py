"""A Potts energy on any graph, and its minimisation by alpha-expansion."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from arseg_lightning.graphical.packages import maxflow

__all__ = ["PottsModel"]

_LEAST_GAIN = 1e-9
"""Share of an energy by which a move lowers it at least; less may be rounding, and never ends."""


@dataclass(frozen=True, slots=True)
class PottsModel:
    """Costs of labels at nodes, and of edges whose ends have different labels.

    Args:
        unaries: Cost of each label at each node, (N, K).
        edges: Both ends of each edge, (E, 2).
        weights: Cost of an edge whose ends differ, (E,); not negative.

    Raises:
        ValueError: If a weight is negative: graph cuts cannot reward differences.
    """

    unaries: NDArray[np.float64]
    edges: NDArray[np.int64]
    weights: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.weights.size and not self.weights.min() >= 0:
            raise ValueError(
                f"edges of a Potts model cost at least 0, got {self.weights.min():g}; graph cuts "
                f"find no minimum of an energy that rewards differences between neighbours"
            )

    def energy(self, labels: NDArray[np.int64]) -> float:
        """The cost of a labelling, (N,)."""
        differ = labels[self.edges[:, 0]] != labels[self.edges[:, 1]]
        nodes = self.unaries[np.arange(len(labels)), labels]
        return float(nodes.sum() + self.weights[differ].sum())

    def plus(self, costs: NDArray[np.float64]) -> PottsModel:
        """The model with further costs of labels at nodes, (N, K)."""
        return replace(self, unaries=self.unaries + costs)

    def minimise(self, start: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """Find a labelling of low energy, (N,), by moves that never raise it.

        A move offers one label to all nodes, and takes the best way of accepting it, by a minimum
        cut. Moves go through the labels until none helps. With two labels, and without edges, the
        result is a minimum; else its energy is at most twice that of one, unaries being positive.

        Args:
            start: The labelling to start from; each node's cheapest label by default.

        Raises:
            ValueError: If PyMaxflow is not installed.

        Source: Boykov, Veksler and Zabih, Fast Approximate Energy Minimization via Graph Cuts,
            TPAMI 2001. PyMaxflow's own expansion is for grids whose edges all cost the same.
        """
        cheapest: NDArray[np.int64] = self.unaries.argmin(axis=1)
        if not len(self.edges):
            return cheapest
        labels = cheapest if start is None else start
        energy, num_labels = self.energy(labels), self.unaries.shape[1]
        alpha = in_vain = 0
        while in_vain < num_labels:
            moved = self._expand(labels, alpha)
            after = self.energy(moved)
            if energy - after > _LEAST_GAIN * max(1.0, abs(energy)):
                labels, energy, in_vain = moved, after, 0
            in_vain, alpha = in_vain + 1, (alpha + 1) % num_labels
        return labels

    def _expand(self, labels: NDArray[np.int64], alpha: int) -> NDArray[np.int64]:
        """Give ``alpha`` to the nodes for which that is best, all at once.

        Of each node, 1 means that it takes ``alpha``. Costs of an edge (i, j) are split into those
        of its ends and one of (i, j) = (0, 1), which is what a cut can have: Kolmogorov and Zabih,
        What Energy Functions Can Be Minimized via Graph Cuts?, TPAMI 2004.
        """
        num_nodes = len(labels)
        first, second = self.edges.T
        of_first, of_second = labels[first], labels[second]
        both_stay = self.weights * (of_first != of_second)
        second_moves = self.weights * (of_first != alpha)
        first_moves = self.weights * (of_second != alpha)
        stay = self.unaries[np.arange(num_nodes), labels]
        move = self.unaries[:, alpha].copy()
        np.add.at(move, first, first_moves - both_stay)
        np.subtract.at(move, second, first_moves)  # nothing is paid if both move

        graph = maxflow().GraphFloat(num_nodes, len(self.edges))
        nodes = graph.add_nodes(num_nodes)
        least = np.minimum(stay, move)  # capacities are not negative
        graph.add_grid_tedges(nodes, move - least, stay - least)
        # Not below 0 but for rounding: the triangle inequality of the Potts model.
        cut = np.maximum(second_moves + first_moves - both_stay, 0.0)
        graph.add_edges(first, second, cut, np.zeros_like(cut))
        graph.maxflow()
        takes: NDArray[np.bool_] = graph.get_grid_segments(nodes)
        return np.where(takes, alpha, labels)
