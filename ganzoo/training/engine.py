"""How the machine computes what the trainer asks for: device, numbers, memory format, compilation, processes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Optimizer

from ganzoo.contracts import Player, Players, Verdict
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import GanzooError, first_line
from ganzoo.training.batch_norm import share_batch_norm
from ganzoo.training.precision import Precision, pick_precision, to_float32
from ganzoo.training.processes import Processes

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


@dataclass(frozen=True, slots=True)
class Engine:
    """Runs the networks, and steps the optimizers."""

    device: torch.device
    precision: Precision
    processes: Processes
    convolves: bool  # whether either network has convolutions
    channels_last: bool  # memory format of pictures and of the convolutions' weights
    generator: Callable[..., Tensor]  # the players' networks, compiled where that was asked for
    discriminator: Callable[..., Verdict]
    eager_discriminator: nn.Module

    def generate(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Samples [N, S...] in float32 at least."""
        with self.precision.passes():
            samples = self.generator(latents, labels)
        return samples.float() if self.precision.half else samples

    def judge(
        self,
        kinds: Sequence[Tensor],
        labels: Tensor | None,
        *,
        differentiable: bool = False,
        parameters: Mapping[str, Tensor] | None = None,
    ) -> list[Verdict]:
        """The verdicts, in float32 at least, on batches of samples that go through the discriminator one by one.

        With `differentiable`, gradients with respect to the samples can themselves be differentiated, and are computed
        in float32: compiled graphs cannot do the first, and penalties need the second. `parameters` stand in for the
        discriminator's own, in float32 too.
        """
        if self.channels_last:
            kinds = [samples.contiguous(memory_format=torch.channels_last) for samples in kinds]
        if parameters is not None:
            network, given = self.eager_discriminator, dict(parameters)
            return [functional_call(network, given, (samples, labels)) for samples in kinds]
        if differentiable:
            return [self.eager_discriminator(samples, labels) for samples in kinds]
        with self.precision.passes():  # one for all, so that weights are rounded once
            verdicts = [self.discriminator(samples, labels) for samples in kinds]
        return [to_float32(verdict) for verdict in verdicts] if self.precision.half else verdicts

    def set_gradients(
        self, player: Player, optimizer: Optimizer, objective: Tensor, *, add: bool = False, keep_graph: bool = False
    ) -> None:
        """Gradients of `objective` for the optimizer's own parameters, and for no others."""
        own = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        if not add:
            for parameter in own:
                parameter.grad = None  # makes room for the new ones
        total = self.precision.scaled(player, objective)
        gradients = torch.autograd.grad(total, own, retain_graph=keep_graph, allow_unused=True)
        seen: set[int] = set()
        for parameter, gradient in zip(own, gradients, strict=True):
            if gradient is None:
                continue
            if gradient.stride() != parameter.stride() or gradient.data_ptr() in seen:
                # fused optimizers walk through the memory of both, and two parameters may be given the same tensor
                gradient = torch.empty_like(parameter).copy_(gradient)  # noqa: PLW2901
            seen.add(gradient.data_ptr())
            parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient

    def step(self, player: Player, optimizer: Optimizer) -> None:
        """One step of the optimizer, along the mean of all processes' gradients."""
        if self.processes.count > 1:
            parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
            self.processes.average([parameter.grad for parameter in parameters if parameter.grad is not None])
        self.precision.step(player, optimizer)


def start_engine(
    players: Players, config: RunConfig, device: torch.device, processes: Processes
) -> tuple[Players, Engine]:
    """The players where they will train, and what runs them.

    Raises GanzooError for a precision or a compiler that this machine does not have.
    """
    networks = [players.generator.to(device), players.discriminator.to(device)]
    precision = pick_precision(config.precision, device)
    if config.sync_batch_norm and processes.count > 1:
        networks = [share_batch_norm(network) for network in networks]
    convolves = any(isinstance(layer, CONVOLUTIONS) for network in networks for layer in network.modules())
    channels_last = convolves and (device.type == "cpu" or precision.name != "fp32")
    if channels_last:
        networks = [network.to(memory_format=torch.channels_last) for network in networks]  # type: ignore[call-overload]
    compiles = wants_compiler(config, device)
    runs: Sequence[Any] = [torch.compile(network) for network in networks] if compiles else networks
    return Players(*networks), Engine(
        device, precision, processes, convolves, channels_last, runs[0], runs[1], networks[1]
    )


def wants_compiler(config: RunConfig, device: torch.device) -> bool:
    """Whether to compile. Raises GanzooError where that is demanded and no compiler works."""
    if config.compile == "never":
        return False
    try:
        torch.compiler.reset()  # networks of earlier runs would count against the number that torch compiles
        torch.compile(torch.sin)(torch.ones(1, device=device))
    except Exception as error:  # what torch raises here differs from one version and one system to the next
        if config.compile == "always":
            raise GanzooError(
                f"torch.compile does not work here ({first_line(error)}). Install a C++ compiler such as g++, or go on "
                "without it: --set compile=if-possible."
            ) from error
        return False
    return True
