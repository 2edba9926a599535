"""Batch norm whose statistics are those of all processes. Torch's own does the same, on GPUs only.

N = this process's batch, C = channels, `*` = height and width, or nothing.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.modules.batchnorm import _BatchNorm

from ganzoo.training.processes import watched


class Sum(torch.autograd.Function):
    """The sum over all processes; so is its gradient, and that one's."""

    @staticmethod
    def forward(_context: Any, value: Tensor) -> Tensor:
        total = value.clone()
        with watched():
            dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Any:
        return Sum.apply(gradient.contiguous())  # type: ignore[no-untyped-call]


class SharedBatchNorm(_BatchNorm):
    """Stands in for any of torch's batch norms, with the same parameters and buffers. Ioffe and Szegedy (2015).

    Its processes must all run it equally often. In eval mode it is torch's own.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """The layer that this one replaces has had its inputs checked by the network that contains it."""

    def forward(self, input: Float[Tensor, "batch channels *place"]) -> Tensor:
        """Normalised with mean and variance over N and `*` of all processes' batches, in float32 at least."""
        if not self.training:
            return super().forward(input)
        x = input if input.dtype == torch.float64 else input.float()
        over = [0, *range(2, x.ndim)]
        shape = [1, -1, *[1] * (x.ndim - 2)]
        count = x.numel() // x.shape[1] * dist.get_world_size()
        mean: Tensor = Sum.apply(x.sum(over)) / count  # type: ignore[no-untyped-call]
        centred = x - mean.view(shape)
        variance: Tensor = Sum.apply(centred.square().sum(over)) / count  # type: ignore[no-untyped-call]
        self.remember(mean.detach(), variance.detach() * count / max(count - 1, 1))
        result = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            result = result * self.weight.view(shape) + self.bias.view(shape)
        return result.to(input.dtype)

    @torch.no_grad()
    def remember(self, mean: Float[Tensor, "channels"], variance: Float[Tensor, "channels"]) -> None:
        """Move the running statistics; `variance` is the unbiased one."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)


def share_batch_norm(network: nn.Module) -> nn.Module:
    """The network with every batch norm replaced by one that has the same state, and shares its statistics."""
    if isinstance(network, _BatchNorm):
        shared = SharedBatchNorm(
            network.num_features, network.eps, network.momentum, network.affine, network.track_running_stats
        )
        shared.load_state_dict(network.state_dict())
        reference = next(iter(network.state_dict().values()), None)
        return shared if reference is None else shared.to(reference.device, reference.dtype)
    for name, child in network.named_children():
        setattr(network, name, share_batch_norm(child))
    return network


def has_batch_norm(network: nn.Module) -> bool:
    return any(isinstance(module, _BatchNorm) for module in network.modules())
