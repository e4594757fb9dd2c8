"""What holds for every test: no network, no account, no window, few threads."""

import gc
import os
from functools import lru_cache

# Before the imports that read them.
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the programs that tests start
os.environ["WANDB_MODE"] = "offline"

import pytest
import torch

from arseg_lightning.datasets.synthetic import scene
from tests.parity import published  # noqa: F401 (a fixture)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for garbage only among what tests make: looking at all that is imported takes long."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)  # a twentieth of the tests' time, otherwise
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _few_threads():
    """Small tensors run faster on one thread, and figures do not depend on the machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _scenes_are_built_once():
    """Most tests drive down the same few roads, whose building takes longer than their frames."""
    scene.build_scenery = lru_cache(scene.build_scenery)


@pytest.fixture(autouse=True)
def _same_draws():
    """Every test starts from the same random state, whatever ran before it."""
    torch.manual_seed(0)
