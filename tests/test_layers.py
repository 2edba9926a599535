"""What the networks of several families share."""

import pytest
import torch
from torch import nn

from ganzoo.api import BadData, SampleSpec
from ganzoo.layers import base_of, norm_of, start_normal, widths_of


@pytest.mark.parametrize(
    ("side", "base", "doublings"), [(8, 4, 1), (10, 5, 1), (28, 7, 2), (32, 4, 3), (48, 6, 3), (64, 4, 4), (128, 4, 5)]
)
def test_a_side_is_a_small_one_doubled(side: int, base: int, doublings: int) -> None:
    assert base * 2**doublings == side
    assert base_of(SampleSpec((3, side, side)), "Mine") == (base, doublings)


@pytest.mark.parametrize("shape", [(1, 7, 7), (1, 30, 30), (1, 28, 32), (3, 9, 9)])
def test_another_side_is_refused_in_the_network_s_name(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadData, match=f"^Mine doubles .* never gives {shape[1]}×{shape[2]}; resize"):
        base_of(SampleSpec(shape), "Mine")


def test_points_are_sent_elsewhere() -> None:
    with pytest.raises(BadData, match=r"^Mine is for pictures, .* are points; use the networks `other`\.$"):
        base_of(SampleSpec((2,)), "Mine", "other")


def test_maps_double_their_channels_up_to_the_widest() -> None:
    assert widths_of(64, 300, 4) == [64, 128, 256, 300]


@pytest.mark.parametrize("maps", [True, False])
def test_norms_are_over_the_batch_or_over_one_sample(maps: bool) -> None:
    """Mean 0 and variance 1 over what each is about, by torch's own mean and variance; none changes nothing."""
    x = 3 * torch.randn(6, 4, *[5, 5] * maps) + 2
    batch, layer = norm_of("batch", 4, maps=maps)(x), norm_of("layer", 4, maps=maps)(x)
    over_batch = [0, 2, 3] if maps else [0]
    for normed, over in ((batch, over_batch), (layer, [*range(1, x.ndim)])):
        torch.testing.assert_close(normed.mean(over), torch.zeros_like(normed.mean(over)), rtol=0, atol=1e-5)
        torch.testing.assert_close(
            normed.var(over, correction=0), torch.ones_like(normed.mean(over)), rtol=1e-3, atol=1e-3
        )
    assert torch.equal(norm_of("none", 4, maps=maps)(x), x)


def test_weights_start_normal_and_biases_at_zero() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(200, 300), nn.Conv2d(30, 40, 4), nn.BatchNorm2d(4000), nn.Identity())
    start_normal(network, 0.02)
    for layer, mean in ((network[0], 0.0), (network[1], 0.0), (network[2], 1.0)):
        assert layer.weight.mean().item() == pytest.approx(mean, abs=2e-3)
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert not layer.bias.any()


def test_without_a_std_torch_s_own_start_is_kept() -> None:
    layer = nn.Linear(3, 3)
    before = layer.weight.clone()
    start_normal(layer, 0.0)
    assert torch.equal(layer.weight, before)
