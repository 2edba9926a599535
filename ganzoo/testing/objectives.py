"""Promises of losses, regularizers and augmentations."""

from collections.abc import Callable
from itertools import product
from typing import Any

import torch
from torch import Tensor

from ganzoo.contracts import (
    Augmentation,
    Batch,
    Loss,
    Play,
    Player,
    Players,
    Regularizer,
    Stateful,
    Terms,
    TorchNoise,
    Verdict,
)
from ganzoo.core.errors import GanzooError
from ganzoo.core.specs import AugmentationSpec, LossSpec, RegularizerSpec
from ganzoo.testing.report import Inapplicable, Violation, ensure
from ganzoo.testing.toys import COUNT, SAMPLES, Linear, OwnNoise, Perceptron, meeting, real_samples

NEAR = 0.1  # of logits
STEPS = (0, 10**6)  # of what follows a schedule, the beginning and the end
PLAYERS: tuple[Player, ...] = ("discriminator", "generator")


def total(terms: Terms) -> Tensor:
    """The sum of the terms. Raises Violation unless each is a finite scalar."""
    for name, term in terms.items():
        ensure(
            isinstance(term, Tensor) and term.shape == (),
            f"the term {name!r} is no scalar tensor; take the mean over samples",
        )
        ensure(term.isfinite(), f"the term {name!r} is not finite")
    return sum(terms.values(), torch.zeros(()))


def play_of(real: Tensor | None, fake: Tensor) -> Play:
    """One of which a loss can read logits and features, which are the same."""
    nothing = torch.zeros(len(fake), 2)
    batch = Batch(nothing, None, nothing, TorchNoise(len(fake)))
    on_real = None if real is None else Verdict(real, features=real[:, None])
    return Play(batch, nothing, on_real, Verdict(fake, features=fake[:, None]))


def pulls_each_player_its_way(spec: LossSpec) -> None:
    """Near logits of 0, real ones from fake ones for the discriminator, fake ones up for the generator.

    Far from there gradients are finite; some losses pull towards targets, and so either way.
    """
    for scale in (NEAR, 1.0, 50.0):
        loss = spec.build(spec.options())
        ensure(isinstance(loss, Loss), "it lacks `needs_real_for_generator`, `discriminator` or `generator`")
        real, fake = (scale * torch.randn(2, COUNT)).requires_grad_()
        costs = total(loss.discriminator(play_of(real, fake)))
        raised, lowered = torch.autograd.grad(costs, (real, fake))
        on_real = real + 1 if loss.needs_real_for_generator else None  # above the fake ones, which may be drawn to it
        (wanted,) = torch.autograd.grad(total(loss.generator(play_of(on_real, fake))), fake)
        ensure(all(slope.isfinite().all() for slope in (raised, lowered, wanted)), "a gradient is not finite")
        ensure(
            scale > NEAR or raised.sum() < lowered.sum(),
            "the discriminator is pulled the wrong way; lower real logits must cost it more",
        )
        ensure(
            scale > NEAR or wanted.sum() < 0,
            "the generator is pulled the wrong way; lower fake logits must cost it more",
        )


def loss_keeps_its_state(spec: LossSpec) -> None:
    def use(loss: Any) -> None:
        loss.discriminator(play_of(torch.randn(COUNT), torch.randn(COUNT)))
        loss.generator(play_of(torch.randn(COUNT), torch.randn(COUNT)))

    keeps_its_state(spec, use)


def teaches_its_player(spec: RegularizerSpec) -> None:
    """Finite terms with gradients for its player, or a change of its weights after a step, or both, early or late."""
    reasons = []
    for sample, scale in product(SAMPLES, (0.0, 1.0)):
        regularizer: Regularizer = spec.build(spec.options())
        ensure(isinstance(regularizer, Regularizer) and regularizer.interval >= 1, "it is no Regularizer")
        ensure(acts(regularizer), "it does nothing; override `terms`, or `after_step`")
        for player in PLAYERS if regularizer.player == "both" else (regularizer.player,):
            players, taught = Players(Linear(sample), Perceptron(sample)), []
            try:
                for step in STEPS:
                    play = meeting(players, sample, player, scale, step)
                    taught.append(teaches(regularizer, players, player, play))
            except Violation:
                raise
            except GanzooError as error:
                reasons.append(str(error))
            else:
                reasons += [] if any(taught) else [f"it does nothing for the {player}"]
    if len(reasons) >= 2 * len(SAMPLES):
        raise Inapplicable(f"it needs other networks than those of the check: {reasons[0]}")


def acts(regularizer: Regularizer) -> bool:
    """Whether it overrides what a regularizer can do."""
    own = type(regularizer)
    return own.terms is not Regularizer.terms or own.after_step is not Regularizer.after_step


