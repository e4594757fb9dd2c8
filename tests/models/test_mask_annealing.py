"""Annealed attention masks: the published schedule, transformers' forward, and resuming."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from lightning import Callback
from torch.utils.data import DataLoader

from arseg_lightning.losses import SetLoss
from arseg_lightning.methods import MPVSS
from arseg_lightning.models import EoMT, MaskAnnealing
from arseg_lightning.tasks import PerFrameTask
from tests.methods.laws import assert_same
from tests.tiny import clip_batch, small_trainer

transformers = pytest.importorskip("transformers", reason="the extra hf is not installed")

from tests.methods.test_videomt import make_videomt  # noqa: E402 (it skips, too)
from tests.models.test_eomt import KINDS, make, theirs  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make("eomt", tmp_path_factory.mktemp("hub"))


@pytest.mark.parametrize(
    ("steps", "starts", "ends"),
    [  # the authors' configurations: ADE20K, COCO, Cityscapes
        (39120, [6520, 13040, 19560, 26080], [13040, 19560, 26080, 32600]),
        (88692, [14782, 29564, 44346, 59128], [29564, 44346, 59128, 73910]),
        (19902, [3317, 8292, 13268], [6634, 11609, 16585]),
    ],
)
def test_the_schedule_is_the_published_one(steps, starts, ends):
    schedule, blocks = MaskAnnealing(), len(starts)
    for block, (start, end) in enumerate(zip(starts, ends, strict=True)):
        at = [start, (start + end) / 2, end]
        values = [schedule.probabilities(step / steps, blocks)[block] for step in at]
        assert values == pytest.approx([1.0, 0.5**0.9, 0.0], abs=1e-3)
    assert schedule.probabilities(0.0, blocks) == [1.0] * blocks
    assert schedule.probabilities(1.0, blocks) == [0.0] * blocks


def test_known_values():
    line = MaskAnnealing(first=0.0, last=0.5, span=0.5, power=1.0)
    assert line.probabilities(0.25, 2) == [0.5, 1.0]
    assert line.probabilities(0.75, 2) == [0.0, 0.5]
    assert line.probabilities(0.25, 1) == [0.5]
    assert MaskAnnealing().probabilities(0.25, 3) == pytest.approx([0.5358867, 1.0, 1.0])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"first": 0.8}, "from 0.8 of the training on and those of the last from 0.666667 to"),
        ({"span": 0.5}, "to 1.16667; take first <= last <= 1 - span"),
        ({"span": 0.0}, "span is a finite number above 0, got 0"),
        ({"power": -1.0}, "power is a finite number above 0, got -1"),
    ],
)
def test_spans_outside_the_training_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        MaskAnnealing(**settings)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("masking", [(1.0, 1.0), (0.0, 0.0), (0.3, 1.0), (0.0, 1.0), (1.0, 0.0)])
@torch.no_grad()
def test_training_masks_what_transformers_masks(kind, masking, tmp_path):
    folder = make(kind, tmp_path, masking)
    image = torch.randn(2, 3, 48, 48)
    ours, model = EoMT(11, folder).train(), theirs(folder).train()
    torch.manual_seed(0)
    found = ours.find(image, with_earlier=True).scores[-1]
    torch.manual_seed(0)
    expected = model(pixel_values=image)
    assert_same(found.masks, expected.masks_queries_logits)
    assert_same(found.classes, expected.class_queries_logits)


@torch.no_grad()
def test_evaluation_draws_nothing(folder):
    network, image = EoMT(11, folder).eval(), torch.randn(1, 3, 48, 48)
    scores = []
    for masking in ([0.4, 0.6], [0.0, 1.0], [0.6, 1.0], [1.0, 1.0]):
        network.masking = masking
        scores.append(network(image))
    assert scores[0].equal(scores[1])
    assert scores[2].equal(scores[3])
    assert not scores[1].equal(scores[3])


BATCHES, EPOCHS = 6, 2


class KeepHalf(Callback):
    """Writes a checkpoint after the first epoch."""

    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.current_epoch == 0:
            trainer.save_checkpoint(f"{trainer.default_root_dir}/half.ckpt")


def train(folder, network_folder, checkpoint=None):
    """Train a network; the task, and how likely its blocks masked at each step."""
    network = partial(EoMT, name=network_folder, annealing=MaskAnnealing())
    task = PerFrameTask(network, num_classes=11, loss=SetLoss(points=10))
    seen, losses = [], task.method.losses
    task.method.losses = lambda clip: seen.append(task.method.network.masking) or losses(clip)
    trainer = small_trainer(
        max_epochs=EPOCHS,
        default_root_dir=folder,
        callbacks=[KeepHalf()],
        enable_checkpointing=True,
    )
    clips = [clip_batch(1, 1, (16, 16), seed=i) for i in range(BATCHES)]
    trainer.fit(task, DataLoader(clips, batch_size=None), ckpt_path=checkpoint)
    return task, seen


def test_a_training_takes_masks_away_and_is_resumed_where_it_was(folder, tmp_path):
    task, seen = train(tmp_path, folder)
    steps = BATCHES * EPOCHS
    assert seen == [MaskAnnealing().probabilities(i / steps, 2) for i in range(steps)]
    assert seen[0] == [1.0, 1.0]
    assert task.method.network.masking == [0.0, 0.0]
    assert not task.method.network.model.attn_mask_probs.any()

    half = torch.load(tmp_path / "half.ckpt", weights_only=False)["state_dict"]
    saved = PerFrameTask(partial(EoMT, name=folder), num_classes=11)  # that does not anneal
    saved.load_state_dict(half)
    assert saved.method.network.masking == pytest.approx(seen[BATCHES])

    _, resumed = train(tmp_path, folder, tmp_path / "half.ckpt")
    assert resumed == seen[BATCHES:]


def test_a_network_that_does_not_train_keeps_its_masks(folder):
    network = partial(EoMT, name=folder, annealing=MaskAnnealing())
    method = MPVSS(11, network, layers=1, heads=2, width=0.25).train()
    method.follow_training(1.0)
    assert method.network.masking == [1.0, 1.0]


def test_a_videomt_which_never_masks_is_refused(tmp_path):
    make_videomt(tmp_path)
    with pytest.raises(ValueError, match="a videomt, whose queries are never masked; leave anneal"):
        EoMT(11, str(tmp_path), annealing=MaskAnnealing())
