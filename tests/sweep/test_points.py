import json

import pytest

from arseg_lightning.sweep import read_sweep, run_sweep
from arseg_lightning.sweep.points import choose_points, point_arguments, point_name
from tests.sweep.files import COMMAND, sweep_file

RANDOM = {"rate": {"distribution": "log_uniform_values", "min": 0.001, "max": 0.1}}


def points(folder, count=None, seed=0, **changes):
    sweep = read_sweep(sweep_file(folder, **changes))
    return [sweep.values(drawn) for drawn in choose_points(sweep, count, seed)]


def names(folder, count=None, **changes):
    sweep = read_sweep(sweep_file(folder, **changes))
    return [point_name(sweep, values) for values in points(folder, count, **changes)]


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
    chosen = points(tmp_path, parameters={"a": {"values": values}, "b": {"value": None}})
    assert [point["a"] for point in chosen] == values
    assert [type(point["a"]) for point in chosen] == [type(value) for value in values]


def test_a_value_given_twice_is_one_point(tmp_path):
    assert points(tmp_path, parameters={"a": {"values": [1, 2, 1]}}) == [{"a": 1}, {"a": 2}]


def test_a_count_limits_a_grid(tmp_path):
    assert points(tmp_path, count=2) == points(tmp_path)[:2]


def test_random_points_are_those_of_their_seed(tmp_path):
    chosen = points(tmp_path, 4, method="random", parameters=RANDOM)
    assert chosen == points(tmp_path, 4, method="random", parameters=RANDOM)
    assert chosen != points(tmp_path, 4, seed=1, method="random", parameters=RANDOM)


def test_more_random_points_come_behind_those_before(tmp_path):
    few = points(tmp_path, 3, method="random", parameters=RANDOM)
    assert points(tmp_path, 6, method="random", parameters=RANDOM)[:3] == few


def test_random_points_are_drawn_once_each(tmp_path):
    drawn = points(tmp_path, 50, method="random")
    assert sorted(map(repr, drawn)) == sorted(map(repr, points(tmp_path)))


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_drawn_points_need_a_count(method, tmp_path):
    sweep = read_sweep(sweep_file(tmp_path, method=method, metric={"name": "val/miou"}))
    with pytest.raises(ValueError, match=rf"{method}, which has no end; .* --count N, or with"):
        run_sweep(sweep, tmp_path)


def test_a_count_of_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"count is 0; give at least 1"):
        run_sweep(read_sweep(sweep_file(tmp_path)), tmp_path, count=0)


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
    parameters = {"a.b.c": {"value": 1}, "a.d.c": {"value": 2}}
    assert names(tmp_path, parameters=parameters) == ["point-b.c=1,d.c=2"]


def test_values_that_look_the_same_have_names_of_their_own(tmp_path):
    values = {"values": [0.123451, 0.123452, "x" * 300, "x" * 301, "../up"]}
    different = names(tmp_path, parameters={"a": values})
    assert len(set(different)) == 5
    assert all(len(name) < 200 and "/" not in name for name in different)


def test_macros_become_a_command_line(tmp_path):
    arguments = point_arguments(COMMAND, {"a": 1}, tmp_path, ["--x", "1"])
    assert arguments == [
        *("test", "--config", "experiment.yaml", "--config", str(tmp_path / "sweep_values.json")),
        *("--x", "1", "--run_dir", str(tmp_path)),
    ]


def test_variables_of_the_environment_are_filled_in(tmp_path, monkeypatch):
    monkeypatch.setenv("SOMEWHERE", "data")
    command = [*COMMAND, "--data.root=${envvar:SOMEWHERE}/a", "--b=${envvar:NOWHERE}"]
    filled = point_arguments(command, {}, tmp_path)
    assert filled[5:7] == ["--data.root=data/a", "--b=NOWHERE"]


def test_files_of_configuration_stand_before_the_values(tmp_path):
    parameters = {"config": {"values": [[], ["a/b.yaml", "c.yaml"]]}, "d": {"value": 1}}
    assert names(tmp_path, parameters=parameters) == ["point-config=none", "point-config=b+c"]
    values = points(tmp_path, parameters=parameters)[1]
    words = point_arguments(COMMAND, values, tmp_path)
    values_file = tmp_path / "sweep_values.json"
    configs = ["experiment.yaml", "a/b.yaml", "c.yaml", str(values_file)]
    assert words[1:-2] == [word for config in configs for word in ("--config", config)]
    assert json.loads(values_file.read_text()) == {"d": 1}
