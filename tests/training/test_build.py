"""What the host does with what plugins provide: wrappers, codes, labels, regularizers of both players, schedules."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from toys import CPU, ToyGenerator, toy_config, toy_data, train_toy

from ganzoo.catalog import Catalog, Shelf, load_catalog
from ganzoo.contracts import Noise, Play, Players, Regularizer, Terms, Verdict
from ganzoo.core.config import Choice, OptimizerConfig, RunConfig
from ganzoo.core.errors import BadData, BadSetting
from ganzoo.core.schedule import Schedule
from ganzoo.core.specs import (
    Code,
    Data,
    DiscriminatorSpec,
    GeneratorSpec,
    LatentsSpec,
    LossSpec,
    SampleSpec,
    Spec,
    WrapperSpec,
)
from ganzoo.recipes import find_recipe, read_recipe, resolve
from ganzoo.training.build import build
from ganzoo_latents.options import NormalOptions
from ganzoo_latents.priors import Normal
from ganzoo_vanilla.losses import NonSaturating

DIGITS = Data(np.zeros((64, 1, 16, 16), np.uint8))
WORDS = {"summary": "a toy", "source": "https://example.org"}


class Judge(nn.Module):
    """Remembers the samples that it was built for."""

    def __init__(self, sample: SampleSpec) -> None:
        super().__init__()
        self.sample = sample
        self.layer = nn.Linear(sample.size, 1)

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return Verdict(self.layer(samples)[:, 0])


@dataclass(frozen=True, slots=True)
class ShiftOptions:
    by: float = 1.0


class Shifted(nn.Module):
    """Adds to the logits of a discriminator that was built for samples of one number more, which is always 1."""

    def __init__(self, inner: Callable[[SampleSpec], nn.Module], sample: SampleSpec, options: ShiftOptions) -> None:
        super().__init__()
        self.inner = inner(replace(sample, shape=(sample.shape[0] + 1,)))
        self.by = options.by

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        joined = torch.cat([samples, torch.ones(len(samples), 1)], 1)
        return Verdict(self.inner(joined, labels).logits + self.by)


class Coded(Normal):
    code = Code(categories=(2,))


def shelf(kind: str, **specs: Spec) -> Shelf[Any]:
    return Shelf(kind, dict(specs))


def catalog(*, conditional: bool = False, prior: type[Normal] = Normal) -> Catalog:
    words = {**WORDS, "conditional": conditional}
    return Catalog(
        generators=shelf("generator", toy=GeneratorSpec(name="toy", build=lambda *_: ToyGenerator(), **words)),
        discriminators=shelf(
            "discriminator",
            toy=DiscriminatorSpec(name="toy", build=lambda sample, _: Judge(sample), row_wise=True, **WORDS),
        ),
        wrappers=shelf(
            "wrapper",
            keeps=WrapperSpec(name="keeps", options=ShiftOptions, build=Shifted, row_wise=True, **WORDS),
            mixes=WrapperSpec(name="mixes", options=ShiftOptions, build=Shifted, **WORDS),
        ),
        losses=shelf(
            "loss", **{"non-saturating": LossSpec(name="non-saturating", build=lambda _: NonSaturating(), **WORDS)}
        ),
        latents=shelf(
            "latents", normal=LatentsSpec(name="normal", build=lambda _: prior(NormalOptions(size=2)), **WORDS)
        ),
        datasets=shelf("dataset"),
    )


def config(**changes: Any) -> RunConfig:
    return toy_config(latents=Choice(name="normal"), **changes)


def test_wrappers_are_put_around_each_other_in_their_order() -> None:
    """The inmost first: the judge is built for two numbers more, and both shifts are added."""
    wrappers = {"keeps": {"by": 2.0}, "mixes": {"by": 5.0}}
    parts = build(config(wrappers=wrappers), toy_data(), catalog(), CPU)
    outer = parts.players.discriminator
    assert isinstance(outer, Shifted) and isinstance(outer.inner, Shifted) and isinstance(outer.inner.inner, Judge)
    judge = outer.inner.inner
    assert (outer.by, outer.inner.by, judge.sample.shape) == (5.0, 2.0, (4,))

    samples = torch.randn(3, 2)
    plain = judge.layer(torch.cat([samples, torch.ones(3, 2)], 1))[:, 0]
    torch.testing.assert_close(outer(samples).logits, plain + 7)


@pytest.mark.parametrize(("names", "row_wise"), [([], True), (["keeps"], True), (["mixes"], False)])
def test_a_wrapped_discriminator_is_row_wise_where_all_of_it_is(names: list[str], row_wise: bool) -> None:
    parts = build(config(wrappers={name: {} for name in names}), toy_data(), catalog(), CPU)
    assert parts.row_wise is row_wise


@pytest.mark.parametrize(("prior", "code"), [(Normal, Code()), (Coded, Code((2,)))])
def test_networks_are_told_of_the_prior_s_code(prior: type[Normal], code: Code) -> None:
    parts = build(config(), toy_data(), catalog(prior=prior), CPU)
    assert parts.players.discriminator.sample.code == code
    assert parts.sample.code == Code()  # it is no property of the data


def test_labels_that_are_needed_and_missing_are_asked_for() -> None:
    unlabelled = Data(np.zeros((40, 2), np.float32))
    build(config(), unlabelled, catalog(), CPU)
    build(config(), toy_data(), catalog(conditional=True), CPU)
    with pytest.raises(BadData, match="toy needs labels, and toy has none; take labelled data"):
        build(config(), unlabelled, catalog(conditional=True), CPU)


@pytest.mark.parametrize("penalty", ["gradient-penalty.weight", "dragan.weight", "r1.gamma", "r2.gamma"])
@pytest.mark.parametrize("shared", [False, True])
def test_a_penalty_on_slopes_is_refused_beside_batch_norm_and_told_what_to_set(penalty: str, shared: bool) -> None:
    """Also where processes share its statistics; not where the discriminator has another norm, or the penalty none."""
    shelves, pictures = load_catalog(), Data(np.zeros((8, 1, 16, 16), np.uint8))

    def built(norm: str, **settings: float) -> object:
        changes = {"batch_size": 8, "sync_batch_norm": shared, "discriminator.norm": norm, **settings}
        chosen = resolve(find_recipe("dcgan-small", shelves), shelves, [(k.split("."), v) for k, v in changes.items()])
        return build(chosen, pictures, shelves, CPU)

    with pytest.raises(BadSetting, match=r"dcgan has batch norm.*; use --set discriminator\.norm=layer"):
        built("batch", **{f"regularizers.{penalty}": 1.0})
    built("layer", **{f"regularizers.{penalty}": 1.0})
    built("batch", **{"regularizers.weight-clipping.bound": 0.1})


@pytest.mark.parametrize(
    ("recipe", "settings", "allowed"),
    [
        ("gmm", {"latents": "normal"}, True),
        ("gmm", {"latents": "uniform"}, False),
        ("gmm", {"latents": "spherical"}, False),
        ("stylegan-small", {"generator.mixing": 0.9}, True),
        ("stylegan-small", {"latents": "uniform", "generator.mixing": 0.9}, False),
        ("stylegan-small", {"latents": "uniform", "generator.mixing": 0.0}, True),
        ("vanilla-mlp", {"latents": "uniform"}, True),
    ],
)
def test_latents_that_are_not_normal_are_refused_where_a_generator_counts_on_it(
    recipe: str, settings: dict[str, Any], allowed: bool
) -> None:
    shelves = load_catalog()
    data = Data(np.random.default_rng(0).standard_normal((64, 2), np.float32)) if recipe == "gmm" else DIGITS
    changes = [(key.split("."), value) for key, value in {"batch_size": 16, **settings}.items()]
    chosen = resolve(find_recipe(recipe, shelves), shelves, changes)
    if allowed:
        build(chosen, data, shelves, CPU)
        return
    with pytest.raises(BadSetting, match=r"N\(0, 1\), which (uniform|spherical) are not; use --set latents=normal\."):
        build(chosen, data, shelves, CPU)


def test_a_recipe_lists_wrappers_by_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    names = 'generator = "toy"\ndiscriminator = "toy"\nlatents = "normal"\nloss = "non-saturating"\n'
    path.write_text(f"steps = 1\n{names}[wrappers.keeps]\nby = 3.0\n")
    known = catalog()
    known.datasets.items["none"] = LatentsSpec(name="none", build=lambda _: Normal(NormalOptions()), **WORDS)
    changes: list[tuple[list[str], Any]] = [(["dataset"], "none")]

    assert resolve(read_recipe(path), known, changes).wrappers == {"keeps": {"by": 3.0}}
    changes.append((["wrappers", "keeps", "bye"], 1.0))
    with pytest.raises(BadSetting, match=r"no setting 'wrappers.keeps.bye'; did you mean 'wrappers.keeps.by'"):
        resolve(read_recipe(path), known, changes)


class Both(Regularizer):
    """Counts whose updates it joins."""

    player = "both"

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.stepped = 0

    def terms(self, play: Play, players: Players) -> Terms:
        self.seen.append(play.player)
        return {"mean": play.on_fake.logits.mean()}

    def after_step(self, players: Players) -> None:
        self.stepped += 1


@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
def test_a_regularizer_of_both_players_joins_every_update(tmp_path: Path, updates: str) -> None:
    both = Both()
    train_toy(tmp_path, toy_config(steps=3, updates=updates), regularizers={"both": both})
    assert both.seen == ["discriminator", "generator"] * 3
    assert both.stepped == 6


class Adaptive:
    """An augmentation that grows with the discriminator's logits on real samples."""

    def __init__(self) -> None:
        self.strength = torch.zeros(())
        self.graphs = 0
        self.seen: list[int] = []  # logits of real and of generated samples, and generated samples

    def __call__(self, samples: Tensor, noise: Noise) -> Tensor:
        return samples * (1 + self.strength)

    def adapt(self, play: Play) -> None:
        assert play.player == "discriminator" and play.on_real is not None
        self.graphs += torch.is_grad_enabled()
        assert not any(seen.requires_grad for seen in (play.on_real.logits, play.on_fake.logits, play.fake))
        self.seen += [len(play.on_real.logits), len(play.on_fake.logits), len(play.fake)]
        self.strength = self.strength + 0.01 * play.on_real.logits.sign().mean()

    def state_dict(self) -> dict[str, Tensor]:
        return {"strength": self.strength}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.strength = state["strength"]


