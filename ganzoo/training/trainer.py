"""The one training loop. Read `train` from top to bottom; all else here is a detail of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add
from shlex import quote
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Optimizer

from ganzoo.contracts import Batch, Play, Regularizer, Terms, Verdict
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadPlugin, Interrupted
from ganzoo.core.events import StepDone
from ganzoo.core.run_folder import RunFolder
from ganzoo.training.build import Components
from ganzoo.training.checkpoint import load_checkpoint, save_checkpoint
from ganzoo.training.interrupt import interruptible
from ganzoo.training.looking import save_samples
from ganzoo.training.randomness import seed_torch
from ganzoo.training.recorder import Recorder
from ganzoo.training.state import TrainState

Player = Literal["discriminator", "generator"]


def train(parts: Components, config: RunConfig, run: RunFolder, observe: Callable[[StepDone], None]) -> TrainState:
    """Train to the run's end, going on from the newest checkpoint in `run` if there is one.

    Raises Interrupted after Ctrl-C, with all saved; Diverged where a loss or a weight is no longer finite.
    """
    state = TrainState.start(parts.players, config)
    load_checkpoint(state, parts, run)
    one_step = {"alternating": alternate, "simultaneous": move_at_once}[config.updates]
    recorder = Recorder(run, config, parts.draws.count, state.step)

    with interruptible() as interrupted:
        done = recorder.is_over(state.step)
        while not done:
            state.follow_schedules(config)
            moves = one_step(state, parts, config)
            state.average.update(state.step)
            state.step += 1
            recorder.add(state.step, moves.terms)

            done = recorder.is_over(state.step) or interrupted.is_set()
            if done or state.step % config.log_every == 0:
                observe(recorder.log(state.step, moves.on_real, moves.on_fake))
            if done or state.step % config.checkpoint_every == 0:
                recorder.check()
                save_checkpoint(state, parts, run, config.keep_checkpoints)
            if done or state.step % config.samples_every == 0:
                save_samples(state.average.network, parts, run.samples_file(state.step))
    if not run.samples_file(state.step).exists():  # a run that was cut short between its last two files
        save_samples(state.average.network, parts, run.samples_file(state.step))
    if not recorder.is_over(state.step):
        command = f"ganzoo train --resume {quote(str(run.path))}"
        raise Interrupted(f"Stopped at step {state.step:,}; all is saved. Go on: {command}")
    return state


@dataclass(frozen=True, slots=True)
class Moves:
    """What one step did: both players' terms, and the verdicts in the discriminator's last update."""

    terms: Terms
    on_real: Float[Tensor, "batch"]  # logits
    on_fake: Float[Tensor, "batch"]  # logits


def alternate(state: TrainState, parts: Components, config: RunConfig) -> Moves:
    """`d_steps` updates of the discriminator, then one of the generator. Goodfellow et al. (2014), algorithm 1."""
    for update in range(state.step * config.d_steps, (state.step + 1) * config.d_steps):
        seed_torch(config.seed, "discriminator", update)
        batch = parts.draws.batch(update)
        with torch.no_grad():
            fake = parts.players.generator(batch.latents, batch.labels)
        active = acting(parts, "discriminator", update)
        d_play = meet(parts, batch, fake, differentiable=wants_gradients(active))
        d_terms = objective(parts, "discriminator", d_play, active)
        descend(state.discriminator_optimizer, d_terms)
        after_step(parts, active)

    seed_torch(config.seed, "generator", state.step)
    batch = Batch(batch.real, batch.labels, parts.draws.latents("generator latents", state.step))
    fake = parts.players.generator(batch.latents, batch.labels)
    active = acting(parts, "generator", state.step)
    g_play = meet(
        parts, batch, fake, with_real=parts.loss.needs_real_for_generator, differentiable=wants_gradients(active)
    )
    g_terms = objective(parts, "generator", g_play, active)
    descend(state.generator_optimizer, g_terms)
    after_step(parts, active)
    return moves_of(d_play, d_terms, g_terms)


def move_at_once(state: TrainState, parts: Components, config: RunConfig) -> Moves:
    """Both players' gradients from one play, then both steps, as in the code of Goodfellow et al. (2014)."""
    seed_torch(config.seed, "both", state.step)
    batch = parts.draws.batch(state.step)
    fake = parts.players.generator(batch.latents, batch.labels)
    active = {player: acting(parts, player, state.step) for player in ("discriminator", "generator")}
    play = meet(parts, batch, fake, differentiable=any(map(wants_gradients, active.values())))

    d_terms = objective(parts, "discriminator", play, active["discriminator"])
    g_terms = objective(parts, "generator", play, active["generator"])
    set_gradients(state.discriminator_optimizer, d_terms, keep_graph=True)
    set_gradients(state.generator_optimizer, g_terms)
    for optimizer in (state.discriminator_optimizer, state.generator_optimizer):
        optimizer.step()
    for regularizers in active.values():
        after_step(parts, regularizers)
    return moves_of(play, d_terms, g_terms)


