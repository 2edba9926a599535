"""The one training loop. Read `train` from top to bottom; all else here is a detail of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from shlex import quote
from threading import Event

import torch

from ganzoo.contracts import Adapts, Batch, Play, Player, Regularizer, Terms
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadPlugin, Interrupted
from ganzoo.core.events import StepDone
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.schedule import value_at
from ganzoo.training.build import Components
from ganzoo.training.checkpoint import load_checkpoint, save_checkpoint
from ganzoo.training.encounter import foreseen, joined, meet, outcome, total
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
    examine: Callable[[int], object] = lambda step: None,
) -> TrainState:
    """Train to the run's end, going on from the newest whole checkpoint in `run` if there is one.

    `observe` is told every `log_every` steps how the run goes, and answers whether to stop it, all saved; `say` is told
    what a user must hear at once. `examine` judges the checkpoint of a step, every `evaluate_every` steps and at the
    end.
    Raises Interrupted after Ctrl-C, with all saved; Diverged where a loss or a weight is no longer finite.
    """
    state = TrainState.start(parts.players, config)
    load_checkpoint(state, parts, run, say)
    processes = parts.engine.processes
    recorder = Recorder(run, config, parts.draws.count, state.step, processes)

    with interruptible(patient=processes.count > 1) as interrupted:
        done = recorder.is_over(state.step)
        while not done:
            state.follow_schedules(config)
            moves = one_step(state, parts, config)
            parts.share_state()
            state.average.update(state.step, value_at(config.ema_decay, state.step))
            state.step += 1
            recorder.add(state.step, moves.terms)

            done = is_done(state.step, parts, recorder, interrupted)
            if done or state.step % config.log_every == 0:
                stop = bool(observe(recorder.log(state, moves)))
                done = processes.agree(stop) or done
            due = config.evaluate_every and state.step % config.evaluate_every == 0
            if done or due or state.step % config.checkpoint_every == 0:
                recorder.check()
                save_checkpoint(state, parts, run, config.keep_checkpoints)
            if done or state.step % config.samples_every == 0:
                save_samples(state.average.network, parts, run.samples_file(state.step))
            if due or (done and recorder.is_over(state.step)):
                with recorder.paused():
                    examine(state.step)
    if not run.samples_file(state.step).exists():  # a run that was cut short between its last two files
        save_samples(state.average.network, parts, run.samples_file(state.step))
    if not processes.agree(recorder.is_over(state.step)):  # their clocks may differ
        command = f"ganzoo train --resume {quote(str(run.path))}"
        raise Interrupted(f"Stopped at step {state.step:,}; all is saved. Go on: {command}")
    return state


def one_step(state: TrainState, parts: Components, config: RunConfig) -> Moves:
    """Both players' updates; `state.step` stays."""
    return {"alternating": alternate, "simultaneous": move_at_once}[config.updates](state, parts, config)


def is_done(step: int, parts: Components, recorder: Recorder, interrupted: Event) -> bool:
    """Whether that was the last step; all processes agree on it."""
    if recorder.total and step >= recorder.total:
        return True
    return parts.engine.processes.agree(recorder.is_over(step) or interrupted.is_set())


def alternate(state: TrainState, parts: Components, config: RunConfig) -> Moves:
    """`d_steps` updates of the discriminator, then one of the generator. Goodfellow et al. (2014), algorithm 1."""
    d_terms: list[Terms] = []
    for update in config.d_updates(state.step):
        batches = parts.draws.discriminator(update)
        d_play, terms = move(state, parts, config, "discriminator", update, batches)
        d_terms.append(terms)
    batches = parts.draws.generator(state.step, batches)
    g_play, g_terms = move(state, parts, config, "generator", state.step, batches)
    return moves_of(d_play, g_play, {"discriminator": mean(d_terms), "generator": g_terms})


def move(
    state: TrainState, parts: Components, config: RunConfig, player: Player, update: int, batches: Sequence[Batch]
) -> tuple[Play, Terms]:
    """One update of one player, whose gradient is computed in as many passes as there are batches."""
    engine, optimizer = parts.engine, state.optimizers[player]
    seed_torch(parts.draws.seed, player, update, engine.processes.rank)
    active = acting(parts, player, update)
    with_real = player == "discriminator" or parts.loss.needs_real_for_generator
    ahead = config.unroll if player == "generator" else None
    done: list[Terms] = []
    passes: list[Play] = []
    for batch in batches:
        with torch.set_grad_enabled(player == "generator"):
            fake = engine.generate(batch.latents, batch.labels)
        parameters = foreseen(parts, batch, fake, state.step, ahead) if ahead else None
        differentiable = wants_gradients(active)
        play = meet(
            parts,
            batch,
            fake,
            player,
            state.step,
            with_real=with_real,
            differentiable=differentiable,
            parameters=parameters,
        )
        terms = objective(parts, play, active)
        engine.set_gradients(player, optimizer, total(terms) / len(batches), add=bool(done))
        done.append(terms)
        passes.append(outcome(play))
    engine.step(player, optimizer)
    whole = joined(passes)
    after_step(parts, whole, active)
    return whole, mean(done)


