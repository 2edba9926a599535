"""Too little memory ends in a sentence that says what would fit, and it is true."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from toys import ToyDiscriminator, ToyGenerator, toy_config, toy_parts, train_toy

from ganzoo import session
from ganzoo.catalog import load_catalog
from ganzoo.contracts import Players, Verdict
from ganzoo.core.errors import GanzooError
from ganzoo.core.run_folder import RunFolder
from ganzoo.training import memory
from ganzoo.training.display import Display
from ganzoo.training.health import Health
from ganzoo.training.trainer import train


class Large(ToyDiscriminator):
    """Cannot see more than `most` samples at once; from its `after`-th pass on."""

    def __init__(self, most: int, error: Any, after: int = 0) -> None:
        super().__init__()
        self.most, self.error, self.after = most, error, after

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        self.after -= 1
        if len(samples) > self.most and self.after < 0:
            raise self.error
        return super().forward(samples, labels)


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
    MemoryError(),
]


def train_large(folder: Path, most: int, error: Any = ERRORS[0], after: int = 0, **changes: Any) -> None:
    config = toy_config(**changes)
    players = Players(ToyGenerator(), Large(most, error, after))
    parts = toy_parts(config, players=players, regularizers={})
    health = Health(config, load_catalog(), 1.0, logits_are_scores=True)
    onlookers = session.Onlookers(lambda event: None, health, Display(quiet=True), may_stop=False)
    session.train_explained(parts, config, RunFolder(folder), onlookers, lambda text: None, lambda step: None)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_would_fit_is_found_by_trying(tmp_path: Path, error: Exception) -> None:
    expected = r"16 samples in one pass, but 4 would fit: use --accumulate 4,.*or --set batch_size=4"
    with pytest.raises(GanzooError, match=expected):
        train_large(tmp_path, 5, error)


def test_what_is_advised_works(tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match="--accumulate 8"):
        train_large(tmp_path / "a", 3, accumulate=2)
    train_large(tmp_path / "b", 3, accumulate=8)
    train_large(tmp_path / "c", 3, batch_size=2)


def test_nothing_is_lost(tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match="not enough memory"):
        train_large(tmp_path, 8, after=3 * 8)
    assert RunFolder(tmp_path).newest_checkpoint().stem == "step-00000006"


def test_where_one_sample_is_too_much_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match="not enough memory for one sample at a time"):
        train_large(tmp_path, 0)


def test_trying_changes_no_weight() -> None:
    parts = toy_parts(toy_config())
    before = [p.clone() for p in parts.players.discriminator.parameters()]
    assert memory.fits(parts, 4)
    assert all(torch.equal(a, b) for a, b in zip(before, parts.players.discriminator.parameters(), strict=True))


def test_another_error_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        train_large(tmp_path, 1, RuntimeError("broken"))


def test_the_trainer_itself_says_what_torch_says(tmp_path: Path) -> None:
    """The advice belongs to the session: a plugin's test that calls the trainer sees the error itself."""
    config = toy_config()
    parts = toy_parts(config, players=Players(ToyGenerator(), Large(4, ERRORS[0])), regularizers={})
    with pytest.raises(torch.OutOfMemoryError):
        train(parts, config, RunFolder(tmp_path), lambda event: None, lambda text: None)
    train_toy(tmp_path, config)
