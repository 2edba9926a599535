"""What to do about too little memory: torch has several ways to say so, and users need only one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import torch
from torch import nn

from ganzoo.contracts import Batch, Player
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import GanzooError
from ganzoo.training.build import Components
from ganzoo.training.encounter import meet, total
from ganzoo.training.noise import RowNoise
from ganzoo.training.precision import has
from ganzoo.training.trainer import acting, objective, wants_gradients

T = TypeVar("T")


@contextmanager
def enough_to_start() -> Iterator[None]:
    """Raise GanzooError where networks and data alone are too large."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise GanzooError(
                "There is not enough memory for this run's networks and data; set smaller networks, or "
                "--set stream=always to leave the data on the disk."
            ) from error
        raise


def within_memory(parts: Components, config: RunConfig, do: Callable[[], T]) -> T:
    """What `do` returns. Raises GanzooError with what would fit, where it needs more memory than there is."""
    try:
        return do()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        error.__traceback__ = None  # lets go of what the failed step holds
    raise GanzooError(advice(parts, config))


def is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def advice(parts: Components, config: RunConfig) -> str:
    """What would fit, found by trying. The failed step's tensors must have been let go."""
    share = len(parts.draws.shares[0])
    alone = parts.engine.processes.count == 1  # the others are waiting for this one, and cannot join in a try
    fitting = next((rows for rows in halves(share) if not alone or fits(parts, rows)), 0)
    if not fitting:
        return "There is not enough memory for one sample at a time; set smaller networks."
    passes, smaller = config.accumulate * share // fitting, config.batch_size * fitting // share
    lower = config.precision in ("fp32", "tf32") and has("bf16", parts.engine.device)
    return (
        f"There is not enough memory for {share} samples in one pass, but {fitting} would fit: use --accumulate "
        f"{passes}, which computes the same but for what looks at several samples at once, as batch norm does, or "
        f"--set batch_size={smaller}"
        f"{', or --precision bf16' if lower else ''}."
    )


def halves(rows: int) -> Iterator[int]:
    """Half as many, as long as that divides them, so that a batch stays whole."""
    while rows % 2 == 0:
        rows //= 2
        yield rows


def fits(parts: Components, rows: int) -> bool:
    """Whether one pass of both players over so many samples can be computed; nothing is changed by it."""
    try:
        one_pass(parts, rows)
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            return False
        raise
    except ValueError:  # batch norm cannot see one sample alone
        return False
    finally:
        if parts.engine.device.type == "cuda":
            torch.cuda.empty_cache()
    return True


def one_pass(parts: Components, rows: int) -> None:
    """Forward and backward for both players, with the penalties of a first update."""
    whole = parts.draws.discriminator(0)[0]
    batch = first_of(whole, rows)
    players: dict[Player, nn.Module] = {
        "discriminator": parts.players.discriminator,
        "generator": parts.players.generator,
    }
    active = {player: acting(parts, player, 0) for player in players}
    slopes = any(map(wants_gradients, active.values()))
    play = meet(parts, batch, parts.engine.generate(batch.latents, batch.labels), differentiable=slopes)
    for player, network in players.items():
        weights = [parameter for parameter in network.parameters() if parameter.requires_grad]
        terms = objective(parts, replace(play, player=player), active[player])
        torch.autograd.grad(total(terms), weights, retain_graph=player == "discriminator", allow_unused=True)


def first_of(batch: Batch, rows: int) -> Batch:
    """The first samples of a batch, with noise for as many."""
    assert isinstance(batch.noise, RowNoise)
    return Batch(
        real=batch.real[:rows],
        labels=None if batch.labels is None else batch.labels[:rows],
        latents=batch.latents[:rows],
        noise=replace(batch.noise, share=batch.noise.share[:rows]),
    )
