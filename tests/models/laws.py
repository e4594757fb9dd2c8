"""What holds for every segmentor: a network's test is a class with its name."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from arseg_lightning.models import Segmentor, load_segmentor_weights
from arseg_lightning.models.segmentor import SideOutputs

NUM_CLASSES = 5
WIDTH = 0.125


class SegmentorLaws:
    network: type[Segmentor]
    num_parameters: int
    """Of the full-width network for 12 classes, training-only heads included."""

    def small(self) -> Segmentor:
        return self.network(NUM_CLASSES, width=WIDTH)

    @pytest.mark.parametrize("size", [(32, 32), (37, 51), (64, 40)])
    def test_any_size_gives_scores_of_that_size(self, size):
        network = self.small().eval()
        assert network(images(1, size)).shape == (1, NUM_CLASSES, *size)

    def test_feature_has_the_declared_channels_and_stride(self):
        network = self.small().eval()
        grid = 64 // network.feature_stride
        feature = network.features(images(1, (64, 64)))
        assert feature.shape == (1, network.feature_channels, grid, grid)

    def test_every_parameter_learns(self):
        network = self.small()
        output = network.output(images(2, (64, 64)))
        total = sum(part.square().mean() for part in (output.scores, *parts(output.side)))
        assert isinstance(total, Tensor)
        total.backward()
        assert [name for name, p in network.named_parameters() if p.grad is None] == []

    def test_side_heads_run_in_training_only(self):
        _, side = self.small().eval().features_and_side(images(1, (32, 32)), with_side=False)
        assert (side.dense, side.presence) == ((), None)

    def test_the_stages_one_after_the_other_are_the_network(self):
        network = self.small().eval()
        image = images(1, (37, 51))
        values, side = {"image": image}, SideOutputs()
        last = [*network.stages].index("middle") if network.stages else 0
        for index, (stage, channels) in enumerate(network.stages.items()):
            # The stages after ``middle`` run again below.
            values[stage], added = network.run(stage, values, with_side=index <= last)
            assert values[stage].shape[:2] == (1, channels)
            side = side + added
        needed = {name: values[name] for name in network.feature_needs}
        feature, added = network.run("feature", needed, with_side=True)
        whole, expected = network.features_and_side(image, with_side=True)
        assert feature.equal(whole)
        for ours, theirs in zip(parts(side + added), parts(expected), strict=True):
            assert ours.equal(theirs)

    def test_an_unknown_stage_is_named(self):
        network = self.small()
        with pytest.raises(ValueError, match=r"has no stage 'deepest'; it has .*feature"):
            network.run("deepest", {"image": images(1, (32, 32))})

    def test_images_of_a_batch_do_not_mix(self):
        network = self.small().eval()
        batch = images(2, (40, 40))
        torch.testing.assert_close(network(batch)[:1], network(batch[:1]), atol=1e-4, rtol=1e-4)

    def test_an_image_alone_has_the_gradients_of_a_batch(self):
        # What torch's batch norm on a CPU makes of a gradient depends on its layout (2.13).
        network, image = self.small().double().eval(), images(1, (64, 64)).double()
        weights = [*network.parameters()]
        alone, twice = (
            torch.autograd.grad(network(batch).square().mean(), weights, materialize_grads=True)
            for batch in (image, torch.cat([image, image]))
        )
        for one, other in zip(alone, twice, strict=True):
            torch.testing.assert_close(one, other, atol=1e-9 * float(other.abs().max()), rtol=1e-6)

    def test_weights_survive_a_file(self, tmp_path):
        saved, other = self.small(), self.small()
        torch.save(saved.state_dict(), tmp_path / "plain.pth")
        load_segmentor_weights(other, tmp_path / "plain.pth")
        assert all(torch.equal(a, b) for a, b in pairs(saved, other))

    def test_full_width_has_the_published_size(self):
        with torch.device("meta"):
            network = self.network(12)
        assert sum(p.numel() for p in network.parameters()) == self.num_parameters


def images(batch: int, size: tuple[int, int]) -> Tensor:
    return torch.randn(batch, 3, *size)


def parts(side: SideOutputs) -> list[Tensor]:
    """All training-only predictions there are."""
    return [*side.dense, *([] if side.presence is None else [side.presence])]


def pairs(a: torch.nn.Module, b: torch.nn.Module) -> zip[tuple[Tensor, Tensor]]:
    return zip(a.state_dict().values(), b.state_dict().values(), strict=True)
