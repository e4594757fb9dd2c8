"""The cost line: its figures are method_cost's, and it ends no run."""

import pytest
from torch import nn

from arseg_lightning.callbacks.progress import CostLine, cost_line
from arseg_lightning.cost import method_cost
from arseg_lightning.datasets import ClipDataModule
from arseg_lightning.datasets.synthetic.scene import SyntheticDriving
from arseg_lightning.losses import FST, CrossEntropy
from arseg_lightning.propagation import CReFF
from arseg_lightning.tasks import JointTask
from tests.tiny import TinyNet


def joint(network=TinyNet):
    loss = CrossEntropy()
    fusion = lambda channels: CReFF(channels, window=3)  # noqa: E731
    return JointTask(network, loss, FST(loss), num_classes=3, keyframe_interval=12, fusion=fusion)


def test_each_method_is_compared_with_1x():
    task = joint()
    costs = [method_cost(each, (96, 128)).mean_gmacs for each in task.methods().values()]
    line = cost_line(task, (96, 128))
    assert line.startswith(f"GMACs/frame at 128x96, L = 12: 1x {costs[0]:.3g}, 0.5x ")
    own = costs[2] / costs[0]
    assert f"AR 0.5x {costs[2]:.3g} ({abs(1 - own):.0%} {'less' if own < 1 else 'more'})" in line


class Uncounted(TinyNet):
    """Has weights that no rule counts."""

    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.body.append(nn.Bilinear(8, 8, 8))


class StartingRun:
    """As much of a trainer as the start of a run shows."""

    is_global_zero = True

    def __init__(self, store):
        driving = SyntheticDriving(num_videos=1, num_frames=4, height=48, width=64)
        self.datamodule = ClipDataModule(val=driving, store=store, keyframe_interval=4)
        self.datamodule.prepare_data()


def test_a_network_that_cannot_be_counted_is_a_warning(tmp_path, caplog, capsys):
    run = StartingRun(tmp_path)
    CostLine().on_fit_start(run, joint())
    assert capsys.readouterr().out.startswith("GMACs/frame at 64x48, L = 12: 1x ")
    CostLine().on_fit_start(run, joint(Uncounted))
    assert "the cost per frame is not known" in caplog.text
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("run", [type("Run", (), {"is_global_zero": True})()])
def test_without_our_data_nothing_is_said(run, capsys):
    CostLine().on_fit_start(run, joint())
    assert capsys.readouterr().out == ""
