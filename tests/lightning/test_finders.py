"""What Lightning's finders find is what a run trains with."""

import pytest
import torch
import yaml
from lightning import Trainer
from lightning.pytorch.callbacks import LearningRateFinder
from lightning.pytorch.tuner import Tuner

from arseg_lightning.cli import main
from arseg_lightning.tasks import PerFrameTask
from tests.test_cli import HIGH_RES, configuration, driving
from tests.tiny import TinyNet


@pytest.fixture
def command(tmp_path, store):
    """A fit of stills with a finder that its file configures."""

    def words(name, **arguments):
        config = configuration(
            *(tmp_path, HIGH_RES),
            train=driving(0, 4),
            train_on="stills",
            val=driving(50),
            val_losses=False,
            store=store,
        )
        more = tmp_path / "more.yaml"
        callback = {"class_path": name, "init_args": arguments}
        more.write_text(yaml.safe_dump({"trainer": {"callbacks": [callback]}}))
        return ["fit", "--config", config, "--config", str(more)]

    return words


def test_the_rate_that_is_found_is_the_schedules(command, tmp_path):
    words = command("LearningRateFinder", num_training_steps=15, max_lr=0.1)
    fixed = ["--model.schedule", "constant"]
    cli = main([*words, *fixed])
    rate = cli.model.learning_rate
    assert rate not in (None, 1e-3)
    saved = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    assert saved["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(rate)
    assert saved["lr_schedulers"][0]["base_lrs"] == [pytest.approx(rate)]
    assert saved["global_step"] == 16
    path = str(tmp_path / "run" / "last.ckpt")
    with pytest.raises(ValueError, match="is searched before the first step, and this run "):
        main([*words, *fixed, "--trainer.max_epochs", "2", "--ckpt_path", path])


def test_the_batch_size_that_is_found_is_the_steps(command, tmp_path):
    words = command("BatchSizeFinder", max_trials=2, steps_per_trial=1)
    cli = main([*words, "--trainer.limit_val_batches", "1"])
    assert cli.datamodule.batch_size == 4
    assert cli.trainer.estimated_stepping_batches == 8  # 32 stills
    saved = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    assert saved["ClipDataModule"]["samples_per_step"] == 4
    assert saved["lr_schedulers"][0]["_last_lr"] == [pytest.approx(0.0)]  # the end of the cosine
    path = str(tmp_path / "run" / "last.ckpt")
    with pytest.raises(ValueError, match="trained on 4 samples a step, and this run has 2"):
        main([*words[:3], "--trainer.max_epochs", "2", "--ckpt_path", path])


@pytest.mark.slow
def test_the_tuner_of_a_notebook_finds_both(command, tmp_path):
    cli = main([*command("LearningRateFinder"), "--trainer.fast_dev_run", "1"])
    data, options = cli.datamodule, {"accelerator": "cpu", "logger": False, "max_epochs": 1}
    task = PerFrameTask(network=TinyNet, num_classes=data.num_classes)
    trainer = Trainer(**options, default_root_dir=tmp_path, enable_progress_bar=False)
    tuner = Tuner(trainer)
    tuner.lr_find(task, datamodule=data, num_training=15, max_lr=0.1)
    found = task.learning_rate
    assert found is not None
    tuner.scale_batch_size(task, datamodule=data, max_trials=2, steps_per_trial=1)
    assert data.batch_size == 4
    trainer = Trainer(
        **options, default_root_dir=tmp_path, callbacks=[LearningRateFinder(num_training_steps=15)]
    )
    trainer.fit(task, datamodule=data)
    (schedule,) = trainer.lr_scheduler_configs
    assert schedule.scheduler.base_lrs == [pytest.approx(task.learning_rate)]
