"""The one training loop. Read `train` from top to bottom; all else here is a detail of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from shlex import quote
from threading import Event

import torch
from torch import Tensor

from ganzoo.contracts import Batch, Noise, Play, Player, Regularizer, Terms
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadPlugin, Interrupted
from ganzoo.core.events import StepDone
from ganzoo.core.run_folder import RunFolder
from ganzoo.training.build import Components
from ganzoo.training.checkpoint import load_checkpoint, save_checkpoint
from ganzoo.training.interrupt import interruptible
from ganzoo.training.looking import save_samples
from ganzoo.training.moves import Moves
from ganzoo.training.randomness import seed_torch
from ganzoo.training.recorder import Recorder
from ganzoo.training.state import TrainState


def train(
    parts: Components,
    config: RunConfig,
    run: RunFolder,
    observe: Callable[[StepDone], object],
    say: Callable[[str], None],
) -> TrainState:
    """Train to the run's end, going on from the newest whole checkpoint in `run` if there is one.

    `observe` is told every `log_every` steps how the run goes, and answers whether to stop it, all saved; `say` is told
    what a user must hear at once.
    Raises Interrupted after Ctrl-C, with all saved; Diverged where a loss or a weight is no longer finite.
    """
    state = TrainState.start(parts.players, config)
    load_checkpoint(state, parts, run, say)
    one_step = {"alternating": alternate, "simultaneous": move_at_once}[config.updates]
    processes = parts.engine.processes
    recorder = Recorder(run, config, parts.draws.count, state.step, processes)

    with interruptible(patient=processes.count > 1) as interrupted:
        done = recorder.is_over(state.step)
        while not done:
            state.follow_schedules(config)
            moves = one_step(state, parts, config)
            parts.share_state()
            state.average.update(state.step)
            state.step += 1
            recorder.add(state.step, moves.terms)

            done = is_done(state.step, parts, recorder, interrupted)
            if done or state.step % config.log_every == 0:
                stop = bool(observe(recorder.log(state, moves)))
                done = processes.agree(stop) or done
            if done or state.step % config.checkpoint_every == 0:
                recorder.check()
                save_checkpoint(state, parts, run, config.keep_checkpoints)
            if done or state.step % config.samples_every == 0:
                save_samples(state.average.network, parts, run.samples_file(state.step))
    if not run.samples_file(state.step).exists():  # a run that was cut short between its last two files
        save_samples(state.average.network, parts, run.samples_file(state.step))
    if not processes.agree(recorder.is_over(state.step)):  # their clocks may differ
        command = f"ganzoo train --resume {quote(str(run.path))}"
        raise Interrupted(f"Stopped at step {state.step:,}; all is saved. Go on: {command}")
    return state


def is_done(step: int, parts: Components, recorder: Recorder, interrupted: Event) -> bool:
    """Whether that was the last step; all processes agree on it."""
    if recorder.total and step >= recorder.total:
        return True
    return parts.engine.processes.agree(recorder.is_over(step) or interrupted.is_set())


def alternate(state: TrainState, parts: Components, config: RunConfig) -> Moves:
    """`d_steps` updates of the discriminator, then one of the generator. Goodfellow et al. (2014), algorithm 1."""
    d_terms: list[Terms] = []
    for update in range(state.step * config.d_steps, (state.step + 1) * config.d_steps):
        batches = parts.draws.discriminator(update)
        d_play, terms = move(state, parts, "discriminator", update, batches)
        d_terms.append(terms)
    batches = parts.draws.generator(state.step, batches)
    g_play, g_terms = move(state, parts, "generator", state.step, batches)
    return moves_of(d_play, g_play, {"discriminator": mean(d_terms), "generator": g_terms})


def move(
    state: TrainState, parts: Components, player: Player, update: int, batches: Sequence[Batch]
) -> tuple[Play, Terms]:
    """One update of one player, whose gradient is computed in as many passes as there are batches."""
    engine, optimizer = parts.engine, state.optimizers[player]
    seed_torch(parts.draws.seed, player, update, engine.processes.rank)
    active = acting(parts, player, update)
    with_real = player == "discriminator" or parts.loss.needs_real_for_generator
    done: list[Terms] = []
    for batch in batches:
        with torch.set_grad_enabled(player == "generator"):
            fake = engine.generate(batch.latents, batch.labels)
        play = meet(parts, batch, fake, with_real=with_real, differentiable=wants_gradients(active))
        terms = objective(parts, player, play, active)
        engine.set_gradients(player, optimizer, total(terms) / len(batches), add=bool(done))
        done.append(terms)
    engine.step(player, optimizer)
    after_step(parts, active)
    return play, mean(done)


def move_at_once(state: TrainState, parts: Components, config: RunConfig) -> Moves:
    """Both players' gradients from one play, then both steps, as in the code of Goodfellow et al. (2014)."""
    engine, batches = parts.engine, parts.draws.discriminator(state.step)
    seed_torch(parts.draws.seed, "both", state.step, engine.processes.rank)
    active = {player: acting(parts, player, state.step) for player in state.optimizers}
    done: dict[Player, list[Terms]] = {player: [] for player in state.optimizers}
    for batch in batches:
        fake = engine.generate(batch.latents, batch.labels)
        play = meet(parts, batch, fake, differentiable=any(map(wants_gradients, active.values())))
        terms = {player: objective(parts, player, play, active[player]) for player in state.optimizers}
        for player, optimizer in state.optimizers.items():
            share, first = total(terms[player]) / len(batches), player == "discriminator"
            engine.set_gradients(player, optimizer, share, add=bool(done[player]), keep_graph=first)
            done[player].append(terms[player])
    for player, optimizer in state.optimizers.items():
        engine.step(player, optimizer)
    for regularizers in active.values():
        after_step(parts, regularizers)
    return moves_of(play, play, {player: mean(terms) for player, terms in done.items()})