def teaches(regularizer: Regularizer, players: Players, player: Player, play: Play) -> bool:
    """Whether it does something for that player. Raises Violation unless in finite numbers that reach its weights."""
    own = list(getattr(players, player).parameters())
    before, random = [weight.detach().clone() for weight in own], torch.get_rng_state()
    terms = regularizer.terms(play, players)
    regularizer.after_step(players)
    ensure_own_noise(random, "play.batch.noise")
    acted = any(not torch.equal(weight, old) for weight, old in zip(own, before, strict=True))
    ensure(
        isinstance(terms, dict),
        f"its `terms` gives a {type(terms).__name__}; return a dict, empty where there are none",
    )
    ensure(all(weight.isfinite().all() for weight in own), "it makes weights infinite")
    if terms:
        cost = total(terms)
        slopes = torch.autograd.grad(cost, own, allow_unused=True) if cost.requires_grad else ()
        found = [slope for slope in slopes if slope is not None]
        ensure(
            any(slope.abs().sum() > 0 for slope in found) or (found and not cost),  # a penalty may have nothing to say
            f"no gradient reaches the {player}, its `player`; look for detach, and for a missing create_graph=True",
        )
        ensure(all(slope.isfinite().all() for slope in found), "a gradient is not finite")
    return bool(terms) or acted


def ensure_own_noise(before: Tensor, instead: str) -> None:
    """Raise Violation where torch's global generator is no longer in the state `before`."""
    same = torch.equal(torch.get_rng_state(), before)
    ensure(same, f"it draws from torch's global generator, so that a resumed run is another; draw from {instead}")


def regularizer_keeps_its_state(spec: RegularizerSpec) -> None:
    def use(regularizer: Any) -> None:
        sample = SAMPLES[0]
        players = Players(Linear(sample), Perceptron(sample))
        player: Player = "discriminator" if regularizer.player == "both" else regularizer.player
        try:
            regularizer.terms(meeting(players, sample, player), players)
        except GanzooError as error:
            raise Inapplicable(f"it needs other networks than those of the check: {error}") from error

    keeps_its_state(spec, use)


def changes_each_sample_by_itself(spec: AugmentationSpec) -> None:
    """Shape and range of numbers are kept, gradients reach the samples, and no sample depends on another."""
    reasons = []
    for sample in SAMPLES:
        augmentation = spec.build(spec.options())
        ensure(isinstance(augmentation, Augmentation), "it cannot be called with samples and noise")
        samples, random = real_samples(sample).requires_grad_(), torch.get_rng_state()
        try:
            changed = augmentation(samples, OwnNoise())
        except GanzooError as error:
            reasons.append(str(error))
            continue
        ensure_own_noise(random, "the `noise` that it is given")
        ensure(
            changed.shape == samples.shape and changed.isfinite().all(),
            "it changes the samples' shape, or makes infinite numbers",
        )
        if changed is samples:
            continue
        (slope,) = torch.autograd.grad(changed[0].sum(), samples, allow_unused=True)
        ensure(
            slope is not None and slope.isfinite().all(),
            "no finite gradient reaches the samples, from which the generator learns; look for detach and round",
        )
        ensure(not slope[1:].any(), "a sample's change depends on other samples; use no means over the batch")
    ensure(len(reasons) < len(SAMPLES), f"it fits neither pictures nor points: {'; '.join(reasons)}")


def augmentation_keeps_its_state(spec: AugmentationSpec) -> None:
    def use(augmentation: Any) -> None:
        play = play_of(torch.ones(COUNT), torch.zeros(COUNT))
        if hasattr(augmentation, "adapt"):
            augmentation.adapt(play)

    keeps_its_state(spec, use)


def keeps_its_state(spec: Any, use: Callable[[Any], None]) -> None:
    """State, where there is any, is tensors, and one that is given another's has it."""
    used, fresh = spec.build(spec.options()), spec.build(spec.options())
    if not isinstance(used, Stateful):
        return
    use(used)
    state = used.state_dict()
    ensure(all(isinstance(value, Tensor) for value in state.values()), "its state is not all tensors")
    fresh.load_state_dict({key: value.clone() for key, value in state.items()})
    again = fresh.state_dict()
    ensure(again.keys() == state.keys(), "its state has other names after loading")
    ensure(all(torch.equal(again[key], value) for key, value in state.items()), "its state is lost in loading")


OF_LOSSES: dict[str, Callable[[Any], None]] = {
    "pulls each player its way": pulls_each_player_its_way,
    "keeps its state": loss_keeps_its_state,
}
OF_REGULARIZERS: dict[str, Callable[[Any], None]] = {
    "teaches its player": teaches_its_player,
    "keeps its state": regularizer_keeps_its_state,
}
OF_AUGMENTATIONS: dict[str, Callable[[Any], None]] = {
    "changes each sample by itself": changes_each_sample_by_itself,
    "keeps its state": augmentation_keeps_its_state,
}
