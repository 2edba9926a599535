"""How the players meet: what the discriminator is shown, together or apart, now or some updates ahead."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add

import torch
from torch import Tensor

from ganzoo.contracts import Batch, Noise, Play, Player, Terms, Verdict
from ganzoo.core.config import Unroll
from ganzoo.training.build import Components

Parameters = Mapping[str, Tensor]  # of the discriminator, by name


def meet(
    parts: Components,
    batch: Batch,
    fake: Tensor,
    player: Player = "discriminator",
    step: int = 0,
    *,
    with_real: bool = True,
    differentiable: bool = False,
    parameters: Parameters | None = None,
) -> Play:
    """The discriminator looks at both kinds of samples, together only where that changes nothing.

    With `differentiable`, both kinds require gradients, and those can be differentiated themselves. `parameters` stand
    in for the discriminator's own.
    """
    if differentiable:
        batch = replace(batch, real=batch.real.requires_grad_())
        fake = fake if fake.requires_grad else fake.requires_grad_()
    kinds = [augmented(parts, fake, batch.noise)]
    if with_real:
        kinds.insert(0, augmented(parts, batch.real, batch.noise))
    labels, judge = batch.labels, parts.engine.judge
    if with_real and parts.row_wise and not differentiable and parameters is None:
        labels = None if labels is None else torch.cat([labels, labels])
        (verdict,) = judge([torch.cat(kinds)], labels)
        verdicts = list(verdict.split(len(fake)))
    else:
        verdicts = judge(kinds, labels, differentiable=differentiable, parameters=parameters)
    return Play(batch, fake, verdicts[0] if with_real else None, verdicts[-1], player, step)


def augmented(parts: Components, samples: Tensor, noise: Noise) -> Tensor:
    """What the discriminator sees of them."""
    for augment in parts.augmentations.values():
        samples = augment(samples, noise)
    return samples


def foreseen(parts: Components, batch: Batch, fake: Tensor, step: int, unroll: Unroll) -> Parameters:
    """The discriminator's parameters after its next updates against this generator, as a function of the latter.

    Metz et al. (2017), arXiv:1611.02163, equations 7 to 9: each update is a plain step down the gradient of the loss.
    """
    parameters: dict[str, Tensor] = dict(parts.players.discriminator.named_parameters())
    for _ in range(unroll.steps):
        play = meet(parts, batch, fake, "discriminator", step, differentiable=True, parameters=parameters)
        objective = total(parts.loss.discriminator(replace(play, foreseen=True)))
        slopes = torch.autograd.grad(objective, list(parameters.values()), create_graph=True, allow_unused=True)
        parameters = {
            name: value if slope is None else value - unroll.learning_rate * slope
            for (name, value), slope in zip(parameters.items(), slopes, strict=True)
        }
    return parameters


def outcome(play: Play) -> Play:
    """What is kept of one pass: its samples and logits, which hold on to no graph."""
    on_real = None if play.on_real is None else Verdict(play.on_real.logits.detach())
    return replace(play, fake=play.fake.detach(), on_real=on_real, on_fake=Verdict(play.on_fake.logits.detach()))


def joined(passes: Sequence[Play]) -> Play:
    """The outcome of a whole update, with the samples and logits of all its passes; its batch is the last one's."""
    real = [play.on_real.logits for play in passes if play.on_real is not None]
    return replace(
        passes[-1],
        fake=torch.cat([play.fake for play in passes]),
        on_real=Verdict(torch.cat(real)) if real else None,
        on_fake=Verdict(torch.cat([play.on_fake.logits for play in passes])),
    )


def total(terms: Terms) -> Tensor:
    """What a player minimises."""
    return reduce(add, terms.values())
