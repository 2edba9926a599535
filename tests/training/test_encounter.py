"""Looking ahead: the generator's gradient through updates that the discriminator has not made yet."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from toys import final_digest, toy_config, toy_parts, train_toy

from ganzoo.contracts import Batch, Play, Players, Terms, TorchNoise, Verdict
from ganzoo.core.config import OptimizerConfig, Unroll
from ganzoo.training.encounter import foreseen, meet, total


class Point(nn.Module):
    """Always draws its one number."""

    def __init__(self, at: float) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.tensor(at))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.at.expand(len(latents), 1)


class Slope(nn.Module):
    """D(x) = ψ x."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return Verdict(self.slope * samples[:, 0])


class Linear:
    """The discriminator maximises E D(x) - E D(G(z)), the generator E D(G(z))."""

    needs_real_for_generator = False

    def discriminator(self, play: Play) -> Terms:
        assert play.on_real is not None
        return {"loss": play.on_fake.logits.mean() - play.on_real.logits.mean()}

    def generator(self, play: Play) -> Terms:
        return {"loss": -play.on_fake.logits.mean()}


def game(at: float, slope: float) -> tuple[Any, Batch]:
    players = Players(Point(at), Slope(slope))
    parts = toy_parts(toy_config(), players=players, loss=Linear(), regularizers={})
    nothing = torch.zeros(4, 2)
    return parts, Batch(torch.full((4, 1), 3.0), None, nothing, TorchNoise(4))


def test_the_generator_sees_where_the_discriminator_goes() -> None:
    """With a step r: ψ' = ψ + K r (x - θ), so -θ ψ' has the slope -ψ - K r (x - 2θ); x = 3, by hand."""
    at, slope, rate, steps = 0.5, -1.0, 0.25, 3
    parts, batch = game(at, slope)
    fake = parts.players.generator(batch.latents)

    parameters = foreseen(parts, batch, fake, 0, Unroll(steps=steps, learning_rate=rate))
    play = meet(parts, batch, fake, "generator", 0, with_real=False, parameters=parameters)
    objective = total(parts.loss.generator(play))
    (found,) = torch.autograd.grad(objective, [parts.players.generator.at])

    assert parameters["slope"].item() == pytest.approx(slope + steps * rate * (3 - at))
    assert objective.item() == pytest.approx(-at * (slope + steps * rate * (3 - at)))
    assert found.item() == pytest.approx(-slope - steps * rate * (3 - 2 * at))
    assert parts.players.discriminator.slope.item() == slope  # looking ahead changes nothing


def test_what_is_told_of_a_play(tmp_path: Path) -> None:
    """Whose update it is, and how far the run is, in both kinds of updates."""
    seen: dict[str, list[tuple[str, int]]] = {}

    class Told(Linear):
        def discriminator(self, play: Play) -> Terms:
            seen[updates].append((play.player, play.step))
            return super().discriminator(play)

        def generator(self, play: Play) -> Terms:
            seen[updates].append((play.player, play.step))
            return super().generator(play)

    for updates in ("alternating", "simultaneous"):
        seen[updates] = []
        config = toy_config(steps=2, updates=updates)
        train_toy(tmp_path / updates, config, loss=Told(), regularizers={})
        expected = [(player, step) for step in range(2) for player in ("discriminator", "generator")]
        assert seen[updates] == expected


def test_a_run_that_looks_ahead_differs_from_one_that_does_not_and_is_resumed_exactly(tmp_path: Path) -> None:
    rate = OptimizerConfig(learning_rate=0.01)
    settings = {"checkpoint_every": 3, "generator_optimizer": rate, "discriminator_optimizer": rate}
    ahead = toy_config(steps=6, unroll=Unroll(steps=2, learning_rate=0.5), **settings)
    train_toy(tmp_path / "plain", toy_config(steps=6, **settings))
    train_toy(tmp_path / "ahead", ahead)
    train_toy(tmp_path / "resumed", toy_config(steps=3, unroll=Unroll(steps=2, learning_rate=0.5), **settings))
    train_toy(tmp_path / "resumed", ahead)

    assert final_digest(tmp_path / "ahead") != final_digest(tmp_path / "plain")
    assert final_digest(tmp_path / "resumed") == final_digest(tmp_path / "ahead")
