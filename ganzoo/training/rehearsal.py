"""The first step, played on copies before there is a run: what cannot work is found while nothing is written yet."""

from copy import deepcopy
from dataclasses import replace

from ganzoo.core.config import OptimizerConfig, RunConfig
from ganzoo.training.build import Components
from ganzoo.training.state import TrainState
from ganzoo.training.trainer import one_step

STILL = OptimizerConfig(name="sgd", learning_rate=0.0)  # needs no memory for what Adam remembers


def rehearse(parts: Components, config: RunConfig) -> None:
    """One update of each player as the first step has it, with its whole batch. Raises what that step would raise.

    It leaves no trace: all that an update changes is a copy, and what it draws is a function of its number. It costs
    about a step, where a step has one update of each player; networks run as they are, and are compiled later.
    """
    once = replace(config, d_steps=1, d_burst=None, generator_optimizer=STILL, discriminator_optimizer=STILL)
    copies = copied(parts)
    one_step(TrainState.start(copies.players, once), copies, once)
    copies.share_state()


def copied(parts: Components) -> Components:
    """Networks and everything else that has state; the data and the prior stay where they are."""
    players = parts.players
    engine = replace(parts.engine, generator=players.generator, discriminator=players.discriminator)
    shared = {id(each): each for each in (parts.draws, parts.prior)}
    return deepcopy(replace(parts, engine=engine), shared)
