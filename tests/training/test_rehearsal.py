"""The first step is played before there is a run: what cannot work is told, and nothing else comes of it."""

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from toys import final_digest, toy_config, toy_parts

import ganzoo
from ganzoo import session
from ganzoo.contracts import Play, Players, Regularizer, Terms
from ganzoo.core.config import Burst
from ganzoo.core.errors import BadPlugin, BadSetting, GanzooError
from ganzoo.core.run_folder import step_of
from ganzoo.training.checkpoint import collect
from ganzoo.training.rehearsal import rehearse
from ganzoo.training.state import TrainState

SMALL: dict[str, Any] = {"steps": 3, "batch_size": 8, "log_every": 2, "quiet": True}
GAMES: dict[str, tuple[str, dict[str, Any]]] = {  # all kinds of state, of draws, and of updates
    "dropout, ada, r1 and passes": (
        "vanilla-mlp",
        {
            "discriminator.dropout": 0.3,
            "augmentations.ada.interval": 1,
            "augmentations.ada.target": -0.9,
            "regularizers.r1.gamma": 0.1,
            "accumulate": 2,
        },
    ),
    "batch norm": ("dcgan-small", {"dataset": "digits", "generator.width": 8, "discriminator.width": 8}),
    "a balance": ("began", {"dataset": "digits", "generator.width": 8, "discriminator.width": 4}),
    "styles and path length": (
        "stylegan-small",
        {"dataset": "digits", "generator.width": 4, "generator.style_size": 8, "regularizers.path-length.interval": 1},
    ),
    "both at once, from a stream": (
        "vanilla-mlp",
        {"updates": "simultaneous", "stream": "always", "workers": 1, "mirror": True},
    ),
    "a look ahead": ("vanilla-mlp", {"unroll.steps": 2}),
    "bursts and clipping": ("vanilla-mlp", {"d_burst.d_steps": 3, "regularizers.weight-clipping.bound": 0.02}),
}


@pytest.mark.parametrize("game", GAMES)
def test_a_run_ends_with_the_same_bits_as_without_a_rehearsal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, game: str
) -> None:
    """Weights, averages, optimizers, and the state of losses, penalties and augmentations."""
    recipe, settings = GAMES[game]
    rehearsed = ganzoo.train(recipe, settings=settings, out=tmp_path / "a", device="cpu", **SMALL)
    monkeypatch.setattr(session, "rehearse", lambda *_: None)
    plain = ganzoo.train(recipe, settings=settings, out=tmp_path / "b", device="cpu", **SMALL)
    assert final_digest(rehearsed.path) == final_digest(plain.path)


@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
def test_a_rehearsal_leaves_all_as_it_was(updates: str) -> None:
    config = toy_config(updates=updates)
    parts = toy_parts(config)
    state = TrainState.start(parts.players, config)
    before = {key: value.clone() for key, value in collect(state, parts).items()}
    rehearse(parts, config)
    after = collect(state, parts)
    assert after.keys() == before.keys()
    assert all(torch.equal(value, before[key]) for key, value in after.items())
    networks = (parts.players.generator, parts.players.discriminator)
    assert all(weight.grad is None for network in networks for weight in network.parameters())


class Watching(Regularizer):
    """Notes down, for all of its copies, whose updates it joins, and with how many samples."""

    player = "both"
    seen: list[tuple[str, int]]

    def terms(self, play: Play, players: Players) -> Terms:
        self.seen.append((play.player, len(play.fake)))
        return {"it": play.on_fake.logits.mean()}


def test_each_player_is_updated_once_with_the_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many updates of the discriminator the first steps have; of several passes all are made."""
    monkeypatch.setattr(Watching, "seen", [], raising=False)
    config = toy_config(d_steps=5, d_burst=Burst(d_steps=100), accumulate=2)
    rehearse(toy_parts(config, regularizers={"it": Watching()}), config)
    assert Watching.seen == [("discriminator", 8)] * 2 + [("generator", 8)] * 2


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no classes are said": ({"regularizers.auxiliary-classifier.generator_weight": 1.0}, "set discriminator.name="),
    "no codes are read": ({"regularizers.mutual-information.continuous_weight": 1.0}, "needs a discriminator that"),
    "packs do not divide the batch": ({"wrappers.packing.size": 3}, r"--set batch_size=6"),
    "packs do not divide a pass": ({"wrappers.packing.size": 4, "accumulate": 4}, r"Packing joins 4 samples, and 2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_parts_that_do_not_fit_are_refused_before_anything_is_written(tmp_path: Path, case: str) -> None:
    settings, words = REFUSED[case]
    with pytest.raises(BadSetting, match=words):
        ganzoo.train("vanilla-mlp", settings=settings, out=tmp_path / "runs", **SMALL)
    assert not (tmp_path / "runs").exists()


class Broken(Regularizer):
    """Breaks its contract in the generator's update."""

    player = "generator"

    def terms(self, play: Play, players: Players) -> Terms:
        return {"it": play.on_fake.logits}


def test_a_plugin_that_breaks_its_contract_is_named() -> None:
    config = toy_config()
    with pytest.raises(BadPlugin, match=r"term 'broken/it' of the generator has the shape \[16\]"):
        rehearse(toy_parts(config, regularizers={"broken": Broken()}), config)


def test_too_little_memory_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(session, "rehearse", refuse)
    with pytest.raises(GanzooError, match="not enough memory for 8 samples in one pass, but 4 would fit"):
        ganzoo.train("vanilla-mlp", out=tmp_path / "runs", **SMALL)
    assert not (tmp_path / "runs").exists()


def test_who_reads_the_data_ends_where_the_rehearsal_fails(tmp_path: Path) -> None:
    settings = {"wrappers.packing.size": 3, "stream": "always", "workers": 2}
    before = set(multiprocessing.active_children())
    with pytest.raises(BadSetting, match="Packing"):
        ganzoo.train("vanilla-mlp", settings=settings, out=tmp_path / "runs", **SMALL)
    assert set(multiprocessing.active_children()) <= before


def test_a_run_that_goes_on_is_not_rehearsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ganzoo.train("vanilla-mlp", out=tmp_path, **SMALL)
    monkeypatch.delattr(session, "rehearse")
    ganzoo.resume(run, steps=4, quiet=True)
    assert step_of(run.newest_checkpoint()) == 4


def test_compiled_networks_are_rehearsed_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling takes a while, and is left to the run."""

    def compiled(work: Any) -> Any:
        return (lambda *_: pytest.fail("it was run compiled")) if isinstance(work, nn.Module) else work

    monkeypatch.setattr(torch, "compile", compiled)
    config = toy_config(compile="always")
    parts = toy_parts(config, regularizers={})
    rehearse(parts, config)
    with pytest.raises(pytest.fail.Exception, match="run compiled"):
        parts.engine.generate(torch.zeros(2, 2), None)