def meet(
    parts: Components, batch: Batch, fake: Tensor, *, with_real: bool = True, differentiable: bool = False
) -> Play:
    """The discriminator looks at both kinds of samples, together only where that changes nothing.

    With `differentiable`, both kinds require gradients, and those can be differentiated themselves.
    """
    if differentiable:
        batch = replace(batch, real=batch.real.requires_grad_())
        fake = fake if fake.requires_grad else fake.requires_grad_()
    seen, judge = augmented(parts, fake, batch.noise), parts.engine.judge
    if not with_real:
        return Play(batch, fake, None, *judge([seen], batch.labels, differentiable=differentiable))
    shown = augmented(parts, batch.real, batch.noise)
    if parts.row_wise and not differentiable:
        labels = None if batch.labels is None else torch.cat([batch.labels, batch.labels])
        (verdict,) = judge([torch.cat([shown, seen])], labels, differentiable=False)
        return Play(batch, fake, *verdict.split(len(fake)))
    return Play(batch, fake, *judge([shown, seen], batch.labels, differentiable=differentiable))


def augmented(parts: Components, samples: Tensor, noise: Noise) -> Tensor:
    """What the discriminator sees of them."""
    for augment in parts.augmentations.values():
        samples = augment(samples, noise)
    return samples


def acting(parts: Components, player: Player, update: int) -> dict[str, Regularizer]:
    """The regularizers of that player whose turn it is."""
    return {
        name: regularizer
        for name, regularizer in parts.regularizers.items()
        if regularizer.player == player and update % regularizer.interval == 0
    }


def wants_gradients(active: Mapping[str, Regularizer]) -> bool:
    return any(regularizer.needs_sample_gradients for regularizer in active.values())


def objective(parts: Components, player: Player, play: Play, active: Mapping[str, Regularizer]) -> Terms:
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


def total(terms: Terms) -> Tensor:
    return reduce(add, terms.values())


def mean(passes: Sequence[Terms]) -> Terms:
    """Each term's mean over the passes or updates that have it, detached."""
    if len(passes) == 1:
        return {name: value.detach() for name, value in passes[0].items()}
    names = dict.fromkeys(name for terms in passes for name in terms)
    return {name: torch.stack([terms[name].detach() for terms in passes if name in terms]).mean() for name in names}


def after_step(parts: Components, active: Mapping[str, Regularizer]) -> None:
    for regularizer in active.values():
        regularizer.after_step(parts.players)


def moves_of(d_play: Play, g_play: Play, terms: Mapping[Player, Terms]) -> Moves:
    """What one step did, from each player's last play."""
    assert d_play.on_real is not None, "the discriminator's update always sees real samples"
    return Moves(
        terms={f"{player}/{name}": value for player, each in terms.items() for name, value in each.items()},
        on_real=d_play.on_real.logits.detach(),
        on_fake=d_play.on_fake.logits.detach(),
        fake=g_play.fake.detach(),
    )
