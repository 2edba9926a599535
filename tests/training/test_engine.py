"""However the machine computes it, it is the same step, to the rounding that was asked for."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from toys import CPU, ToyDiscriminator, ToyGenerator, final_digest, toy_config, toy_parts, train_toy

from ganzoo.contracts import Play, Players, Regularizer, Terms, Verdict
from ganzoo.core.errors import GanzooError
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Data
from ganzoo.training import precision
from ganzoo.training.checkpoint import read_checkpoint
from ganzoo.training.encounter import meet
from ganzoo.training.engine import start_engine
from ganzoo.training.precision import Precision, has, pick_precision
from ganzoo.training.processes import ALONE
from ganzoo.training.state import TrainState
from ganzoo.training.trainer import alternate, move_at_once

UNITS = {"amx_bf16": True, "avx512_fp16": True}


@pytest.fixture
def all_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this machine multiplied bf16 and fp16 by itself; torch then computes the same, by detours."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: UNITS, raising=False)


class Pictures(nn.Module):
    """From latents [N, 2] to pictures [N, 3, 8, 8]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(2, 8, 4), nn.ReLU(), nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh()
        )

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.layers(latents[:, :, None, None])


class Critic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 4))

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return Verdict(self.layers(samples)[:, 0, 0, 0])


def conv_parts(config: Any, **changes: Any) -> Any:
    torch.manual_seed(0)
    pictures = Data((np.arange(40 * 3 * 64) % 251).astype(np.uint8).reshape(40, 3, 8, 8))
    return toy_parts(config, data=pictures, players=Players(Pictures(), Critic()), regularizers={}, **changes)


def weights(parts: Any) -> Tensor:
    networks = (parts.players.generator, parts.players.discriminator)
    return torch.cat([p.detach().double().flatten() for network in networks for p in network.parameters()])


def three_steps(parts: Any, config: Any) -> Tensor:
    state = TrainState.start(parts.players, config)
    for state.step in range(3):
        alternate(state, parts, config)
    return weights(parts)


def test_convolutions_train_in_channels_last_to_the_weights_of_the_plain_format() -> None:
    config = toy_config()
    ours, plain = conv_parts(config), conv_parts(config)
    assert ours.engine.channels_last
    assert next(ours.players.discriminator.parameters()).is_contiguous(memory_format=torch.channels_last)
    for network in (plain.players.generator, plain.players.discriminator):
        network.to(memory_format=torch.contiguous_format)
    plain = replace(plain, engine=replace(plain.engine, channels_last=False))
    before = weights(plain)
    difference = (three_steps(ours, config) - three_steps(plain, config)).abs().max()
    assert difference < 1e-4 * (weights(plain) - before).abs().max()


