"""The loops that the trainer is compared with play the same game: from the same draws come the same weights."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.cases import CASES, Case, configured, digits
from benchmarks.contest import Contest, operations
from benchmarks.drawn import Indexed, Loaded
from benchmarks.loops import by_hand, plain
from benchmarks.readme import lines
from benchmarks.soak import FLAT, judged
from ganzoo.catalog import load_catalog
from ganzoo.contracts import Batch
from ganzoo.core.config import RunConfig
from ganzoo.core.run_folder import RunFolder
from ganzoo.training.build import Components, build
from ganzoo.training.device import settled
from ganzoo.training.state import TrainState
from ganzoo.training.trainer import alternate, train

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[1]
NARROW = {"generator.width": 8, "discriminator.width": 8, "batch_size": 8, "ema_decay": 0.3}
BY_NAME = {
    "perceptrons": CASES[0],
    "batch norm": next(case for case in CASES if "fp32" in case.name),
    "half precision": next(case for case in CASES if "bf16" in case.name),
    "gradient penalty": next(case for case in CASES if "wgan-gp" in case.name),
    "R1": next(case for case in CASES if "R1" in case.name),
}


class Replayed:
    """The trainer's draws, one after the other, for a loop that asks for them."""

    def __init__(self, parts: Components, config: RunConfig) -> None:
        self.batches = self.in_order(parts, config)
        self.batch: Batch

    def in_order(self, parts: Components, config: RunConfig) -> Iterator[Batch]:
        for step in range(config.steps or 0):
            for update in range(step * config.d_steps, (step + 1) * config.d_steps):
                batches = parts.draws.discriminator(update)
                yield batches[0]
            yield parts.draws.generator(step, batches)[0]

    def real(self) -> Tensor:
        self.batch = next(self.batches)
        self.of_generator = False
        return self.batch.real

    def latents(self) -> Tensor:
        if self.of_generator:
            self.batch = next(self.batches)
        self.of_generator = True
        return self.batch.latents

    def uniform(self) -> Tensor:
        return self.batch.noise.uniform(1, 1, 1)


def small(case: Case) -> tuple[RunConfig, Components]:
    """The case with narrow networks on 8 pixels, for two steps."""
    case = replace(case, shape=(case.shape[0], 8, 8), changes=case.changes | NARROW, steps=1, warm_up=1, pictures=40)
    catalog = load_catalog()
    config = configured(case, catalog)
    return config, build(config, digits(case.shape, case.pictures), catalog, CPU)


def weights(parts: Components, average: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All that training changes of the networks: both players with their buffers, and what samples come from."""
    return {
        f"{name}/{key}": value.clone().double()
        for name, state in (
            ("generator", parts.players.generator.state_dict()),
            ("discriminator", parts.players.discriminator.state_dict()),
            ("average", average),
        )
        for key, value in state.items()
        if value.is_floating_point()
    }


def distance(a: Mapping[str, Tensor], b: Mapping[str, Tensor], player: str) -> float:
    keys = [key for key in b if key.startswith(f"{player}/")]
    assert keys
    return float(torch.stack([(a[key] - b[key]).square().sum() for key in keys]).sum().sqrt())


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("loop", ["by_hand", "plain"])
def test_a_loop_makes_the_trainers_steps(name: str, loop: str, tmp_path: Path) -> None:
    config, parts = small(BY_NAME[name])
    start = weights(parts, parts.players.generator.state_dict())
    with settled(parts, config):
        state = train(parts, config, RunFolder(tmp_path), lambda event: None, lambda text: None)
    ours = weights(parts, state.average.network.state_dict())

    _, others = small(BY_NAME[name])
    drawn = Replayed(others, config)
    steps = by_hand(others, config, drawn) if loop == "by_hand" else plain(others, config, drawn, detaches=True)
    with settled(others, config):
        networks = [next(steps) for _ in range(2)]
    theirs = weights(others, networks[-1].state_dict())

    assert next(drawn.batches, None) is None  # it has asked for all that the trainer has
    rounding = 0.05 if loop == "plain" and config.precision == "bf16" else 1e-3
    for player in ("generator", "discriminator") if loop == "plain" else ("generator", "discriminator", "average"):
        moved = distance(ours, start, player)
        assert moved > 0
        assert distance(theirs, ours, player) < rounding * moved, player


def test_the_plain_loop_that_does_not_detach_takes_the_same_steps() -> None:
    found = []
    for detaches in (True, False):
        config, parts = small(CASES[0])
        network = next(plain(parts, config, Replayed(parts, config), detaches=detaches))
        found.append(weights(parts, network.state_dict()))
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])


def test_both_ways_to_load_give_every_picture_once_an_epoch_in_the_same_range() -> None:
    pictures = digits((3, 8, 8), 40).samples
    expected = torch.from_numpy(pictures).double() / 127.5 - 1
    for kind in (Loaded, Indexed):
        drawn = kind(pictures, 8, 2, CPU)
        epoch = torch.cat([drawn.real() for _ in range(5)])
        assert sorted(epoch.flatten(1).double().sum(1).tolist()) == pytest.approx(
            sorted(expected.flatten(1).sum(1).tolist()), abs=1e-4
        )
        again = torch.cat([drawn.real() for _ in range(5)])
        assert not torch.equal(epoch, again)


def test_operations_are_those_that_torch_counts() -> None:
    config, parts = small(BY_NAME["batch norm"])
    with FlopCounterMode(display=False) as counter:
        alternate(TrainState.start(parts.players, config), parts, config)
    _, fresh = small(BY_NAME["batch norm"])
    assert operations(fresh, config) == counter.get_total_flops() > 0


def test_every_contender_says_how_long_a_step_takes() -> None:
    case = replace(CASES[0], steps=1, warm_up=1, pictures=200)
    contest = Contest(case, CPU)
    for contender in (contest.ours, contest.by_hand, contest.plain):
        assert 0 < contender() < 5


def test_a_soak_is_flat_or_not_by_the_slope_after_the_warm_up() -> None:
    def grown(per_1000: float) -> bool:
        found = [
            (step, 10**9 + int(step * per_1000 / 1000) - 10**8 * (step < 2500)) for step in range(500, 10_500, 500)
        ]
        return judged(found, 10_000)["flat"]

    assert grown(0)
    assert grown(0.9 * FLAT)
    assert not grown(1.1 * FLAT)


def test_the_figures_in_the_readme_are_those_that_were_measured() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    for line in lines():
        assert line in text
