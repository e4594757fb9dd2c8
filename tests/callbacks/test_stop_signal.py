"""A run that is told to stop ends between two steps, in all its processes together."""

import os
import signal

import pytest
from lightning import Callback, Trainer
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch.utils.data import DataLoader

from arseg_lightning.callbacks import StopSignal
from arseg_lightning.cli import main
from arseg_lightning.losses import CrossEntropy
from arseg_lightning.tasks import PerFrameTask
from tests.callbacks.interrupted import CROSS_ENTROPY, DroppingNet, experiment
from tests.processes import run_together
from tests.tiny import TinyNet, clip_batch


class Ends(Callback):
    """Ends a run in its second step as a cluster would, or Ctrl-C."""

    def __init__(self, number):
        self.number, self.steps, self.handlers = number, 0, []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == 1:
            os.kill(os.getpid(), self.number)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.steps += 1


def fit(folder, number):
    ends = Ends(number)
    trainer = Trainer(
        max_epochs=1,
        accelerator="cpu",
        devices=1,
        logger=False,
        default_root_dir=folder,
        callbacks=[StopSignal(), ends],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    task = PerFrameTask(TinyNet, CrossEntropy(), num_classes=3)
    trainer.fit(task, DataLoader([clip_batch()] * 4, batch_size=None))
    return ends.steps


@pytest.mark.parametrize(
    ("number", "error", "by"),
    [(signal.SIGTERM, SIGTERMException, "SIGTERM"), (signal.SIGINT, SystemExit, "Ctrl-C")],
)
def test_the_end_is_told_in_one_line(tmp_path, capsys, number, error, by):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with pytest.raises(error):
        fit(tmp_path, number)
    assert capsys.readouterr().out.endswith(f"stopped by {by} in epoch 1\n")
    assert signal.getsignal(signal.SIGTERM) == before[0]
    signal.signal(signal.SIGINT, before[1])  # Lightning leaves it switched off


class EndsItself(DroppingNet):
    """Sends SIGTERM to its process in its third step, if that is the one who is to."""

    passes = 0

    def features_and_side(self, image, with_side):
        if with_side and self.training:
            EndsItself.passes += 1
            if EndsItself.passes == 3 and os.environ["RANK"] in os.environ["ENDED"]:
                os.kill(os.getpid(), signal.SIGTERM)
        return super().features_and_side(image, with_side)


def end(rank, folder, ended):
    """Train until a process is told to stop; then the number of steps is written."""
    os.environ["ENDED"] = ended
    config = experiment(
        folder / f"config{rank}", folder / "store", "PerFrameTask", loss=CROSS_ENTROPY
    )
    network = f"{__name__}.EndsItself"
    flags = ("--trainer.devices", "2", "--data.batch_size", "1", "--model.network", network)
    with pytest.raises(SystemExit) as status:
        main(["fit", "--config", config, "--run_dir", str(folder / "run"), *flags])
    assert status.value.code == (143 if rank == 0 else 0)
    (folder / f"passes{rank}").write_text(str(EndsItself.passes))


@pytest.mark.slow
@pytest.mark.parametrize("ended", ["0", "1", "01"])
def test_all_processes_end_after_the_same_step_whoever_is_told(tmp_path, ended):
    assert run_together(end, tmp_path, ended) == [None, None]
    assert [(tmp_path / f"passes{rank}").read_text() for rank in (0, 1)] == ["3", "3"]
