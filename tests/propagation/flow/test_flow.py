"""Flow networks: their published size and cost, the motion law, and their files."""

from __future__ import annotations

import pytest
import torch

from arseg_lightning.cost import count_macs
from arseg_lightning.propagation import warp
from arseg_lightning.propagation.flow import FlowNetS, RAFTSmall, load_flow_weights

SMALL = {"FlowNetS": lambda: FlowNetS(width=0.125), "RAFTSmall": lambda: RAFTSmall(2)}


@pytest.fixture(params=SMALL.values(), ids=SMALL)
def build(request):
    return request.param


def test_raft_has_the_published_number_of_weights():
    assert sum(parameter.numel() for parameter in RAFTSmall().parameters()) == 990_162


def test_flownet_has_the_published_cost():
    with torch.device("meta"):
        network = FlowNetS()
    image = torch.zeros(1, 3, 1024, 2048)
    assert count_macs(network, image, image) / 1e9 == pytest.approx(42.0, rel=0.01)


@torch.no_grad()
@pytest.mark.parametrize("size", [(64, 96), (37, 51)])
def test_any_size_gives_motion_on_the_grid_of_its_stride(build, size):
    network, image = build().eval(), torch.randn(2, 3, *size)
    motion = network(image, image)
    grid = [-(-side // network.stride) for side in size]
    assert motion.shape == (2, 2, *grid)
    assert motion.isfinite().all()


@torch.no_grad()
def test_images_of_a_batch_do_not_mix(build):
    network, one, other = build().eval(), *torch.randn(2, 2, 3, 64, 96)
    torch.testing.assert_close(network(one, other)[:1], network(one[:1], other[:1]))


def test_every_parameter_learns(build):
    network = build()
    network(*torch.randn(2, 1, 3, 64, 96)).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def test_a_flow_network_learns_a_shift_by_the_motion_law():
    """A few steps on one pair: what is warped comes nearer to the image."""
    torch.manual_seed(0)
    network = FlowNetS(width=0.25)
    coarse = torch.nn.functional.interpolate(
        torch.randn(1, 3, 8, 12), size=(128, 192), mode="bicubic"
    )
    reference, image = coarse, coarse.roll(-16, dims=-1)  # image(p) = reference(p + 16)
    small = [torch.nn.functional.avg_pool2d(each, 16) for each in (image, reference)]
    optimiser = torch.optim.Adam(network.parameters(), 1e-4)
    losses = []
    for _ in range(60):
        motion = network(image, reference)
        inside = (small[0] - warp(small[1], motion))[..., 1:-2].abs().mean()
        optimiser.zero_grad()
        inside.backward()
        optimiser.step()
        losses.append(float(inside.detach()))
    assert losses[-1] < 0.5 * losses[0]
    assert network(image, reference)[0, 0, 1:-1, 2:-3].mean() > 0.5


def test_weights_survive_a_file_and_others_are_named(build, tmp_path):
    saved, other = build(), build()
    torch.save(saved.state_dict(), tmp_path / "flow.pth")
    load_flow_weights(other, tmp_path / "flow.pth")
    assert all(map(torch.equal, saved.state_dict().values(), other.state_dict().values()))
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"does not hold the weights of a .*missing: "):
        load_flow_weights(other, tmp_path / "other.pth")
    with pytest.raises(FileNotFoundError):
        load_flow_weights(other, tmp_path / "nowhere.pth")
