"""Alpha-expansion against brute force, and diverse labellings by their laws."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from arseg_lightning.graphical import PottsModel, diverse_labellings

pytest.importorskip("maxflow", reason="the extra graphical is not installed")


def random_model(seed, nodes=6, labels=2, weight=1.0):
    """All pairs of nodes are joined, by edges that cost about as much as labels."""
    draw = np.random.default_rng(seed)
    edges = np.array([(i, j) for i in range(nodes) for j in range(i + 1, nodes)])
    return PottsModel(draw.random((nodes, labels)), edges, weight * draw.random(len(edges)) / nodes)


def by_brute_force(model):
    nodes, labels = model.unaries.shape
    return min(product(range(labels), repeat=nodes), key=lambda each: model.energy(np.array(each)))


def test_an_energy_is_that_of_nodes_and_of_edges_whose_ends_differ():
    model = PottsModel(
        np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 7.0]]),
        np.array([[0, 1], [1, 2]]),
        np.array([10, 20.0]),
    )
    assert model.energy(np.array([0, 0, 0])) == 4.0
    assert model.energy(np.array([1, 0, 0])) == 2 + 3 + 0 + 10
    assert model.energy(np.array([1, 0, 1])) == 2 + 3 + 7 + 10 + 20


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("weight", [0.3, 1.0, 3.0])
def test_two_labels_give_the_minimum(seed, weight):
    model = random_model(seed, nodes=7, weight=weight)
    assert model.minimise().tolist() == list(by_brute_force(model))


@pytest.mark.parametrize("seed", range(20))
def test_a_move_is_the_best_of_all_moves_of_its_label(seed):
    model = random_model(seed, labels=3, weight=2.0)
    start = np.random.default_rng(100 + seed).integers(0, 3, 6)
    for alpha in range(3):
        moved = model._expand(start, alpha)
        offers = product(*({label, alpha} for label in start))
        assert model.energy(moved) == pytest.approx(min(model.energy(np.array(o)) for o in offers))


@pytest.mark.parametrize("seed", range(20))
def test_more_labels_end_where_no_move_helps_and_within_twice_the_minimum(seed):
    model = random_model(seed, labels=3, weight=2.0)
    start = np.random.default_rng(100 + seed).integers(0, 3, 6)
    found = model.minimise(start)
    energy = model.energy(found)
    assert energy <= model.energy(start)
    assert energy <= 2 * model.energy(np.array(by_brute_force(model)))
    moves = [model.energy(model._expand(found, alpha)) for alpha in range(3)]
    assert min(moves) == pytest.approx(energy)


def test_costs_may_be_negative():
    model = random_model(0, nodes=7)
    lower = PottsModel(model.unaries - 5, model.edges, model.weights)
    assert lower.minimise().tolist() == model.minimise().tolist()


def test_without_edges_each_node_has_its_cheapest_label():
    unaries = np.random.default_rng(0).random((50, 4))
    alone = PottsModel(unaries, np.empty((0, 2), np.int64), np.empty(0))
    free = PottsModel(unaries, np.array([[0, 1], [1, 2]]), np.zeros(2))
    assert alone.minimise(np.zeros(50, np.int64)).tolist() == unaries.argmin(1).tolist()
    assert free.minimise(np.zeros(50, np.int64)).tolist() == unaries.argmin(1).tolist()


def test_strong_edges_give_one_label():
    model = random_model(0, nodes=20, labels=5, weight=1000.0)
    assert model.minimise().tolist() == [int(model.unaries.sum(0).argmin())] * 20


def test_an_edge_that_rewards_differences_is_refused():
    with pytest.raises(ValueError, match="edges of a Potts model cost at least 0, got -2"):
        PottsModel(np.zeros((2, 2)), np.array([[0, 1]]), np.array([-2.0]))


@pytest.mark.parametrize("labels", [2, 4])
def test_the_first_proposal_is_the_minimum(labels):
    model = random_model(3, nodes=30, labels=labels)
    found = diverse_labellings(model, 4, 0.2, np.ones(30, np.int64))
    assert found.shape == (4, 30)
    assert found[0].tolist() == model.minimise().tolist()


@pytest.mark.parametrize("seed", range(5))
def test_proposals_differ_more_for_a_larger_bonus(seed):
    model, sizes = random_model(seed, nodes=30), np.random.default_rng(seed).integers(1, 5, 30)
    differing = []
    for bonus in (0.0, 0.01, 0.03, 0.1, 0.3, 10.0):
        first, second = diverse_labellings(model, 2, bonus, sizes)
        differing.append(int(sizes[first != second].sum()))
    assert differing == sorted(differing)
    assert (differing[0], differing[-1]) == (0, sizes.sum())


def test_a_proposal_is_the_minimum_of_the_energy_minus_its_bonus():
    model, sizes = random_model(5), np.array([1, 2, 3, 1, 2, 3])
    first, second, third = diverse_labellings(model, 3, 0.2, sizes)

    def augmented(labels, *before):
        return model.energy(labels) - sum(0.2 * sizes[labels != each].sum() for each in before)

    every = [np.array(each) for each in product(range(2), repeat=6)]
    assert augmented(second, first) == pytest.approx(min(augmented(e, first) for e in every))
    best = min(augmented(each, first, second) for each in every)
    assert augmented(third, first, second) == pytest.approx(best)
