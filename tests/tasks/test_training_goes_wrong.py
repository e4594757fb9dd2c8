"""A training that teaches nothing or diverges ends, and says why; what it has saved is whole."""

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins import MixedPrecision
from torch.utils.data import DataLoader

from arseg_lightning.tasks import LowResTask, PerFrameTask
from arseg_lightning.tasks.training_checks import NotFinite
from tests.tiny import TinyNet, clip_batch, small_trainer


def sgd(rate):
    return lambda parameters: torch.optim.SGD(parameters, lr=rate)


def fit(task, folder, batches, **options):
    settings = {"max_epochs": 3, "default_root_dir": folder, "enable_checkpointing": True}
    checkpoint = ModelCheckpoint(folder, "last")
    trainer = small_trainer(callbacks=[checkpoint], **settings, **options)
    trainer.fit(task, DataLoader(batches, batch_size=None))
    return trainer


def broken(batch):
    batch.images[0, 0, 0, 0, 0] = float("nan")
    return batch


class OneBroken:
    """Batches of which one, in the second epoch, holds what is no number."""

    def __init__(self, at):
        self.at, self.given = at, 0

    def __len__(self):
        return 2

    def __getitem__(self, index):
        if index >= 2:
            raise IndexError
        self.given += 1
        batch = clip_batch(seed=index, frames=1)
        return broken(batch) if self.given == self.at else batch


def test_a_loss_that_is_not_finite_ends_the_training_at_once(tmp_path):
    task = PerFrameTask(TinyNet, num_classes=3)
    message = (
        r"the loss is not finite after step 4, epoch 2: segmentation = nan; learning rate "
        r"0\.000\d+\. The checkpoints before it are kept\. Try a sma"
    )
    with pytest.raises(NotFinite, match=message):
        fit(task, tmp_path, OneBroken(at=4))
    last = torch.load(tmp_path / "last.ckpt")
    assert last["epoch"] == 0
    assert all(value.isfinite().all() for value in last["state_dict"].values())


def test_a_rate_that_is_too_high_is_found(tmp_path):
    task = PerFrameTask(TinyNet, num_classes=3, optimizer=sgd(1e30), schedule="constant")
    with pytest.raises(NotFinite, match=r"not finite after step \d+"):
        fit(task, tmp_path, [clip_batch(seed=i, frames=1) for i in range(4)])
    if (tmp_path / "last.ckpt").is_file():
        last = torch.load(tmp_path / "last.ckpt")
        assert all(value.isfinite().all() for value in last["state_dict"].values())


def test_broken_weights_are_never_written(tmp_path):
    task = PerFrameTask(TinyNet, num_classes=3)
    trainer = fit(task, tmp_path, [clip_batch(frames=1)])
    before = (tmp_path / "last.ckpt").read_bytes()
    with torch.no_grad():
        task.method.network.classifier.bias[0] = float("inf")
    with pytest.raises(NotFinite, match=r"method\.network\.classifier\.bias is not finite after s"):
        trainer.save_checkpoint(tmp_path / "last.ckpt")
    assert (tmp_path / "last.ckpt").read_bytes() == before


def scaled(scale=2.0**16):
    """What precision 16-mixed does on a GPU; on a processor, Lightning takes bfloat16 instead."""
    return MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", scale))


def test_a_scaler_that_skips_everything_ends_the_training(tmp_path):
    task = PerFrameTask(TinyNet, num_classes=3)
    # The losses are finite, the gradients are not, whatever they are scaled by.
    task.method.network.classifier.weight.register_hook(lambda gradient: gradient * float("inf"))
    batches = [clip_batch(frames=1) for _ in range(40)]
    with pytest.raises(NotFinite, match=r"no gradient is finite, and steps are skipped"):
        fit(task, tmp_path, batches, plugins=[scaled()])


def test_every_batch_is_looked_at_when_they_accumulate(tmp_path):
    task = PerFrameTask(TinyNet, num_classes=3)
    batches = [clip_batch(frames=1), broken(clip_batch(frames=1)), clip_batch(frames=1)]
    with pytest.raises(NotFinite, match="the loss is not finite after step 0"):
        fit(task, tmp_path, batches, accumulate_grad_batches=3)


def unlabelled(batch):
    batch.labels[:] = 255
    return batch


def test_training_on_labels_without_a_pixel_that_counts_is_no_success(tmp_path):
    message = "no pixel of the training labels counts, and nothing was learned"
    with pytest.raises(ValueError, match=message):
        fit(
            PerFrameTask(TinyNet, num_classes=3),
            tmp_path,
            [unlabelled(clip_batch(seed=i, frames=1)) for i in range(2)],
        )
    assert not (tmp_path / "last.ckpt").exists()


def test_phase_2_names_the_term_that_broke(tmp_path):
    teacher = PerFrameTask(TinyNet, num_classes=3)
    torch.save({"state_dict": teacher.state_dict()}, tmp_path / "high.ckpt")
    task = LowResTask(TinyNet, num_classes=3, weights={"high_res": str(tmp_path / "high.ckpt")})
    batch = clip_batch()
    batch.images[:, 0] = float("nan")  # the keyframe
    with pytest.raises(NotFinite, match=r"segmentation = nan, similarity = nan"):
        fit(task, tmp_path, [batch])
