"""The checks that plugin authors run find what they are there to find."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganzoo.catalog import Catalog, Plugin, Shelf, load_catalog
from ganzoo.contracts import Noise, Play, Players, Regularizer, Terms, Verdict
from ganzoo.core.errors import BadData, BadPlugin, GanzooError, UnknownName
from ganzoo.core.specs import (
    AugmentationSpec,
    Code,
    Data,
    DatasetSpec,
    DiscriminatorSpec,
    GeneratorSpec,
    LatentsSpec,
    LossSpec,
    RegularizerSpec,
    RemoteFile,
    SampleSpec,
    Spec,
)
from ganzoo.latents import normals
from ganzoo.testing import Check, Inapplicable, Violation, checks

WORDS = {"name": "flawed", "summary": "a flawed one", "source": "https://example.org"}


def promises(kind: str, spec: Spec) -> dict[str, Check]:
    """The checks of one component, by promise."""
    shelf: Shelf[Any] = Shelf("component", {spec.name: spec}, {spec.name: "mine"})
    catalog = Catalog(**{kind: shelf}, plugins=[Plugin("mine", "mine", "mine", "1")])
    return {check.promise: check for check in checks(catalog, "mine")}


def broken(kind: str, spec: Spec) -> dict[str, str]:
    """Each promise that is broken, and what is said of it."""
    found = {}
    for promise, check in promises(kind, spec).items():
        try:
            check.run()
        except Violation as violation:
            found[promise] = str(violation)
        except Inapplicable:
            continue
    return found


class Plain(nn.Module):
    """A generator without a flaw."""

    def __init__(self, sample: SampleSpec, size: int, _: object = None) -> None:
        super().__init__()
        if sample.is_picture and sample.shape[1] != 8:
            raise BadData("only 8 pixels")
        self.layers = nn.Sequential(nn.Linear(size, sample.size), nn.Tanh(), nn.Unflatten(1, sample.shape))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.layers(latents)


class Idle(Plain):
    """A weight that does nothing."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.idle = nn.Parameter(torch.ones(1))


class Bright(Plain):
    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return 3 * super().forward(latents)


class Unbounded(Plain):
    """Within [-1, 1] until it has trained."""

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.layers[0](0.01 * latents).unflatten(1, self.layers[2].unflattened_size)


class Deafened(Plain):
    """All latents are the same to it."""

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return super().forward(torch.zeros_like(latents))


class Noisy(Plain):
    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return super().forward(latents + torch.randn_like(latents))


class Social(Plain):
    """A sample depends on its mates."""

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        return super().forward(latents - latents.mean(0))


