"""A game small enough to be trained in milliseconds, with every kind of state that a run can have."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganzoo.contracts import Play, Players, Regularizer, Terms, Verdict
from ganzoo.core.config import Choice, OptimizerConfig, RunConfig
from ganzoo.core.events import StepDone
from ganzoo.core.files import sha256
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Data
from ganzoo.training.build import Components
from ganzoo.training.draws import Draws
from ganzoo.training.engine import start_engine
from ganzoo.training.processes import ALONE, Processes
from ganzoo.training.state import TrainState
from ganzoo.training.trainer import train
from ganzoo_latents.options import NormalOptions
from ganzoo_latents.priors import Normal
from ganzoo_vanilla.losses import NonSaturating

CPU = torch.device("cpu")


class ToyGenerator(nn.Module):
    """Has buffers, floating and not."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.layers(latents)


class ToyDiscriminator(nn.Module):
    """Draws at random."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(8, 1))

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return Verdict(self.layers(samples)[:, 0])


class ToyPenalty(Regularizer):
    """R1 on a random share of the batch, scaled by a mean that it remembers."""

    needs_sample_gradients = True
    interval = 2

    def __init__(self) -> None:
        self.mean = torch.ones(())

    def terms(self, play: Play, players: Players) -> Terms:
        assert play.on_real is not None
        (gradient,) = torch.autograd.grad(play.on_real.logits.sum(), play.batch.real, create_graph=True)
        penalty = (gradient.square().sum(1) * play.batch.noise.uniform()).mean()
        self.mean = self.mean.lerp(penalty.detach(), 0.1)
        return {"r1": penalty * self.mean}

    def state_dict(self) -> dict[str, Tensor]:
        return {"mean": self.mean}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.mean = state["mean"]


def toy_data(count: int = 40) -> Data:
    points = np.random.default_rng(0).standard_normal((count, 2), dtype=np.float32)
    return Data(points, np.arange(count, dtype=np.int64) % 4, ("a", "b", "c", "d"))


def toy_config(**changes: Any) -> RunConfig:
    config = RunConfig(
        recipe="toy",
        dataset=Choice(name="toy"),
        latents=Choice(name="normal"),
        generator=Choice(name="toy"),
        discriminator=Choice(name="toy"),
        loss=Choice(name="non-saturating"),
        batch_size=16,
        steps=12,
        checkpoint_every=6,
        samples_every=1000,
        log_every=4,
        generator_optimizer=OptimizerConfig(learning_rate=0.01),
        discriminator_optimizer=OptimizerConfig(learning_rate=0.01),
    )
    return replace(config, **changes)


def toy_parts(config: RunConfig, processes: Processes = ALONE, **changes: Any) -> Components:
    """Fresh components, as a new process would build them."""
    torch.manual_seed(0)
    data, prior = changes.pop("data", None) or toy_data(), Normal(NormalOptions(size=2))
    players = changes.pop("players", None) or Players(ToyGenerator(), ToyDiscriminator())
    players, engine = start_engine(players, config, CPU, processes)
    parts = Components(
        sample=data.spec,
        players=players,
        row_wise=False,
        loss=NonSaturating(),
        regularizers={"toy": ToyPenalty()},
        augmentations={},
        prior=prior,
        draws=Draws(data, prior, config, CPU, processes.shares(config.batch_size, config.accumulate)),
        engine=engine,
    )
    return replace(parts, **changes)


def train_toy(
    folder: Path,
    config: RunConfig,
    observe: Callable[[StepDone], None] = lambda event: None,
    **changes: Any,
) -> TrainState:
    return train(toy_parts(config, **changes), config, RunFolder(folder), observe, lambda text: None)


def final_digest(folder: Path) -> str:
    """SHA-256 of the newest checkpoint: all weights, averages, optimizers, and other state."""
    return sha256(RunFolder(folder).newest_checkpoint())
