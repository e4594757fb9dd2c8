"""Samplers: order from seed and epoch, every evaluation sample once."""

import pytest
from lightning import Trainer
from torch.utils.data import DataLoader

from arseg_lightning.datasets.loader import EpochSampler, EvaluationSampler


def test_the_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        sampler = EpochSampler(20, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(0, 3) == order(0, 3)
    assert order(0, 3) != order(0, 4)
    assert order(0, 3) != order(1, 3)
    assert {epoch for epoch, _ in order(0, 3)} == {3}


def test_processes_share_an_epoch_without_overlap():
    shares = [set(EpochSampler(11, 0, rank, 3)) for rank in range(3)]
    assert [len(share) for share in shares] == [3, 3, 3]
    assert len(set.union(*shares)) == 9


def test_every_evaluation_sample_counts_exactly_once():
    shares = [list(EvaluationSampler(range(7), rank, 2)) for rank in range(2)]
    assert sorted(index for share in shares for index in share) == list(range(7))


def test_the_pieces_of_a_stream_stay_together_and_in_order():
    streams = [0, 0, 0, 1, 2, 2]
    assert [list(EvaluationSampler(streams, rank, 2)) for rank in range(2)] == [
        [0, 1, 2, 4, 5],
        [3],
    ]


def test_more_processes_than_samples_are_refused():
    with pytest.raises(ValueError, match="1 evaluation streams cannot be shared by 2 processes"):
        EvaluationSampler([0, 0], 0, 2)


@pytest.mark.parametrize("sampler", [EpochSampler(5), EvaluationSampler([0, 1])])
def test_lightning_shares_none_of_them_once_more(sampler):
    """Of a loader whose sampler is distributed, it takes the sampler as it is."""
    loader = DataLoader(range(5), sampler=sampler)
    connector = Trainer(accelerator="cpu", devices=2, logger=False)._data_connector
    assert connector.trainer._accelerator_connector.is_distributed
    assert not connector._requires_distributed_sampler(loader)
