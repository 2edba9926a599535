"""Two loops to compare with, for the zoo's own networks: the plain one of tutorials, and the best by hand.

Both play the games of `benchmarks.cases`: cross-entropy, with R1 or without, and Wasserstein with a gradient penalty.
Each is an iterator that takes one step of the game at a time, and yields the network that samples would come from.
"""

from collections.abc import Iterator
from copy import deepcopy
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from benchmarks.drawn import Drawn
from ganzoo.core.config import OptimizerConfig, RunConfig
from ganzoo.training.batch_norm import has_batch_norm
from ganzoo.training.build import Components
from ganzoo.training.state import tensors


def plain(parts: Components, config: RunConfig, drawn: Drawn, *, detaches: bool) -> Iterator[nn.Module]:
    """The loop of tutorials: float32, the default memory format, plain Adam, every loss read at every step.

    Without `detaches` the discriminator's loss goes back through the generator too, as in many of them, and that
    gradient is thrown away.
    """
    generator, discriminator = (
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        for network in (parts.players.generator, parts.players.discriminator)
    )
    g_optimizer = torch.optim.Adam(generator.parameters(), **rates(config.generator_optimizer))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), **rates(config.discriminator_optimizer))
    ones, zeros = (torch.full((config.batch_size,), float(label), device=parts.engine.device) for label in (1, 0))
    cross_entropy = nn.BCELoss()

    while True:
        for _ in range(config.d_steps):
            real = drawn.real().requires_grad_("r1" in config.regularizers)
            fake = generator(drawn.latents())
            fake = fake.detach() if detaches else fake
            on_real, on_fake = discriminator(real).logits, discriminator(fake).logits
            if config.loss.name == "wasserstein":
                d_loss = on_fake.mean() - on_real.mean()
            else:
                d_loss = cross_entropy(on_real.sigmoid(), ones) + cross_entropy(on_fake.sigmoid(), zeros)
            d_loss = d_loss + penalty(config, discriminator, drawn, real, fake.detach(), on_real)
            d_optimizer.zero_grad()
            g_optimizer.zero_grad()
            d_loss.backward()
            d_optimizer.step()

        on_fake = discriminator(generator(drawn.latents())).logits
        g_loss = -on_fake.mean() if config.loss.name == "wasserstein" else cross_entropy(on_fake.sigmoid(), ones)
        d_optimizer.zero_grad()
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        d_loss.item()
        g_loss.item()
        yield generator


def by_hand(parts: Components, config: RunConfig, drawn: Drawn) -> Iterator[nn.Module]:
    """What a good programmer writes for this one game with our settings: its time is what cannot be spared.

    Fused Adam, gradients for a player's own weights only, no graph of fakes that need none, real and fake in one pass
    where no batch norm forbids it, losses on logits, channels last for convolutions, the case's precision, and a
    moving average in one call. Nothing is read, logged or saved.
    """
    generator, discriminator = parts.players.generator, parts.players.discriminator
    g_weights, d_weights = list(generator.parameters()), list(discriminator.parameters())
    g_optimizer = torch.optim.Adam(g_weights, **rates(config.generator_optimizer), fused=True)
    d_optimizer = torch.optim.Adam(d_weights, **rates(config.discriminator_optimizer), fused=True)
    average = deepcopy(generator).eval().requires_grad_(False)
    means, values = floating(average), floating(generator)
    layout = torch.channels_last if parts.engine.channels_last else torch.contiguous_format
    stacks = not has_batch_norm(discriminator) and "r1" not in config.regularizers
    assert isinstance(config.ema_decay, float), "the loops know no schedules"

    for step in count():
        for _ in range(config.d_steps):
            real = drawn.real().contiguous(memory_format=layout).requires_grad_("r1" in config.regularizers)
            with parts.engine.precision.passes():
                with torch.no_grad():
                    fake = generator(drawn.latents())
                on_real, on_fake = judged(discriminator, real, fake, stacks)
            d_loss = cost(config, on_real, 1) + cost(config, on_fake, 0)
            d_loss = d_loss + penalty(config, discriminator, drawn, real, fake, on_real)
            d_optimizer.zero_grad()
            d_loss.backward(inputs=d_weights)
            d_optimizer.step()

        with parts.engine.precision.passes():
            on_fake = discriminator(generator(drawn.latents())).logits
        g_optimizer.zero_grad()
        cost(config, on_fake, 1).backward(inputs=g_weights)
        g_optimizer.step()
        torch._foreach_lerp_(means, values, 1 - min(config.ema_decay, (1 + step) / (10 + step)))
        yield average


def rates(config: OptimizerConfig) -> dict[str, Any]:
    """Adam's settings. The loops know neither schedules nor other rules."""
    assert config.name == "adam" and isinstance(config.learning_rate, float)
    return {"lr": config.learning_rate, "betas": config.betas}


def floating(network: nn.Module) -> list[Tensor]:
    return [tensor.detach() for tensor in tensors(network) if tensor.is_floating_point()]


def judged(discriminator: nn.Module, real: Tensor, fake: Tensor, stacks: bool) -> tuple[Tensor, Tensor]:
    """Logits of real and of fake."""
    if not stacks:
        return discriminator(real).logits, discriminator(fake).logits
    on_real, on_fake = discriminator(torch.cat([real, fake])).logits.split(len(real))
    return on_real, on_fake


def cost(config: RunConfig, logits: Tensor, label: int) -> Tensor:
    """What it costs to have given these logits where `label` was wanted: 1 = real, 0 = fake."""
    wrong = -logits.float() if label else logits.float()
    return wrong.mean() if config.loss.name == "wasserstein" else softplus(wrong).mean()


def penalty(
    config: RunConfig, discriminator: nn.Module, drawn: Drawn, real: Tensor, fake: Tensor, on_real: Tensor
) -> Tensor | float:
    """The game's penalty on the discriminator's slope, if it has one; both are written the same way everywhere."""
    if "gradient-penalty" in config.regularizers:
        t = drawn.uniform()
        between = (t * real + (1 - t) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(discriminator(between).logits.sum(), between, create_graph=True)
        return config.regularizers["gradient-penalty"]["weight"] * (slope.flatten(1).norm(2, 1) - 1).square().mean()
    if "r1" in config.regularizers:
        (slope,) = torch.autograd.grad(on_real.sum(), real, create_graph=True)
        return config.regularizers["r1"]["gamma"] / 2 * slope.square().flatten(1).sum(1).mean()
    return 0.0
