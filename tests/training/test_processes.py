"""A run on several processes is the run on one: the same draws, and the same weights to rounding."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import torch
from crowd import crowd, files_in
from torch import Tensor, nn
from torch import distributed as dist
from toys import toy_config, toy_data, toy_parts

from ganzoo.contracts import Play, Players, Regularizer, Terms, Verdict
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadSetting
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Data
from ganzoo.training import processes
from ganzoo.training.checkpoint import read_checkpoint
from ganzoo.training.prepare import agreed_digest
from ganzoo.training.processes import ALONE, Processes, buckets, first_to_say, joined
from ganzoo.training.trainer import train

ROUNDING = {torch.float64: 1e-9, torch.float32: 2e-4}  # of weights of order 1, after 20 steps


class Generator(nn.Module):
    def __init__(self, dtype: torch.dtype, norm: bool) -> None:
        super().__init__()
        middle = nn.BatchNorm1d(8) if norm else nn.Identity()
        self.layers = nn.Sequential(nn.Linear(2, 8), middle, nn.Tanh(), nn.Linear(8, 2)).to(dtype)
        self.dtype = dtype

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.layers(latents.to(self.dtype))


class Discriminator(nn.Module):
    def __init__(self, dtype: torch.dtype, norm: bool) -> None:
        super().__init__()
        middle = nn.BatchNorm1d(8) if norm else nn.Identity()
        self.layers = nn.Sequential(nn.Linear(2, 8), middle, nn.Tanh(), nn.Linear(8, 1)).to(dtype)
        self.dtype = dtype

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return Verdict(self.layers(samples.to(self.dtype))[:, 0])


class NoisyPenalty(Regularizer):
    """The squared slope between real and fake, at a point that is drawn for each sample; as in WGAN-GP."""

    def terms(self, play: Play, players: Players) -> Terms:
        between = play.fake.lerp(play.batch.real.to(play.fake.dtype), play.batch.noise.uniform(1).to(play.fake.dtype))
        between = between.detach().requires_grad_()
        (slope,) = torch.autograd.grad(players.discriminator(between).logits.sum(), between, create_graph=True)
        return {"slope": slope.square().sum(1).mean()}


def game(config: RunConfig, processes: Processes, dtype: torch.dtype, *, norm: bool) -> Any:
    torch.manual_seed(0)
    players = Players(Generator(dtype, norm), Discriminator(dtype, norm))
    return toy_parts(config, processes, players=players, regularizers={"slope": NoisyPenalty()})


def weights_after(
    folder: Path, config: RunConfig, count: int, dtype: torch.dtype = torch.float64, *, norm: bool = False
) -> list[Tensor]:
    """The weights and the average of every process, all in one vector for each."""

    def work(rank: int) -> Any:  # as an array: torch would send a tensor's place in memory, which ends with its process
        with joined(30.0) as processes:
            parts = game(config, processes, dtype, norm=norm)
            state = train(parts, config, RunFolder(folder), lambda event: None, lambda text: None)
        networks = (state.players.generator, state.players.discriminator, state.average.network)
        values = [value.flatten().to(dtype) for network in networks for value in network.state_dict().values()]
        return torch.cat(values).numpy()

    return [torch.from_numpy(found) for found in (crowd(count, work) if count > 1 else [work(0)])]


CONFIG = toy_config(steps=20, d_steps=2, checkpoint_every=5, log_every=5, batch_size=16)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Tensor]:
    """The weights of the run on one process."""
    known: dict[Any, Tensor] = {}

    def run(dtype: torch.dtype = torch.float64, *, norm: bool = False) -> Tensor:
        if (dtype, norm) not in known:
            folder = tmp_path_factory.mktemp("alone")
            (known[dtype, norm],) = weights_after(folder, CONFIG, 1, dtype, norm=norm)
        return known[dtype, norm]

    return run


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("count", [2, 4])
def test_a_run_on_several_processes_ends_where_the_run_on_one_ends(
    tmp_path: Path, alone: Callable[..., Tensor], count: int, dtype: torch.dtype
) -> None:
    found = weights_after(tmp_path, CONFIG, count, dtype)
    assert len(found) == count
    for weights in found:
        assert (weights - alone(dtype)).abs().max() < ROUNDING[dtype]
        assert torch.equal(weights, found[0])


def test_batch_norm_is_that_of_the_whole_batch_where_it_is_shared(tmp_path: Path, alone: Callable[..., Tensor]) -> None:
    shared = weights_after(tmp_path / "shared", replace(CONFIG, sync_batch_norm=True), 2, norm=True)
    assert (shared[0] - alone(norm=True)).abs().max() < ROUNDING[torch.float64]
    apart = weights_after(tmp_path / "apart", CONFIG, 2, norm=True)
    assert (apart[0] - alone(norm=True)).abs().max() > 1e-4, "without sharing it is another algorithm"
    assert torch.equal(apart[0], apart[1]), "running statistics, too, are the same everywhere"


def test_gradients_that_are_not_averaged_are_noticed(
    tmp_path: Path, alone: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Processes, "average", lambda self, tensors: None)
    found = weights_after(tmp_path, CONFIG, 2)
    assert (found[0] - alone()).abs().max() > 1e-3


@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2), (4, 2)])
def test_a_run_goes_on_with_another_number_of_processes(
    tmp_path: Path, alone: Callable[..., Tensor], first: int, then: int
) -> None:
    weights_after(tmp_path, replace(CONFIG, steps=10), first)
    found = weights_after(tmp_path, CONFIG, then)
    assert (found[0] - alone()).abs().max() < ROUNDING[torch.float64]


def test_one_process_writes(tmp_path: Path) -> None:
    weights_after(tmp_path / "one", CONFIG, 1)
    weights_after(tmp_path / "two", CONFIG, 2)
    assert files_in(tmp_path / "two") == files_in(tmp_path / "one")
    assert [line["step"] for line in RunFolder(tmp_path / "two").log()] == [5, 10, 15, 20]
    assert read_checkpoint(RunFolder(tmp_path / "two").newest_checkpoint())[0] == 20


def test_the_log_of_several_processes_is_that_of_one(tmp_path: Path) -> None:
    weights_after(tmp_path / "one", CONFIG, 1)
    weights_after(tmp_path / "two", CONFIG, 2)
    for one, two in zip(RunFolder(tmp_path / "one").log(), RunFolder(tmp_path / "two").log(), strict=True):
        for key in ("terms", "probability_real", "probability_fake", "value"):
            assert two[key] == pytest.approx(one[key], rel=1e-5), key


def test_a_process_that_dies_ends_the_others_with_a_sentence(tmp_path: Path) -> None:
    def work(rank: int) -> None:
        with joined(10.0) as processes:
            parts = game(CONFIG, processes, torch.float64, norm=False)

            def die(event: Any) -> None:
                if rank == 1 and event.step == 10:
                    os.kill(os.getpid(), signal.SIGKILL)

            train(parts, CONFIG, RunFolder(tmp_path), die, lambda text: None)

    started = monotonic()
    left, dead = crowd(2, work)
    assert dead is None
    assert left[0] == "LostProcess"
    assert "--resume" in left[1]
    assert monotonic() - started < 20
    assert RunFolder(tmp_path).newest_checkpoint().stem == "step-00000005"


def test_a_process_that_never_comes_is_waited_for_no_longer_than_was_said(tmp_path: Path) -> None:
    def work(rank: int) -> None:
        if rank == 0:
            with joined(2.0):
                pass

    started = monotonic()
    waited, _ = crowd(2, work)
    assert waited[0] == "LostProcess"
    assert monotonic() - started < 15


def test_processes_with_other_data_say_so() -> None:
    def work(rank: int) -> str:
        data = toy_data()
        with joined(30.0) as processes:
            return agreed_digest(Data(data.samples + (rank == 2)), processes)

    found = crowd(3, work)
    assert [name for name, _ in found] == ["BadData"] * 3
    assert "rank 2 have read something else" in found[0][1]


def test_what_several_processes_have_to_say_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the first of them, in each of torchrun's attempts; and by all where there is nobody to ask."""
    agent = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    monkeypatch.setattr(processes, "MOMENT", 0.5)

    def says(rank: int, text: str, attempt: int = 0, port: int = agent.port) -> bool:
        found = {"RANK": rank, "WORLD_SIZE": 3, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        for key, value in {**found, "TORCHELASTIC_RESTART_COUNT": attempt}.items():
            monkeypatch.setenv(key, str(value))
        return first_to_say(text)

    assert says(0, "all"), "no torchrun"
    assert says(1, "all")
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    assert says(2, "all")
    started = monotonic()
    assert not says(0, "all")
    assert monotonic() - started >= 0.5, "the one that speaks has the time to do so"
    assert not says(1, "all")
    assert says(1, "its own")
    assert says(0, "all", attempt=1)
    monkeypatch.setattr(processes, "NEAR", timedelta(seconds=0.1))
    assert says(0, "all", port=1), "nobody listens there"


@pytest.mark.parametrize(("count", "passes"), [(1, 1), (2, 1), (2, 4), (4, 4)])
def test_shares_cover_the_batch_once_and_in_order(count: int, passes: int) -> None:
    rows = [row for rank in range(count) for share in Processes(rank, count).shares(16, passes) for row in share]
    assert rows == list(range(16))


def test_a_batch_that_cannot_be_shared_out_is_refused_with_one_that_can() -> None:
    with pytest.raises(BadSetting, match=r"batch of 16 cannot.*3 processes with 1 passes.*multiple of 3, such as 15"):
        Processes(0, 3).shares(16, 1)
    with pytest.raises(BadSetting, match=r"5 passes.*such as 5"):
        ALONE.shares(3, 5)


def test_buckets_hold_every_tensor_once_and_one_type_each() -> None:
    tensors = [torch.zeros(3), torch.zeros(2, dtype=torch.float64), torch.zeros(1, dtype=torch.float64), torch.ones(4)]
    assert [len(bucket) for bucket in buckets(tensors)] == [1, 2, 1]
    large = [torch.zeros(5_000_000)] * 3
    assert [len(bucket) for bucket in buckets(large)] == [2, 1]
