"""Two processes whose training is interrupted and started again end as if it had not been."""

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
from tests.processes import run_together

pytestmark = pytest.mark.slow


def interrupt_and_resume(rank, folder):
    """A run in one go, and one that both processes leave and start again."""
    arguments = {"objective": FST, "fusion": CREFF, "loss": CROSS_ENTROPY}
    config = experiment(folder / f"config{rank}", folder / "store", "JointTask", **arguments)
    flags = ("--trainer.devices", "2", "--data.batch_size", "1")
    fit(config, folder / "whole", *flags)
    with pytest.raises(Interrupted):
        fit(config, folder / "broken", *flags, passes=16)
    fit(config, folder / "broken", *flags)


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """What both runs end with."""
    folder = tmp_path_factory.mktemp("resume")
    assert run_together(interrupt_and_resume, folder) == [None, None]
    return state(folder / "whole"), state(folder / "broken")


@pytest.mark.parametrize(
    "part", ["state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step"]
)
def test_two_processes_resume_as_if_they_had_not_been_interrupted(states, part):
    whole, broken = states
    assert_equal(whole[part], broken[part], part)


def test_the_generators_of_each_process_resume(states):
    whole, broken = (each["callbacks"]["GeneratorStates"] for each in states)
    assert_equal(whole, broken)
    first, second = whole["processes"]
    assert not first["torch"].equal(second["torch"])