def meet(
    parts: Components, batch: Batch, fake: Tensor, *, with_real: bool = True, differentiable: bool = False
) -> Play:
    """The discriminator looks at both kinds of samples, together only where that changes nothing."""
    if with_real and parts.row_wise and not differentiable:
        labels = None if batch.labels is None else torch.cat([batch.labels, batch.labels])
        verdict = judge(parts, torch.cat([batch.real, fake]), labels)
        return Play(batch, fake, *verdict.split(len(fake)))
    if differentiable:
        batch = Batch(batch.real.requires_grad_(), batch.labels, batch.latents)
        fake = fake if fake.requires_grad else fake.requires_grad_()
    on_real = judge(parts, batch.real, batch.labels) if with_real else None
    return Play(batch, fake, on_real, judge(parts, fake, batch.labels))


def judge(parts: Components, samples: Tensor, labels: Tensor | None) -> Verdict:
    """The only place where the discriminator runs."""
    for augment in parts.augmentations.values():
        samples = augment(samples)
    verdict: Verdict = parts.players.discriminator(samples, labels)
    return verdict


def acting(parts: Components, player: Player, update: int) -> dict[str, Regularizer]:
    """The regularizers of that player whose turn it is."""
    return {
        name: regularizer
        for name, regularizer in parts.regularizers.items()
        if regularizer.player == player and update % regularizer.interval == 0
    }


def wants_gradients(active: dict[str, Regularizer]) -> bool:
    return any(regularizer.needs_sample_gradients for regularizer in active.values())


def objective(parts: Components, player: Player, play: Play, active: dict[str, Regularizer]) -> Terms:
    """All that the player minimises, by name."""
    terms = dict(getattr(parts.loss, player)(play))
    for name, regularizer in active.items():
        terms |= {f"{name}/{key}": value for key, value in regularizer.terms(play, parts.players).items()}
    for name, value in terms.items():
        if value.ndim:
            raise BadPlugin(f"The term {name!r} of the {player} has the shape {list(value.shape)}; terms are means.")
    if not terms:
        raise BadPlugin(f"The loss gives the {player} nothing to minimise.")
    return terms


def descend(optimizer: Optimizer, terms: Terms) -> None:
    """One optimizer step down the sum of `terms`."""
    set_gradients(optimizer, terms)
    optimizer.step()


def set_gradients(optimizer: Optimizer, terms: Terms, *, keep_graph: bool = False) -> None:
    """Gradients of the sum of `terms` for the optimizer's own parameters, and for no others."""
    own = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    total = reduce(add, terms.values())
    gradients = torch.autograd.grad(total, own, retain_graph=keep_graph, allow_unused=True)
    for parameter, gradient in zip(own, gradients, strict=True):
        parameter.grad = gradient


def after_step(parts: Components, active: dict[str, Regularizer]) -> None:
    for regularizer in active.values():
        regularizer.after_step(parts.players)


def moves_of(play: Play, d_terms: Terms, g_terms: Terms) -> Moves:
    assert play.on_real is not None, "the discriminator's update always sees real samples"
    terms = {f"discriminator/{name}": value.detach() for name, value in d_terms.items()}
    terms |= {f"generator/{name}": value.detach() for name, value in g_terms.items()}
    return Moves(terms, play.on_real.logits.detach(), play.on_fake.logits.detach())
