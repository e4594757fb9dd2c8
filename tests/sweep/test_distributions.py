"""W&B's distributions as Optuna's."""

from pathlib import Path

import optuna
import pytest

from arseg_lightning.sweep.sweep_file import Parameter, SweepFile, distribution


def values_of(space, drawn):
    sweep = SweepFile(Path("sweep.yaml"), "random", (Parameter("key", "", space),), ())
    return [sweep.values({"key": each})["key"] for each in drawn]


def draws(kind, **settings):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    space = distribution("key", kind, settings)
    return values_of(space, [study.ask({"key": space}).params["key"] for _ in range(400)])


@pytest.mark.parametrize(
    ("kind", "settings", "values"),
    [
        ("constant", {"value": None}, [None]),
        ("categorical", {"values": [12, 0.5, None, [1], True]}, [12, 0.5, None, [1], True]),
        ("int_uniform", {"min": 3, "max": 5}, [3, 4, 5]),
        ("q_uniform", {"min": 0.1, "max": 0.4, "q": 0.1}, [0.1, 0.2, 0.3, 0.4]),
        ("q_uniform", {"min": 6, "max": 18, "q": 6}, [6, 12, 18]),
    ],
)
def test_a_grid_has_the_values_in_order_and_their_types(kind, settings, values):
    space = distribution("key", kind, settings, as_grid=True)
    grid = values_of(space, space.choices)
    assert grid == values
    assert [type(value) for value in grid] == [type(value) for value in values]


def test_draws_stay_within_their_limits():
    assert set(draws("int_uniform", min=1, max=3)) == {1, 2, 3}
    assert all(0.2 <= value <= 0.3 for value in draws("uniform", min=0.2, max=0.3))
    assert all(1e-4 <= value <= 1e-2 for value in draws("log_uniform_values", min=1e-4, max=1e-2))
    assert set(draws("q_uniform", min=0, max=1, q=0.5)) == {0.0, 0.5, 1.0}


def test_a_logarithmic_draw_has_its_median_in_the_geometric_middle():
    values = sorted(draws("log_uniform_values", min=1e-4, max=1e-2))
    assert values[200] == pytest.approx(1e-3, rel=0.3)
    assert sorted(draws("log_uniform", min=0, max=2))[200] == pytest.approx(2.718, rel=0.3)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("beta", {}, r"key has distribution beta, which is not known here; use one of constant, "),
        ("q_normal", {"q": 1}, r"key has distribution q_normal, which is not known here; use one"),
        ("uniform", {"min": 1}, r"key has \{'min': 1\}, but uniform takes min and max, num"),
        ("q_uniform", {"q": 1}, r"but q_uniform takes min and max, .* and q, a positive st"),
        ("uniform", {"min": 1, "max": 2, "mean": 3}, r"'mean': 3\}, but uniform takes min and max"),
        (
            "uniform",
            {"min": "low", "max": 2},
            r"'min': 'low', .*uniform takes min and max, numbers",
        ),
        ("uniform", {"min": True, "max": 2}, r"'min': True, .*uniform takes min and max, numbers"),
        (
            "int_uniform",
            {"min": 1, "max": 2.5},
            r"'max': 2\.5\}, .* takes min and max, whole numbers",
        ),
        ("uniform", {"min": 3, "max": 2}, r"'min': 3, 'max': 2\}, .* with min at most max"),
        (
            "log_uniform_values",
            {"min": 0, "max": 1},
            r"'min': 0, .* takes min and max, .* both pos",
        ),
        (
            "categorical",
            {"values": []},
            r"'values': \[\]\}, .* takes values, a list with at least one",
        ),
        ("categorical", {"values": 3}, r"'values': 3\}, .* takes values, a list with at least one"),
        (
            "categorical",
            {"values": [1], "probabilities": [1]},
            r"'probabilities': \[1\]\}, .* takes values, a list",
        ),
        ("q_uniform", {"min": 0, "max": 1, "q": 0}, r"'q': 0\}, .* q, a positive step"),
    ],
)
def test_what_is_no_distribution_is_refused_with_the_remedy(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        distribution("key", kind, settings)


def test_a_continuous_parameter_has_no_grid():
    with pytest.raises(ValueError, match=r"drawn from uniform, .* give `values`, or use meth"):
        distribution("key", "uniform", {"min": 0, "max": 1}, as_grid=True)