def test_a_gradient_lies_in_memory_as_its_parameter_does() -> None:
    """Fused optimizers walk through both in the order of memory: one in another order would move the wrong weights."""
    weight = nn.Parameter(torch.randn(4, 3, 3, 3).to(memory_format=torch.channels_last))
    factor = torch.randn(4, 3, 3, 3)
    optimizer = torch.optim.Adam([weight], 0.1, fused=True)
    expected = weight.detach() - 0.1 * factor.sign()  # Adam's first step
    _, engine = start_engine(Players(ToyGenerator(), ToyDiscriminator()), toy_config(), CPU, ALONE)
    gradient = torch.autograd.grad((weight * factor).sum(), weight)[0].contiguous()
    engine.set_gradients("generator", optimizer, (weight.contiguous() * factor).sum())
    assert weight.grad is not None
    assert weight.grad.stride() == weight.stride()
    torch.testing.assert_close(weight.grad, gradient)
    weight.grad = torch.empty_like(weight).copy_(factor)
    engine.step("generator", optimizer)
    torch.testing.assert_close(weight.detach(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("passes", [1, 2, 4])
def test_parameters_that_autograd_gives_the_same_tensor_keep_gradients_of_their_own(passes: int) -> None:
    """The gradient of a sum is handed to both of its terms as it is; adding to one must not add to the other."""
    one, other = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.SGD([one, other], 0.1)
    _, engine = start_engine(Players(ToyGenerator(), ToyDiscriminator()), toy_config(), CPU, ALONE)
    for number in range(passes):
        objective = ((one + other) * torch.ones(3)).sum() / passes
        engine.set_gradients("generator", optimizer, objective, add=number > 0)
    assert one.grad is not None and other.grad is not None
    assert one.grad.tolist() == other.grad.tolist() == pytest.approx([1.0] * 3)
    assert one.grad.data_ptr() != other.grad.data_ptr()


class Doubled(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.double()

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> Any:
        return self.network(inputs.double())


class Slope(Regularizer):
    """As `toys.ToyPenalty`, without state."""

    needs_sample_gradients = True

    def terms(self, play: Play, players: Players) -> Terms:
        assert play.on_real is not None
        (gradient,) = torch.autograd.grad(play.on_real.logits.sum(), play.batch.real, create_graph=True)
        return {"slope": (gradient.square().sum(1) * play.batch.noise.uniform()).mean()}


def accumulated(passes: int, *, norm: bool = False, updates: Any = "alternating") -> Tensor:
    torch.manual_seed(1)
    generator, discriminator = ToyGenerator(), ToyDiscriminator()
    discriminator.layers[2] = nn.Identity()  # dropout draws for each pass
    if not norm:
        generator.layers[1] = nn.Identity()
    config = toy_config(accumulate=passes, updates=updates)
    players = Players(Doubled(generator), Doubled(discriminator))
    parts = toy_parts(config, players=players, regularizers={"slope": Slope()})
    state = TrainState.start(parts.players, config)
    for state.step in range(20):
        (alternate if updates == "alternating" else move_at_once)(state, parts, config)
    return weights(parts)


@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
@pytest.mark.parametrize("passes", [2, 16])
def test_a_batch_in_several_passes_is_the_batch_in_one(passes: int, updates: str) -> None:
    whole, parts = accumulated(1, updates=updates), accumulated(passes, updates=updates)
    assert (whole - parts).abs().max() < 1e-9


def test_with_batch_norm_passes_are_another_algorithm() -> None:
    assert (accumulated(1, norm=True) - accumulated(2, norm=True)).abs().max() > 1e-4


@pytest.mark.parametrize("name", ["bf16", "fp16"])
def test_networks_compute_in_halves_and_losses_in_float32(all_units: None, name: str) -> None:
    config = toy_config(precision=name)
    seen: list[torch.dtype] = []

    class Witness(Critic):
        def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
            verdict = super().forward(samples, labels)
            seen.append(verdict.logits.dtype)
            return verdict

    torch.manual_seed(0)
    parts = toy_parts(config, players=Players(Pictures(), Witness()), regularizers={})
    latents = torch.randn(16, 2)
    fake = parts.engine.generate(latents, None)
    (verdict,) = parts.engine.judge([fake], None, differentiable=False)
    (exact,) = parts.engine.judge([fake], None, differentiable=True)

    assert seen == [precision.HALVES[name], torch.float32]
    assert fake.dtype == verdict.logits.dtype == torch.float32
    difference = (verdict.logits - exact.logits).abs().max()
    assert 0 < difference < 0.02
    assert torch.equal(exact.logits, parts.players.discriminator(fake).logits), "what penalties differentiate is exact"


@pytest.mark.parametrize("name", ["bf16", "fp16"])
def test_halves_train_nearly_to_the_same_weights_and_resume_exactly(tmp_path: Path, all_units: None, name: str) -> None:
    config = toy_config(precision=name)
    train_toy(tmp_path / "exact", toy_config(precision="fp32"))
    train_toy(tmp_path / "whole", config)
    train_toy(tmp_path / "parts", replace(config, steps=6))
    train_toy(tmp_path / "parts", config)

    assert final_digest(tmp_path / "parts") == final_digest(tmp_path / "whole")
    half, exact = (read_checkpoint(RunFolder(tmp_path / each).newest_checkpoint())[1] for each in ("whole", "exact"))
    distances = [(half[key] - value).abs().max().item() for key, value in exact.items() if key.startswith("generator/")]
    assert 0 < max(distances) < 0.1
    assert any(key.startswith("precision/") for key in half) == (name == "fp16")


def test_a_gradient_that_fp16_cannot_hold_costs_a_step_and_half_of_the_scale(all_units: None) -> None:
    weight = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], 0.1, fused=True)
    scaling = Precision("fp16", CPU)
    scale = scaling.scaled("generator", torch.ones(())).item()
    for gradient, expected in ((float("inf"), 1.0), (1.0, 0.9)):
        scaled = scaling.scaled("generator", torch.tensor(gradient)).item()
        weight.grad = torch.full((2,), scaled)
        scaling.step("generator", optimizer)
        assert weight.tolist() == pytest.approx([expected] * 2)
    assert scaling.scaled("generator", torch.ones(())).item() == scale / 2


@pytest.mark.parametrize(("units", "usable"), [({}, "fp32"), ({"avx512_bf16": True}, "fp32 or bf16")])
def test_a_precision_that_the_machine_does_not_have_is_refused(
    monkeypatch: pytest.MonkeyPatch, units: dict[str, bool], usable: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units, raising=False)
    with pytest.raises(GanzooError, match=rf"cpu does not compute in fp16; use --precision {usable}\.$"):
        pick_precision("fp16", CPU)
    assert not has("tf32", CPU)
    assert pick_precision("fp32", CPU).half is None


def test_without_a_compiler_a_run_goes_on_only_where_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> Any:
        raise RuntimeError("no g++\nand more")

    monkeypatch.setattr(torch, "compile", refuse)
    with pytest.raises(GanzooError, match=r"\(no g\+\+\).*Install.*--set compile=if-possible"):
        toy_parts(toy_config(compile="always"))
    parts = toy_parts(toy_config(compile="if-possible"))
    assert parts.engine.discriminator is parts.players.discriminator


def test_penalties_run_the_plain_network_and_all_else_the_compiled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def stand_in(network: Any, **options: object) -> Any:
        def run(*args: Any) -> Any:
            calls.append(type(network).__name__)
            return network(*args)

        return run

    monkeypatch.setattr(torch, "compile", stand_in)
    config = toy_config(compile="always")
    parts = toy_parts(config)
    (batch,) = parts.draws.discriminator(0)
    fake = parts.engine.generate(batch.latents, None).detach()
    calls.clear()
    meet(parts, batch, fake, differentiable=True)
    assert calls == []
    meet(parts, batch, fake)
    assert calls == ["ToyDiscriminator"] * 2


COMPILED = """
import sys
import ganzoo
for when in ("never", "always"):
    ganzoo.train("vanilla-mlp", steps=3, compile=when, out=sys.argv[1] + "/" + when, quiet=True)
"""


@pytest.mark.slow
def test_compiled_networks_take_the_same_steps(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", COMPILED, str(tmp_path)], check=True)
    runs = (RunFolder(tmp_path / when / "vanilla-mlp-001") for when in ("never", "always"))
    plain, ours = (read_checkpoint(run.newest_checkpoint())[1] for run in runs)
    for key, value in plain.items():
        torch.testing.assert_close(ours[key], value, rtol=1e-3, atol=1e-5)