class Forgetful(Plain):
    """A number that trains, and is in no checkpoint."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.scale = torch.ones(())

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        if self.training:
            self.scale = self.scale * 0.9
        return self.scale * super().forward(latents)


GENERATORS: dict[type[Plain], tuple[str, str]] = {
    Idle: ("draws the data's shape", "No gradient reaches idle"),
    Bright: ("draws the data's shape", r"Pictures leave \[-1, 1\]"),
    Unbounded: ("draws the data's shape", r"Pictures leave \[-1, 1\].*end with tanh"),
    Deafened: ("reads its latents", "Two latents give the same sample"),
    Noisy: ("draws each sample by itself", "Two calls draw two different samples"),
    Social: ("draws each sample by itself", "A sample depends on its batch"),
    Forgetful: ("keeps its state", "computes something else"),
}


def generator(build: Callable[..., nn.Module], **more: Any) -> GeneratorSpec:
    return GeneratorSpec(build=build, **WORDS, **more)


def test_a_generator_without_a_flaw_keeps_all_promises() -> None:
    assert len(promises("generators", generator(Plain))) == 7
    assert broken("generators", generator(Plain)) == {}


@pytest.mark.parametrize("flaw", GENERATORS, ids=lambda flaw: flaw.__name__)
def test_a_flawed_generator_is_found_out(flaw: type[Plain]) -> None:
    promise, words = GENERATORS[flaw]
    with pytest.raises(Violation, match=words):
        promises("generators", generator(flaw))[promise].run()


def test_one_that_says_that_it_reads_labels_must() -> None:
    assert broken("generators", generator(Plain, conditional=True)).get("follows its label") == (
        "Two labels give the same sample; read them, or leave conditional=False."
    )


def test_one_that_fits_nothing_is_not_judged() -> None:
    def refuse(*_: object) -> nn.Module:
        raise BadData("Nothing fits")

    with pytest.raises(Inapplicable, match=r"fits none of the samples of the check: Nothing fits$"):
        promises("generators", generator(refuse))["draws the data's shape"].run()


def test_one_for_larger_pictures_alone_is_judged_by_these() -> None:
    class Large(Social):
        def __init__(self, sample: SampleSpec, size: int, _: object = None) -> None:
            if sample.shape != (3, 64, 64):
                raise BadData("only 64 pixels")
            nn.Module.__init__(self)
            self.layers = nn.Sequential(nn.Linear(size, sample.size), nn.Tanh(), nn.Unflatten(1, sample.shape))

    assert "A sample depends on its batch" in broken("generators", generator(Large))["draws each sample by itself"]


class Blank(Plain):
    """Draws grey until it has trained, and not the label either."""

    def __init__(self, sample: SampleSpec, size: int, _: object = None) -> None:
        super().__init__(sample, size)
        self.labels = nn.Embedding(10, size)
        for layer in (self.layers[0], self.labels):
            nn.init.zeros_(layer.weight)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        assert labels is not None
        return super().forward(latents + self.labels(labels))


def test_weights_that_begin_at_zero_break_no_promise() -> None:
    assert broken("generators", generator(Blank, conditional=True)) == {}
    assert broken("discriminators", discriminator(Undecided)) == {}


class Judge(nn.Module):
    """A discriminator without a flaw."""

    def __init__(self, sample: SampleSpec, _: object = None) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(sample.size, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return Verdict(self.layers(samples)[:, 0])


class Bare(Judge):
    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Any:
        return self.layers(samples)


class Deaf(Judge):
    """Gradients do not reach the samples."""

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return super().forward(samples.detach())


class Sure(Judge):
    """Says probabilities."""

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return Verdict(super().forward(samples).logits.sigmoid())


class Comparing(Judge):
    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        return super().forward(samples - samples.mean(0))


class Undecided(Judge):
    """Says 0 until it has trained."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)


class Grouping(Judge):
    """Compares samples in fours, as StyleGAN does, Karras et al. (2018), arXiv:1710.10196, section 3."""

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        groups = samples.flatten(1).reshape(min(4, len(samples)), -1, samples[0].numel())
        deviation = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean(1)
        return Verdict(super().forward(samples).logits + deviation.repeat(len(groups)))


class Rebuilding(Judge):
    """Heads that only features and a reconstruction come from."""

    def __init__(self, sample: SampleSpec, _: object = None) -> None:
        super().__init__(sample)
        self.heads = nn.ModuleList([nn.Linear(sample.size, 3), nn.Linear(sample.size, sample.size)])

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        features, rebuilt = (head(samples.flatten(1)) for head in self.heads)
        return Verdict(super().forward(samples).logits, features, reconstruction=rebuilt.view_as(samples))


class DeafButRebuilding(Rebuilding):
    """Gradients reach the samples, but from what the generator does not learn from."""

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        heard = super().forward(samples)
        return Verdict(super().forward(samples.detach()).logits, heard.features, reconstruction=heard.reconstruction)


class Talkative(Judge):
    """Says classes, of which its spec says nothing."""

    def forward(self, samples: Tensor, labels: Tensor | None = None) -> Verdict:
        verdict = super().forward(samples)
        return Verdict(verdict.logits, class_logits=verdict.logits[:, None].expand(-1, 10))


JUDGES: dict[type[Judge], tuple[str, str]] = {
    Bare: ("says one logit for each sample", r"returns a Tensor; return Verdict\(logits\)"),
    Sure: ("says logits, not probabilities", "leave the sigmoid to the loss"),
    Deaf: ("says one logit for each sample", "No gradient reaches the samples"),
    DeafButRebuilding: ("says one logit for each sample", "No gradient reaches the samples"),
    Comparing: ("is row-wise where it says so", "depends on other samples"),
    Talkative: ("names what it must be taught", r"Its verdicts have \['class_logits'\], and its spec says \[\]"),
}


def discriminator(build: type[Judge], *, row_wise: bool = True) -> DiscriminatorSpec:
    return DiscriminatorSpec(build=build, row_wise=row_wise, **WORDS)


def test_a_discriminator_without_a_flaw_keeps_all_promises() -> None:
    assert broken("discriminators", discriminator(Judge)) == {}
    for mixing in (Comparing, Grouping):
        assert broken("discriminators", discriminator(mixing, row_wise=False)) == {}
    assert broken("discriminators", discriminator(Rebuilding)) == {}


