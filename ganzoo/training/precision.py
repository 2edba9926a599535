"""In which numbers the networks compute. Losses, penalties, weights and averages stay in float32 throughout.

fp32: float32. tf32: float32 whose products are rounded to 10 bits, on NVIDIA GPUs. bf16, fp16: half the memory and
several times the speed for convolutions, where the machine multiplies such numbers by itself; fp16 has the finer
steps and the smaller range, so its gradients are scaled.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ganzoo.contracts import Player, Verdict
from ganzoo.core.config import PrecisionName
from ganzoo.core.errors import GanzooError

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}
CPU_UNITS = {"bf16": ("amx_bf16", "avx512_bf16", "bf16"), "fp16": ("amx_fp16", "avx512_fp16", "fp16")}
AMPERE = (8, 0)  # the first of NVIDIA's generations with tf32 and bf16
VOLTA = (7, 0)  # the first with fp16 matrix units


class Precision:
    """How passes are computed, and the scaling of gradients that fp16 needs, whose state belongs in a checkpoint."""

    def __init__(self, name: PrecisionName, device: torch.device) -> None:
        self.name = name
        self.device = device
        self.half = HALVES.get(name)
        players: tuple[Player, ...] = ("discriminator", "generator") if name == "fp16" else ()
        self.scalers = {player: torch.amp.GradScaler(device.type) for player in players}

    def passes(self) -> AbstractContextManager[object]:
        """While this lasts, networks compute in this precision."""
        return torch.autocast(self.device.type, self.half) if self.half else nullcontext()

    def scaled(self, player: Player, objective: Tensor) -> Tensor:
        """The objective whose gradients `step` expects."""
        return self.scalers[player].scale(objective) if player in self.scalers else objective

    def step(self, player: Player, optimizer: Optimizer) -> None:
        """The optimizer's step; with fp16 it is left out, and the scale lowered, where a gradient is not finite."""
        scaler = self.scalers.get(player)
        if scaler is None:
            optimizer.step()
            return
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()

    def state_dict(self) -> dict[str, Tensor]:
        """Scale and growth tracker of each player; empty but for fp16."""
        return {
            f"{player}/{key}": torch.tensor(value, dtype=torch.float64)
            for player, scaler in self.scalers.items()
            for key, value in scaler.state_dict().items()
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        for player, scaler in self.scalers.items():
            keys = scaler.state_dict()
            scaler.load_state_dict({key: type(keys[key])(state[f"{player}/{key}"].item()) for key in keys})


def pick_precision(name: PrecisionName, device: torch.device) -> Precision:
    """The precision of that name. Raises GanzooError where this machine does not have it.

    `auto` is the fastest that a benchmark of ours has shown to help, which so far is float32 on every machine.
    """
    if name == "auto":
        name = "fp32"
    if name != "fp32" and not has(name, device):
        usable = [each for each in ("fp32", "tf32", "bf16", "fp16") if each == "fp32" or has(each, device)]
        raise GanzooError(f"This {device.type} does not compute in {name}; use --precision {' or '.join(usable)}.")
    return Precision(name, device)


def has(name: str, device: torch.device) -> bool:
    """Whether the device multiplies such numbers by itself, rather than by slow detours."""
    if device.type == "cuda":
        needed = VOLTA if name == "fp16" else AMPERE
        return torch.cuda.get_device_capability(device) >= needed
    if name == "tf32":
        return False
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(unit) for unit in CPU_UNITS[name])


@contextmanager
def products(precision: Precision) -> Iterator[None]:
    """While this lasts, a GPU rounds the factors of float32 products for tf32, and never else."""
    if precision.device.type != "cuda":
        yield
        return
    wanted = "tf32" if precision.name == "tf32" else "ieee"
    backends: list[Any] = [torch.backends.cuda.matmul, getattr(torch.backends.cudnn, "conv")]  # noqa: B009 - untyped
    before = [backend.fp32_precision for backend in backends]
    for backend in backends:
        backend.fp32_precision = wanted
    try:
        yield
    finally:
        for backend, value in zip(backends, before, strict=True):
            backend.fp32_precision = value


def to_float32(verdict: Verdict) -> Verdict:
    """The verdict with all that it carries in float32."""
    values = {field.name: getattr(verdict, field.name) for field in fields(verdict)}
    return replace(verdict, **{name: value.float() for name, value in values.items() if value is not None})