def test_an_augmentation_adapts_after_each_update_of_the_discriminator_and_is_resumed(tmp_path: Path) -> None:
    straight, first, second = Adaptive(), Adaptive(), Adaptive()
    train_toy(tmp_path / "straight", toy_config(steps=6), augmentations={"it": straight})
    train_toy(tmp_path / "halves", toy_config(steps=3), augmentations={"it": first})
    train_toy(tmp_path / "halves", toy_config(steps=6), augmentations={"it": second})
    assert straight.strength != 0
    assert torch.equal(second.strength, straight.strength) and not torch.equal(first.strength, straight.strength)
    assert straight.graphs == 0


@pytest.mark.parametrize("accumulate", [1, 2, 4])
@pytest.mark.parametrize("updates", ["alternating", "simultaneous"])
def test_an_augmentation_learns_once_from_all_passes_of_an_update(
    tmp_path: Path, updates: str, accumulate: int
) -> None:
    it = Adaptive()
    train_toy(tmp_path, toy_config(steps=2, updates=updates, accumulate=accumulate), augmentations={"it": it})
    assert it.seen == [16] * 6


def test_betas_and_the_average_follow_their_schedules(tmp_path: Path) -> None:
    """Half-way through both are half-way; an average whose decay is 0 by then is the generator itself."""
    schedule = Schedule(start=0.8, end=0.4, steps=4)
    optimizer = OptimizerConfig(betas=(0.5, schedule))
    decay = Schedule(start=0.9, end=0.0, steps=2)
    state = train_toy(tmp_path, toy_config(steps=3, ema_decay=decay, generator_optimizer=optimizer))
    (group,) = state.generator_optimizer.param_groups
    assert group["betas"] == pytest.approx((0.5, 0.6))
    averages, weights = state.average.network.state_dict(), state.players.generator.state_dict()
    assert all(torch.equal(averages[name], value) for name, value in weights.items())