@pytest.mark.parametrize("flaw", JUDGES, ids=lambda flaw: flaw.__name__)
def test_a_flawed_discriminator_is_found_out(flaw: type[Judge]) -> None:
    promise, words = JUDGES[flaw]
    with pytest.raises(Violation, match=words):
        promises("discriminators", discriminator(flaw))[promise].run()


class Backwards:
    """The generator makes its samples less real."""

    needs_real_for_generator = False

    def discriminator(self, play: Play) -> Terms:
        assert play.on_real is not None
        return {"loss": play.on_fake.logits.mean() - play.on_real.logits.mean()}

    def generator(self, play: Play) -> Terms:
        return {"loss": play.on_fake.logits.mean()}


class Unreduced(Backwards):
    def discriminator(self, play: Play) -> Terms:
        return {"loss": play.on_fake.logits}


class Lossy(Backwards):
    """State that is saved under one name and loaded from none."""

    def __init__(self) -> None:
        self.balance = torch.zeros(())

    def generator(self, play: Play) -> Terms:
        self.balance = self.balance + 1
        return {"loss": -play.on_fake.logits.mean()}

    def state_dict(self) -> dict[str, Tensor]:
        return {"balance": self.balance}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        pass


@pytest.mark.parametrize(
    ("loss", "words"),
    [(Backwards, "generator is pulled the wrong way"), (Unreduced, "is no scalar"), (Lossy, "lost in loading")],
)
def test_a_flawed_loss_is_found_out(loss: Callable[[], Any], words: str) -> None:
    found = broken("losses", LossSpec(build=lambda _: loss(), **WORDS))
    assert any(words in said for said in found.values())


class Matching(Backwards):
    """Draws the made samples' mean logit or feature to the real ones', from either side."""

    needs_real_for_generator = True

    def __init__(self, part: str, sign: int = 1) -> None:
        self.part, self.sign = part, sign

    def generator(self, play: Play) -> Terms:
        real, fake = (getattr(verdict, self.part).mean(0) for verdict in (play.on_real, play.on_fake))
        return {"loss": self.sign * (real - fake).square().sum()}


@pytest.mark.parametrize("part", ["logits", "features"])
def test_a_loss_that_matches_means_keeps_all_promises_unless_it_drives_them_apart(part: str) -> None:
    assert broken("losses", LossSpec(build=lambda _: Matching(part), **WORDS)) == {}
    (said,) = broken("losses", LossSpec(build=lambda _: Matching(part, -1), **WORDS)).values()
    assert "generator is pulled the wrong way" in said


class Nothing(Regularizer):
    """Does nothing."""


class Forgotten(Regularizer):
    """Computes, and gives nothing."""

    def terms(self, play: Play, players: Players) -> Any:
        assert play.on_real is not None
        play.on_real.logits.square().mean()


class Cut(Regularizer):
    """No gradient reaches anything."""

    def terms(self, play: Play, players: Players) -> Terms:
        assert play.on_real is not None
        return {"size": play.on_real.logits.detach().square().mean()}


class Satisfied(Regularizer):
    """Is 0 while slopes are below 1. Petzka et al. (2018), arXiv:1709.08894, equation 10."""

    needs_sample_gradients = True

    def terms(self, play: Play, players: Players) -> Terms:
        assert play.on_real is not None
        (slope,) = torch.autograd.grad(play.on_real.logits.sum(), play.batch.real, create_graph=True)
        return {"size": (slope.flatten(1).norm(dim=1) - 1000).relu().square().mean()}


class Late(Regularizer):
    """Begins when the game is warm."""

    def terms(self, play: Play, players: Players) -> Terms:
        assert play.on_real is not None
        return {"size": play.on_real.logits.square().mean()} if play.step > 1000 else {}


class Clipping(Regularizer):
    """To ±1, where fresh weights are anyway."""

    def after_step(self, players: Players) -> None:
        for weight in players.discriminator.parameters():
            weight.data.clamp_(-1, 1)


class Elsewhere(Regularizer):
    """Says that it is for the generator, and is about the discriminator's weights."""

    player = "generator"

    def terms(self, play: Play, players: Players) -> Terms:
        return {"size": sum((weight.square().sum() for weight in players.discriminator.parameters()), torch.zeros(()))}


