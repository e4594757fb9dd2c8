import pytest

from arseg_lightning.sweep import choose_points, read_sweep
from arseg_lightning.sweep.plan import identity, point_names
from tests.sweep.files import sweep_file

RANDOM = {"rate": {"distribution": "log_uniform_values", "min": 0.001, "max": 0.1}}


def points(folder, count=None, seed=0, **changes):
    return choose_points(read_sweep(sweep_file(folder, **changes)), count, seed)


def names(folder, count=None, **changes):
    sweep = read_sweep(sweep_file(folder, **changes))
    return point_names(sweep, choose_points(sweep, count))


def test_the_last_parameter_of_a_grid_changes_fastest(tmp_path):
    assert [tuple(values.values()) for values in points(tmp_path)] == [
        (6, 0.3),
        (6, 0.5),
        (6, 0.7),
        (12, 0.3),
        (12, 0.5),
        (12, 0.7),
    ]


def test_values_keep_their_types(tmp_path):
    values = [1, 1.0, True, "1", None, [1, None], {"a": 1.5}]
    assert len({identity({"a": value}) for value in values}) == len(values)
    chosen = points(tmp_path, parameters={"a": {"values": values}, "b": {"value": None}})
    assert [point["a"] for point in chosen] == values
    assert [type(point["a"]) for point in chosen] == [type(value) for value in values]


def test_a_value_given_twice_is_one_point(tmp_path):
    assert points(tmp_path, parameters={"a": {"values": [1, 2, 1]}}) == [{"a": 1}, {"a": 2}]


def test_a_count_limits_a_grid(tmp_path):
    assert points(tmp_path, count=2) == points(tmp_path)[:2] == points(tmp_path, run_cap=2)


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_random_points_are_those_of_their_seed(method, tmp_path):
    chosen = points(tmp_path, 4, method=method, parameters=RANDOM)
    assert chosen == points(tmp_path, 4, method=method, parameters=RANDOM)
    assert chosen != points(tmp_path, 4, seed=1, method=method, parameters=RANDOM)


def test_more_random_points_come_behind_those_before(tmp_path):
    few = points(tmp_path, 3, method="random", parameters=RANDOM)
    assert points(tmp_path, 6, method="random", parameters=RANDOM)[:3] == few


def test_random_points_are_drawn_once_each(tmp_path):
    drawn = points(tmp_path, 50, method="random")
    assert sorted(map(identity, drawn)) == sorted(map(identity, points(tmp_path)))


def test_random_points_need_a_count(tmp_path):
    with pytest.raises(ValueError, match=r"method random, which has no end; .* --count N, or with"):
        points(tmp_path, method="random")


def test_a_count_of_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"count is 0; give at least 1"):
        points(tmp_path, count=0)


def test_names_are_readable(tmp_path):
    assert names(tmp_path)[0] == "point-keyframe_interval=6,resolution_ratio=0.3"


def test_constants_are_left_out_of_names_whatever_the_count(tmp_path):
    parameters = {"a": {"value": 1}, "b": {"values": [1.0, None]}, "c": {"values": [[1, 2], "x/y"]}}
    assert names(tmp_path, parameters=parameters) == [
        "point-b=1.0,c=1_2",
        "point-b=1.0,c=x_y",
        "point-b=null,c=1_2",
        "point-b=null,c=x_y",
    ]
    assert names(tmp_path, count=1, parameters=parameters) == ["point-b=1.0,c=1_2"]
    assert names(tmp_path, parameters={"a": {"value": 1}}) == ["point-a=1"]


def test_keys_with_the_same_end_are_told_apart(tmp_path):
    parameters = {"a.b.c": {"values": [1]}, "a.d.c": {"values": [2]}}
    assert names(tmp_path, parameters=parameters) == ["point-b.c=1,d.c=2"]


def test_values_that_look_the_same_have_names_of_their_own(tmp_path):
    values = {"values": [0.123451, 0.123452, "x" * 300, "x" * 301, "../../up"]}
    different = names(tmp_path, parameters={"a": values})
    assert len(set(different)) == 5
    assert all(len(name) < 200 and "/" not in name for name in different)
