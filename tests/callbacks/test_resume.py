"""A training that is interrupted and started again ends as if it had not been."""

import os

import pytest

from tests.callbacks.interrupted import (
    CREFF,
    CROSS_ENTROPY,
    FST,
    Interrupted,
    assert_equal,
    experiment,
    fit,
    state,
)

TASKS = {
    "PerFrameTask": {"loss": CROSS_ENTROPY},
    "LowResTask": {"objective": FST, "fusion": CREFF, "epochs_without_fusion": 1},
    "JointTask": {"loss": CROSS_ENTROPY, "objective": FST, "fusion": CREFF},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def high_res(tmp_path_factory, store):
    """An uninterrupted run of phase 1."""
    folder = tmp_path_factory.mktemp("high_res")
    config = experiment(folder, store, "PerFrameTask", **TASKS["PerFrameTask"])
    fit(config, folder / "whole")
    return config, folder / "whole"


def whole_run(task, high_res, tmp_path, store):
    """The configuration of a task, and its uninterrupted run."""
    if task == "PerFrameTask":
        return high_res
    arguments = dict(TASKS[task])
    if task == "LowResTask":
        arguments["weights"] = {"high_res": str(high_res[1] / "best.ckpt")}
    config = experiment(tmp_path, store, task, **arguments)
    fit(config, tmp_path / "whole")
    return config, tmp_path / "whole"


def assert_same_run(first, second):
    """All that a run leaves is the same: weights, optimiser, schedule, generators, best epoch."""
    for name in ("best", "last"):
        one, other = state(first, name), state(second, name)
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step"):
            assert_equal(one[part], other[part], f"{name}/{part}")
        assert_equal(best_score(one), best_score(other), name)
        assert_equal(one["callbacks"]["GeneratorStates"], other["callbacks"]["GeneratorStates"])


def best_score(checkpoint):
    """Lightning's ``current_score`` is no part of it: it starts anew unless an epoch is better."""
    (best,) = (v for k, v in checkpoint["callbacks"].items() if "val/miou" in k)
    return best["best_model_score"]


def interrupt_and_resume(config, run_dir, passes, capsys):
    """What the second start says."""
    with pytest.raises(Interrupted):
        fit(config, run_dir, passes=passes)
    capsys.readouterr()
    fit(config, run_dir)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("task", "passes"),
    [pytest.param("LowResTask", 4, marks=pytest.mark.slow), ("JointTask", 16)],
)
def test_every_task_resumes_as_if_it_had_not_been_interrupted(
    task, passes, high_res, tmp_path, store, capsys
):
    config, whole = whole_run(task, high_res, tmp_path, store)
    said = interrupt_and_resume(config, tmp_path / "broken", passes, capsys)
    assert f"resuming after epoch 1 of 3, from {tmp_path}/broken/last.ckpt" in said
    assert_same_run(whole, tmp_path / "broken")


@pytest.mark.parametrize(
    ("steps", "epochs"),
    [
        pytest.param(1, 0, id="no checkpoint"),
        pytest.param(4, 1, id="between epochs", marks=pytest.mark.slow),  # as others here
        pytest.param(10, 2, id="in one"),
    ],
)
def test_wherever_it_was_interrupted(steps, epochs, high_res, tmp_path, capsys):
    config, whole = high_res
    said = interrupt_and_resume(config, tmp_path / "broken", steps, capsys)
    assert (f"resuming after epoch {epochs} of 3" in said) == (epochs > 0)
    assert_same_run(whole, tmp_path / "broken")


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing_not_even_over_an_interruption(
    high_res, tmp_path, capsys
):
    config, whole = high_res
    with pytest.raises(Interrupted):
        fit(config, tmp_path / "broken", "--data.num_workers", "1", passes=4)
    cores = len(os.sched_getaffinity(0))  # PyTorch warns of more workers
    fit(config, tmp_path / "broken", "--data.num_workers", str(min(2, cores)))
    assert "resuming after epoch 1 of 3" in capsys.readouterr().out
    assert_same_run(whole, tmp_path / "broken")


def test_a_finished_run_is_left_alone(high_res):
    config, whole = high_res
    before = (whole / "last.ckpt").stat().st_mtime_ns
    with pytest.raises(FileExistsError, match="holds a run already; give another --run_dir"):
        fit(config, whole)
    assert (whole / "last.ckpt").stat().st_mtime_ns == before


def test_another_configuration_does_not_resume_in_the_folder(high_res, tmp_path):
    config, _ = high_res
    with pytest.raises(Interrupted):
        fit(config, tmp_path, passes=4)
    changed = ("--data.batch_size", "1")
    message = r"an interrupted run with another configuration \(data.batch_size\) already"
    with pytest.raises(FileExistsError, match=message):
        fit(config, tmp_path, *changed)
    with pytest.raises(Interrupted):  # in its first epoch: nothing of the older run is left
        fit(config, tmp_path, *changed, "--overwrite", "true", passes=2)
    assert not list(tmp_path.glob("*.ckpt"))


@pytest.mark.slow
def test_a_run_that_began_with_anothers_checkpoint_resumes_from_its_own(high_res, tmp_path, capsys):
    config, _ = high_res
    old, new = tmp_path / "old", tmp_path / "new"
    with pytest.raises(Interrupted):
        fit(config, old, passes=4)
    again = ("--ckpt_path", str(old / "last.ckpt"))
    with pytest.raises(Interrupted):
        fit(config, new, *again, passes=4)
    with pytest.raises(FileExistsError, match=r"another configuration \(ckpt_path\)"):
        fit(config, new)
    fit(config, new, *again)
    assert f"resuming after epoch 2 of 3, from {new / 'last.ckpt'}" in capsys.readouterr().out
