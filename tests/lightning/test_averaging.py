"""Averaged weights: what is kept, tested and resumed from."""

import pytest
import torch
import yaml
from lightning.pytorch.callbacks import WeightAveraging

from arseg_lightning.cli import main
from tests.test_cli import HIGH_RES, configuration, driving


def words(folder, name, **arguments):
    """A fit with one of Lightning's averages."""
    config = configuration(folder, HIGH_RES, train_on="stills", val=driving(50), val_losses=False)
    more = folder / "more.yaml"
    callback = {"class_path": name, "init_args": arguments}
    more.write_text(yaml.safe_dump({"trainer": {"callbacks": [callback]}}))
    limits = ["--trainer.limit_train_batches", "2", "--trainer.limit_val_batches", "1"]
    return ["fit", "--config", config, "--config", str(more), *limits]


def state(folder, name):
    return torch.load(folder / "run" / f"{name}.ckpt", weights_only=True)


def assert_equal(one, other):
    assert list(one) == list(other)
    for name in one:
        assert one[name].equal(other[name]), name


@pytest.mark.parametrize(
    "name", ["EMAWeightAveraging", pytest.param("WeightAveraging", marks=pytest.mark.slow)]
)
def test_the_average_is_kept_tested_and_resumed_from(name, tmp_path):
    arguments = {"decay": 0.5} if name.startswith("EMA") else {}
    command = words(tmp_path, name, **arguments)
    cli = main([*command, "--after_fit", "test"])
    best = state(tmp_path, "best")
    (callback,) = [c for c in cli.trainer.callbacks if isinstance(c, WeightAveraging)]
    average = callback._average_model.module.state_dict()
    trained = {name: value for name, value in average.items() if name in best["state_dict"]}
    assert_equal(best["state_dict"], trained)
    assert any(
        not value.equal(best["current_model_state"][key])
        for key, value in best["state_dict"].items()
    )
    assert_equal(cli.model.state_dict(), best["state_dict"])  # what was tested
    path = str(tmp_path / "run" / "last.ckpt")
    resumed = main([*command, "--trainer.max_epochs", "2", "--ckpt_path", path])
    assert resumed.trainer.current_epoch == 2
    assert state(tmp_path, "last")["averaging_state"]["n_averaged"] == 4