def move_at_once(state: TrainState, parts: Components, config: RunConfig) -> Moves:
    """Both players' gradients from one play, then both steps, as in the code of Goodfellow et al. (2014)."""
    engine, batches = parts.engine, parts.draws.discriminator(state.step)
    seed_torch(parts.draws.seed, "both", state.step, engine.processes.rank)
    active = {player: acting(parts, player, state.step) for player in state.optimizers}
    done: dict[Player, list[Terms]] = {player: [] for player in state.optimizers}
    passes: list[Play] = []
    for batch in batches:
        fake = engine.generate(batch.latents, batch.labels)
        differentiable = any(map(wants_gradients, active.values()))
        play = meet(parts, batch, fake, "discriminator", state.step, differentiable=differentiable)
        plays = {player: replace(play, player=player) for player in state.optimizers}
        terms = {player: objective(parts, plays[player], active[player]) for player in state.optimizers}
        for player, optimizer in state.optimizers.items():
            share, first = total(terms[player]) / len(batches), player == "discriminator"
            engine.set_gradients(player, optimizer, share, add=bool(done[player]), keep_graph=first)
            done[player].append(terms[player])
        passes.append(outcome(play))
    for player, optimizer in state.optimizers.items():
        engine.step(player, optimizer)
    whole = joined(passes)
    for player, regularizers in active.items():
        after_step(parts, replace(whole, player=player), regularizers)
    return moves_of(whole, whole, {player: mean(terms) for player, terms in done.items()})


def acting(parts: Components, player: Player, update: int) -> dict[str, Regularizer]:
    """The regularizers of that player whose turn it is."""
    return {
        name: regularizer
        for name, regularizer in parts.regularizers.items()
        if regularizer.player in (player, "both") and update % regularizer.interval == 0
    }


def wants_gradients(active: Mapping[str, Regularizer]) -> bool:
    return any(regularizer.needs_sample_gradients for regularizer in active.values())


def objective(parts: Components, play: Play, active: Mapping[str, Regularizer]) -> Terms:
    """All that the player whose update it is minimises, by name."""
    player = play.player
    terms = dict(getattr(parts.loss, player)(play))
    for name, regularizer in active.items():
        terms |= {f"{name}/{key}": value for key, value in regularizer.terms(play, parts.players).items()}
    for name, value in terms.items():
        if value.ndim:
            raise BadPlugin(f"The term {name!r} of the {player} has the shape {list(value.shape)}; terms are means.")
    if not terms:
        raise BadPlugin(f"The loss gives the {player} nothing to minimise.")
    return terms


def mean(passes: Sequence[Terms]) -> Terms:
    """Each term's mean over the passes or updates that have it, detached."""
    if len(passes) == 1:
        return {name: value.detach() for name, value in passes[0].items()}
    names = dict.fromkeys(name for terms in passes for name in terms)
    return {name: torch.stack([terms[name].detach() for terms in passes if name in terms]).mean() for name in names}


@torch.no_grad()
def after_step(parts: Components, play: Play, active: Mapping[str, Regularizer]) -> None:
    """Let those act that do so when a player has stepped; `play` is what its update has come to."""
    for regularizer in active.values():
        regularizer.after_step(parts.players)
    for augmentation in parts.augmentations.values():
        if play.player == "discriminator" and isinstance(augmentation, Adapts):
            augmentation.adapt(play)


def moves_of(d_play: Play, g_play: Play, terms: Mapping[Player, Terms]) -> Moves:
    """What one step did, from each player's last update."""
    assert d_play.on_real is not None, "the discriminator's update always sees real samples"
    return Moves(
        terms={f"{player}/{name}": value for player, each in terms.items() for name, value in each.items()},
        on_real=d_play.on_real.logits,
        on_fake=d_play.on_fake.logits,
        fake=g_play.fake,
    )