class Restless(Regularizer):
    """Its numbers are others when a run is resumed."""

    def terms(self, play: Play, players: Players) -> Terms:
        moved = play.batch.real + torch.randn_like(play.batch.real)
        return {"size": players.discriminator(moved, play.batch.labels).logits.square().mean()}


class Particular(Regularizer):
    def terms(self, play: Play, players: Players) -> Terms:
        raise BadData("It wants a mapping network")


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        (Nothing, "It does nothing; override `terms`, or `after_step`"),
        (Forgotten, "Its `terms` gives a NoneType; return a dict"),
        (Cut, "No gradient reaches the discriminator"),
        (Elsewhere, "No gradient reaches the gen"),
        (Restless, "global generator, so that a resumed run is another; draw from play.batch.noise"),
    ],
)
def test_a_flawed_regularizer_is_found_out(flaw: Callable[[], Regularizer], words: str) -> None:
    found = broken("regularizers", RegularizerSpec(build=lambda _: flaw(), **WORDS))
    assert any(words in said for said in found.values())


@pytest.mark.parametrize("sound", [Satisfied, Late])
def test_a_regularizer_that_has_nothing_to_say_yet_is_sound(sound: Callable[[], Regularizer]) -> None:
    promises("regularizers", RegularizerSpec(build=lambda _: sound(), **WORDS))["teaches its player"].run()


@pytest.mark.parametrize(
    ("other", "words"),
    [(Particular, "It wants a mapping network"), (Clipping, "it does nothing for the discriminator")],
)
def test_a_regularizer_that_wants_other_networks_is_not_judged(other: Callable[[], Regularizer], words: str) -> None:
    check = promises("regularizers", RegularizerSpec(build=lambda _: other(), **WORDS))["teaches its player"]
    with pytest.raises(Inapplicable, match=words):
        check.run()


def test_an_augmentation_that_mixes_samples_is_found_out() -> None:
    def mix(samples: Tensor, noise: Noise) -> Tensor:
        return samples + samples.mean(0)

    found = broken("augmentations", AugmentationSpec(build=lambda _: mix, **WORDS))
    assert found == {
        "changes each sample by itself": "A sample's change depends on other samples; use no means over the batch."
    }


def test_an_augmentation_with_numbers_of_its_own_is_found_out() -> None:
    def blur(samples: Tensor, noise: Noise) -> Tensor:
        return samples + torch.randn_like(samples)

    (said,) = broken("augmentations", AugmentationSpec(build=lambda _: blur, **WORDS)).values()
    assert "draw from the `noise` that it is given" in said


class Centred:
    """A latent depends on the others, and the code is not one-hot."""

    size = words = 4
    code = Code(categories=(2,))

    def from_words(self, words: Any) -> Any:
        latents = normals(words)
        return latents - latents.mean(0)


def test_a_flawed_prior_is_found_out() -> None:
    found = broken("latents", LatentsSpec(build=lambda _: Centred(), **WORDS))
    assert "depends on" in found["draws each latent by itself"]
    assert "one-hot" in found["has the code that it names"]


def test_words_that_break_the_rules_are_found_out() -> None:
    spec = LossSpec(name="My Loss", summary="Good.", source="a book", build=lambda _: Backwards())
    assert "blanks or capitals" in broken("losses", spec)["says what it is"]


@pytest.fixture
def check_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Runs the check of a promise of a recipe that says nothing but its parts, for a data set."""
    recipes = load_catalog().recipes
    monkeypatch.setitem(recipes.items, "silent", tmp_path / "silent.toml")
    monkeypatch.setitem(recipes.provider, "silent", "vanilla")

    def run(promise: str, dataset: str) -> None:
        names = 'generator = "mlp"\ndiscriminator = "mlp"\nloss = "non-saturating"\nlatents = "normal"\n'
        (tmp_path / "silent.toml").write_text(f'steps = 1\n{names}dataset = "{dataset}"\n')
        each = {check.promise: check for check in checks(load_catalog(), "vanilla") if check.component == "silent"}
        each[promise].run()

    return run


def test_a_recipe_that_says_too_little_is_found_out(check_recipe: Callable[[str, str], None]) -> None:
    with pytest.raises(Violation, match="does not say: summary, paper, good_for, expect, differences"):
        check_recipe("says what it is for", "ring")


def test_a_recipe_trains_on_its_own_data_where_these_are_no_files(
    check_recipe: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other data, of another shape, would not show that there are too few."""
    spec = DatasetSpec(open=lambda *_: Data(PICTURES[:1]), licence="CC0-1.0", **WORDS)
    monkeypatch.setitem(load_catalog().datasets.items, "flawed", spec)
    monkeypatch.setitem(load_catalog().datasets.provider, "flawed", "vanilla")

    check_recipe("trains, exports and can be sampled", "ring")
    with pytest.raises(Violation, match="1 sample"):
        check_recipe("trains, exports and can be sampled", "flawed")


