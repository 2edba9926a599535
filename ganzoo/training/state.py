"""Everything that changes during a run."""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from ganzoo.contracts import Player, Players
from ganzoo.core.config import OptimizerConfig, RunConfig
from ganzoo.core.schedule import Schedule, value_at


class MovingAverage:
    """Exponential moving average of a network's parameters and buffers."""

    def __init__(self, network: nn.Module) -> None:
        self.network = deepcopy(network).eval().requires_grad_(False)
        pairs = list(zip(tensors(self.network), tensors(network), strict=True))
        self.means = [mean for mean, _ in pairs if mean.is_floating_point()]
        self.values = [value for _, value in pairs if value.is_floating_point()]
        self.counts = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int, decay: float) -> None:
        """Move towards the network, the `step`-th time; a decay of 0 makes a plain copy.

        The decay rises as (1 + n) / (10 + n), so that a short run is not held back by its first weights.
        """
        decay = min(decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.means, self.values, 1 - decay)
        for copy, count in self.counts:
            copy.copy_(count)


def tensors(network: nn.Module) -> list[torch.Tensor]:
    return [*network.parameters(), *network.buffers()]


@dataclass
class TrainState:
    """The players, their average, their optimizers, and how far they are."""

    step: int  # generator updates done
    players: Players
    average: MovingAverage
    generator_optimizer: Optimizer
    discriminator_optimizer: Optimizer

    @classmethod
    def start(cls, players: Players, config: RunConfig) -> "TrainState":
        return cls(
            step=0,
            players=players,
            average=MovingAverage(players.generator),
            generator_optimizer=build_optimizer(players.generator, config.generator_optimizer),
            discriminator_optimizer=build_optimizer(players.discriminator, config.discriminator_optimizer),
        )

    @property
    def optimizers(self) -> dict[Player, Optimizer]:
        """By player, in the order of their updates."""
        return {"discriminator": self.discriminator_optimizer, "generator": self.generator_optimizer}

    def follow_schedules(self, config: RunConfig) -> None:
        """Set this step's learning rates, momenta and betas."""
        pairs = (
            (self.generator_optimizer, config.generator_optimizer),
            (self.discriminator_optimizer, config.discriminator_optimizer),
        )
        for optimizer, settings in pairs:
            for group in optimizer.param_groups:
                group["lr"] = value_at(settings.learning_rate, self.step)
                if "momentum" in group:
                    group["momentum"] = value_at(settings.momentum, self.step)
                if "betas" in group:
                    group["betas"] = betas_at(settings, self.step)


def betas_at(config: OptimizerConfig, step: int) -> tuple[float, float]:
    first, second = config.betas
    return value_at(first, step), value_at(second, step)


def build_optimizer(network: nn.Module, config: OptimizerConfig) -> Optimizer:
    """The rule of that name, in torch's fused form where it has one. Raises ValueError for numbers that cannot work."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    rate, momentum = value_at(config.learning_rate, 0), value_at(config.momentum, 0)
    if config.name == "adam":
        return torch.optim.Adam(parameters, rate, betas_at(config, 0), weight_decay=config.weight_decay, fused=True)
    if config.name == "sgd":
        return torch.optim.SGD(parameters, rate, momentum, weight_decay=config.weight_decay, fused=True)
    if isinstance(config.momentum, Schedule) and momentum == 0:  # torch makes room for it in the first step or never
        raise ValueError("the momentum of rmsprop cannot start at 0; start it at 0.01")
    return torch.optim.RMSprop(
        parameters, rate, config.smoothing, weight_decay=config.weight_decay, momentum=momentum, foreach=True
    )
