"""The loss, against what can be worked out by hand.

`pytest --ganzoo-plugin template` also checks that every component keeps the contracts of its kind.
"""

from math import log

import pytest
import torch
from torch import Tensor

from ganzoo.contracts import Batch, Loss, Play, TorchNoise, Verdict
from ganzoo_template import SmoothingOptions, build_loss


def play_of(real: Tensor, fake: Tensor) -> Play:
    """A play of which a loss can read the logits alone."""
    nothing = torch.empty(len(fake), 1)
    return Play(Batch(nothing, None, nothing, TorchNoise(len(fake))), nothing, Verdict(real), Verdict(fake))


@pytest.mark.parametrize("target", [0.5, 0.9, 1.0])
def test_the_best_discriminator_is_target_times_the_share_of_data(target: float) -> None:
    """D* = target · p_data / (p_data + p_g): at its logits no change of them lowers the loss.

    Two points make up the world. The data are at the first 3 times in 4, the samples 1 time in 4.
    """
    real, fake = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 1, 1])
    best = torch.tensor([target * 3 / 4, target * 1 / 4], dtype=torch.float64)
    logits = best.logit().requires_grad_()

    terms = build_loss(SmoothingOptions(target)).discriminator(play_of(logits[real], logits[fake]))
    (slope,) = torch.autograd.grad(terms["real"] + terms["fake"], logits)

    torch.testing.assert_close(slope, torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12)


def test_too_sure_is_worse_than_right() -> None:
    """Of real samples, D = 0.9 costs least: its entropy; 0.8 and 0.99 both cost more."""
    loss = build_loss(SmoothingOptions())
    d = torch.tensor([0.8, 0.9, 0.99], dtype=torch.float64)

    costs = [float(loss.discriminator(play_of(value[None].logit(), torch.zeros(1)))["real"]) for value in d]

    assert costs[1] == pytest.approx(-0.9 * log(0.9) - 0.1 * log(0.1), rel=1e-12)
    assert costs[1] < min(costs[0], costs[2])


def test_the_generator_minimises_minus_log_d() -> None:
    fake = torch.tensor([0.2, 0.5], dtype=torch.float64)

    terms = build_loss(SmoothingOptions()).generator(play_of(fake, fake.logit()))

    assert float(terms["fake"]) == pytest.approx(-(log(0.2) + log(0.5)) / 2, rel=1e-12)


def test_it_keeps_the_contract_of_a_loss() -> None:
    assert isinstance(build_loss(SmoothingOptions()), Loss)