def data_set(samples: Any, labels: Any = None, classes: tuple[str, ...] = (), **more: Any) -> dict[str, str]:
    """What is said of a data set of those samples."""
    spec = DatasetSpec(open=lambda *_: Data(samples, labels, classes), **{"licence": "CC0-1.0", **WORDS, **more})
    return broken("datasets", spec)


PICTURES = np.random.default_rng(0).integers(0, 256, (10, 3, 8, 8), np.uint8)


def test_sound_data_sets_keep_all_promises() -> None:
    assert data_set(PICTURES) == {}
    assert data_set(PICTURES[..., :3, :3]) == {}
    assert data_set(PICTURES, np.arange(10) % 2, ("a", "b")) == {}
    assert data_set(PICTURES, np.zeros(10, np.int64), ("a", "b")) == {}  # a part of another one may lack a class
    assert data_set(np.random.default_rng(0).standard_normal((10, 2), np.float32)) == {}


@pytest.mark.parametrize(
    ("flawed", "words"),
    [
        ({"samples": PICTURES / 255}, "must be uint8 [N, C, H, W]"),
        ({"samples": PICTURES // 128}, "No pixel is brighter than 1; white is 255"),
        ({"samples": PICTURES.transpose(0, 2, 3, 1)}, "A picture is [8, 8, 3]; channels come first"),
        ({"samples": np.full((10, 2), 255, np.float32)}, "Points are up to 255 away from 0"),
        ({"samples": PICTURES, "licence": ""}, "It names no licence"),
        ({"samples": PICTURES, "argument": "side"}, "Its argument 'side' is none of its options"),
        (
            {"samples": PICTURES, "files": (RemoteFile("a", ("https://example.org",), "1a2b"),)},
            "write md5:… or sha256:…",
        ),
    ],
)
def test_a_flawed_data_set_is_found_out(flawed: dict[str, Any], words: str) -> None:
    assert any(words in said for said in data_set(**flawed).values())


def test_a_data_set_that_is_another_each_time_is_found_out() -> None:
    random = np.random.default_rng(0)
    spec = DatasetSpec(open=lambda *_: Data(random.permutation(PICTURES)), licence="CC0-1.0", **WORDS)

    assert "from a seed among its options" in broken("datasets", spec)["opens the same twice"]


def test_a_data_set_of_files_is_not_opened() -> None:
    spec = DatasetSpec(open=lambda *_: pytest.fail("opened"), licence="CC0-1.0", takes_path=True, **WORDS)

    for promise in ("holds samples in their range", "opens the same twice"):
        with pytest.raises(Inapplicable, match="reads files"):
            promises("datasets", spec)[promise].run()


def test_a_plugin_that_is_not_used_is_no_plugin_without_promises() -> None:
    catalog = Catalog(plugins=[Plugin("mine", "m", "d", "1", problem="It is broken.")])
    with pytest.raises(BadPlugin, match="Plugin mine is not used: It is broken"):
        list(checks(catalog, "mine"))


def test_an_unknown_plugin_is_answered_with_a_suggestion() -> None:
    catalog = Catalog(plugins=[Plugin("vanilla", "m", "d", "1")])
    with pytest.raises(UnknownName, match="did you mean 'vanilla'"):
        list(checks(catalog, "vanila"))


def test_a_check_leaves_torch_s_random_state_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    promises("generators", generator(Plain))["draws the data's shape"].run()
    assert torch.equal(torch.get_rng_state(), before)


def test_data_sets_whose_package_is_not_installed_are_not_judged() -> None:
    def open_it(*_: object) -> Data:
        try:
            import no_such_package  # noqa: F401
        except ImportError as error:
            raise GanzooError("It needs the package no_such_package.") from error
        raise AssertionError

    spec = DatasetSpec(open=open_it, licence="CC0-1.0", **WORDS)
    for promise in ("holds samples in their range", "opens the same twice"):
        with pytest.raises(Inapplicable, match="no_such_package"):
            promises("datasets", spec)[promise].run()
