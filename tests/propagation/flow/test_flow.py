"""Flow networks: their published size and cost, the motion law, and their files."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from arseg_lightning.cost import count_macs
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.propagation import warp
from arseg_lightning.propagation.flow import FlowNetS, RAFTSmall

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


@pytest.mark.parametrize("build", [partial(FlowNetS, 0.125), partial(RAFTSmall, 2)])
def test_weights_survive_a_file_and_others_are_named(build, tmp_path):
    saved, file = build(), tmp_path / "flow.pth"
    torch.save(saved.state_dict(), file)
    other = build(weights=str(file))
    assert other.is_trained
    assert all(map(torch.equal, saved.state_dict().values(), other.state_dict().values()))
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"does not hold the weights of a .*missing: "):
        build(weights=str(tmp_path / "other.pth"))
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*nowhere.pth; give the"):
        build(weights=str(tmp_path / "nowhere.pth"))


def published(network, without_bias=True):
    """The weights of a FlowNetS as its PyTorch ports name and wrap them."""
    state = {}
    for name, value in network.state_dict().items():
        starts = FlowNetS.published_names.items()
        theirs, ours = next(each for each in starts if name.startswith(each[1]))
        if name.endswith("weight") or not (without_bias and theirs[0] in "pdu"):
            state[theirs + name.removeprefix(ours)] = value
    return {"arch": "flownets", "state_dict": state, "div_flow": 20}


def test_a_published_flownet_gets_our_names_and_zeros_for_what_it_has_no_bias_for(tmp_path):
    torch.manual_seed(0)
    trained = FlowNetS(width=0.125)
    torch.nn.init.normal_(trained.last.weight)
    content = published(trained)
    assert {"conv3_1.0.bias", "predict_flow2.weight", "upsampled_flow6_to_5.weight"} < {
        *content["state_dict"]
    }
    assert "deconv5.0.bias" not in content["state_dict"]
    torch.save(content, tmp_path / "flownets.pth.tar")
    network = FlowNetS(0.125, str(tmp_path / "flownets.pth.tar"))
    images = torch.randn(2, 1, 3, 64, 96)
    assert network(*images).any()
    torch.testing.assert_close(network(*images), trained(*images))
    content["state_dict"].pop("conv1.0.bias")  # as in the one with batch norms
    torch.save(content, tmp_path / "norms.pth.tar")
    with pytest.raises(ValueError, match=r"does not hold .*missing: down.0.0.bias"):
        FlowNetS(0.125, str(tmp_path / "norms.pth.tar"))


@torch.no_grad()
def test_flownet_sees_pixels_whatever_their_normalisation():
    pixels, other = torch.randint(0, 256, (2, 1, 3, 64, 96)).float()
    own = Normalisation((0.5, 0.5, 0.5), (0.1, 0.2, 0.3))
    torch.manual_seed(0)
    network = FlowNetS(0.125, normalise=own).eval()
    torch.nn.init.normal_(network.last.weight)
    found = network(own(pixels), own(other))
    network.normalise = standard = Normalisation()
    torch.testing.assert_close(network(standard(pixels), standard(other)), found)
