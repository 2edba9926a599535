"""Conditional GANs: what labels change, projections and classifiers by hand, and export with labels as an input."""

import io
from collections.abc import Callable
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import ganzoo
from ganzoo.api import BadData, BadSetting, GeneratorSpec, SampleSpec
from ganzoo.catalog import load_catalog
from ganzoo.contracts import Batch, Play, Player, Players, TorchNoise, Verdict
from ganzoo.core.options import parse_options
from ganzoo.recipes import find_recipe, resolve
from ganzoo_conditional.labels import ConditionalBatchNorm
from ganzoo_conditional.options import AuxiliaryClassifierOptions
from ganzoo_conditional.regularizers import AuxiliaryClassifier

CATALOG = load_catalog()
CLASSES, LATENT = 4, 6
PICTURE, POINT = SampleSpec((2, 16, 16), CLASSES), SampleSpec((3,), CLASSES)
RECIPES = ["acgan", "cgan", "cgan-conv", "projection-gan"]

GENERATORS: list[tuple[str, SampleSpec, dict[str, Any]]] = [
    ("conditional-mlp", PICTURE, {}),
    ("conditional-mlp", POINT, {"label_width": 2}),
    ("conditional-dcgan", PICTURE, {"width": 3}),
    ("conditional-dcgan", PICTURE, {"width": 3, "label_width": 2}),
    ("conditional-dcgan", PICTURE, {"width": 3, "norm": "conditional"}),
    ("conditional-dcgan", PICTURE, {"width": 3, "norm": "none", "weight_std": 0.0, "kernel": 5}),
]
READERS: list[tuple[str, SampleSpec, dict[str, Any]]] = [
    ("conditional-mlp", PICTURE, {}),
    ("conditional-mlp", POINT, {"label_width": 2, "dropout": 0.5}),
    ("conditional-dcgan", PICTURE, {"width": 3}),
    ("conditional-dcgan", PICTURE, {"width": 3, "label_width": 2, "norm": "layer"}),
    ("projection", PICTURE, {"width": 3}),
    ("projection", PICTURE, {"width": 3, "norm": "layer", "weight_std": 0.1}),
]
DISCRIMINATORS = [*READERS, ("classifying", PICTURE, {"width": 3}), ("classifying", PICTURE, {"norm": "none"})]

each_generator = pytest.mark.parametrize(("name", "sample", "options"), GENERATORS)
each_reader = pytest.mark.parametrize(("name", "sample", "options"), READERS)
each_discriminator = pytest.mark.parametrize(("name", "sample", "options"), DISCRIMINATORS)


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


def generator_of(name: str, sample: SampleSpec, options: dict[str, Any]) -> nn.Module:
    spec = CATALOG.generators[name]
    return spec.build(sample, LATENT, parse_options(spec.options, options, ""))


def discriminator_of(name: str, sample: SampleSpec, options: dict[str, Any]) -> nn.Module:
    spec = CATALOG.discriminators[name]
    return spec.build(sample, parse_options(spec.options, options, ""))


def samples_of(count: int, sample: SampleSpec) -> Tensor:
    return 2 * torch.rand(count, *sample.shape) - 1


def trained(generator: nn.Module) -> nn.Module:
    """In eval mode, with weights and averages that are not the first ones any more."""
    with torch.no_grad():
        for weight in generator.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
        for _ in range(3):
            generator.train()(torch.randn(20, LATENT), torch.arange(20) % CLASSES)
    return generator.eval()


# What labels change


@each_generator
@torch.no_grad()
def test_the_same_latent_gives_another_sample_for_each_label(
    name: str, sample: SampleSpec, options: dict[str, Any]
) -> None:
    generator, z = trained(generator_of(name, sample, options)), torch.randn(1, LATENT)

    samples = generator(z.expand(CLASSES, -1), torch.arange(CLASSES)).flatten(1)

    assert samples.shape == (CLASSES, sample.size)
    assert not sample.is_picture or samples.abs().max() <= 1
    assert bool((torch.pdist(samples) > 1e-3).all())


@each_generator
@torch.no_grad()
def test_a_row_is_drawn_for_its_own_label(name: str, sample: SampleSpec, options: dict[str, Any]) -> None:
    """In eval mode: neither the other rows' labels nor their latents have a part in it."""
    generator, z = trained(generator_of(name, sample, options)), torch.randn(5, LATENT)
    labels = torch.tensor([3, 0, 0, 2, 1])

    together = generator(z, labels)
    alone = torch.cat([generator(row[None], label[None]) for row, label in zip(z, labels, strict=True)])

    torch.testing.assert_close(alone, together)


@each_reader
@torch.no_grad()
def test_a_reader_judges_a_sample_by_its_label(name: str, sample: SampleSpec, options: dict[str, Any]) -> None:
    discriminator, x = discriminator_of(name, sample, options).eval(), samples_of(1, sample)

    logits = discriminator(x.expand(CLASSES, *sample.shape), torch.arange(CLASSES)).logits

    assert logits.shape == (CLASSES,)
    assert len(torch.unique(logits)) == CLASSES


@each_generator
def test_every_weight_of_a_generator_learns(name: str, sample: SampleSpec, options: dict[str, Any]) -> None:
    generator = generator_of(name, sample, options)

    generator(torch.randn(8, LATENT), torch.arange(8) % CLASSES).pow(3).sum().backward()

    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in generator.parameters())


@each_discriminator
def test_every_weight_of_a_discriminator_learns(name: str, sample: SampleSpec, options: dict[str, Any]) -> None:
    discriminator, x = discriminator_of(name, sample, options), samples_of(8, sample).requires_grad_()

    verdict = discriminator(x, torch.arange(8) % CLASSES)
    said = verdict.logits if verdict.class_logits is None else verdict.logits + verdict.class_logits.square().sum(1)
    said.pow(2).sum().backward()

    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in discriminator.parameters())
    assert x.grad is not None and bool((x.grad.flatten(1).abs().sum(1) > 0).all())


# Labels that are not there


@each_generator
def test_a_generator_says_that_it_wants_labels(name: str, sample: SampleSpec, options: dict[str, Any]) -> None:
    with pytest.raises(BadData, match=r"^This network works with labels; give it int64 labels \[N\], [^.]*\.$"):
        generator_of(name, sample, options)(torch.randn(2, LATENT), None)


@each_reader
def test_a_reader_says_that_it_wants_labels(name: str, sample: SampleSpec, options: dict[str, Any]) -> None:
    with pytest.raises(BadData, match=r"^This network works with labels; give it int64 labels \[N\], [^.]*\.$"):
        discriminator_of(name, sample, options)(samples_of(2, sample), None)


@pytest.mark.parametrize(
    ("build", "name", "shape"),
    [(generator_of, name, sample.shape) for name, sample, _ in GENERATORS]
    + [(discriminator_of, name, sample.shape) for name, sample, _ in DISCRIMINATORS],
)
def test_samples_without_classes_are_refused(
    build: Callable[[str, SampleSpec, dict[str, Any]], nn.Module], name: str, shape: tuple[int, ...]
) -> None:
    with pytest.raises(BadData, match=r"^This network learns from labels, and the samples have no classes; [^.]*\.$"):
        build(name, SampleSpec(shape), {})


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_conditional_recipe_refuses_data_without_labels_in_one_sentence(recipe: str, tmp_path: Path) -> None:
    """A folder of pictures that is not sorted into folders; before anything is trained."""
    for number in range(70):
        Image.new("L", (28, 28), number).save(tmp_path / f"{number}.png")

    with pytest.raises(BadData, match=r"^[a-z-]+ needs labels, and picture-folder has none; [^.]*\.$"):
        ganzoo.train(
            recipe, dataset="picture-folder", data=tmp_path, settings={"dataset.size": 28}, out=tmp_path, quiet=True
        )


def test_all_say_that_they_need_labels() -> None:
    shelves: tuple[Any, ...] = (CATALOG.generators, CATALOG.discriminators)
    found = [spec for shelf in shelves for name, spec in shelf if shelf.provider[name] == "conditional"]

    assert len(found) == 6
    assert all(spec.conditional for spec in found)


@pytest.mark.parametrize("shape", [(1, 7, 7), (3, 30, 30), (1, 32, 28)])
@pytest.mark.parametrize("name", ["conditional-dcgan", "projection", "classifying"])
def test_sides_that_halving_never_gives_are_refused_with_some_that_fit(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(BadData, match=f"which never gives {shape[1]}×{shape[2]}; resize the pictures, to 28, 32"):
        discriminator_of(name, SampleSpec(shape, 10), {})
    with pytest.raises(BadData, match=f"which never gives {shape[1]}×{shape[2]}; resize the pictures, to 28, 32"):
        generator_of("conditional-dcgan", SampleSpec(shape, 10), {})


@pytest.mark.parametrize("name", ["conditional-dcgan", "projection", "classifying"])
def test_networks_of_pictures_refuse_points(name: str) -> None:
    with pytest.raises(BadData, match="these samples are points; use the networks `conditional-mlp`"):
        discriminator_of(name, POINT, {})


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        ("generators", "conditional-mlp", {"label_width": -1}),
        ("generators", "conditional-dcgan", {"norm": "layer"}),
        ("discriminators", "conditional-mlp", {"dropout": 1.0}),
        ("discriminators", "projection", {"norm": "batch"}),
        ("discriminators", "classifying", {"kernel": 3}),
        ("regularizers", "auxiliary-classifier", {"generator_weight": -1.0}),
    ],
)
def test_options_that_make_no_sense_are_refused(kind: str, name: str, change: dict[str, Any]) -> None:
    with pytest.raises(BadSetting):
        parse_options(getattr(CATALOG, kind)[name].options, change, name)


# By hand


@torch.no_grad()
def test_a_projected_logit_is_psi_and_an_inner_product() -> None:
    """Miyato and Koyama (2018), equation 3: ψ(φ(x)) + v_y·φ(x), with the label's own row of v."""
    discriminator, x = discriminator_of("projection", PICTURE, {"width": 3}), samples_of(5, PICTURE)
    labels = torch.tensor([1, 0, 3, 3, 2])

    verdict = discriminator(x, labels)

    phi, psi, v = verdict.features.numpy(), discriminator.to_logit, discriminator.to_fits.weight.numpy()
    expected = [
        float(psi.weight.numpy()[0] @ row + psi.bias.numpy()[0] + v[label] @ row)
        for row, label in zip(phi, labels, strict=True)
    ]
    np.testing.assert_allclose(verdict.logits.numpy(), expected, rtol=1e-4, atol=1e-6)
    assert v.shape == (CLASSES, phi.shape[1])


@torch.no_grad()
def test_spectral_norm_bounds_the_projection_too() -> None:
    """The wrapper finds every layer; the largest singular value of each is 1, that of the labels' vectors included."""
    wrapper = CATALOG.wrappers["spectral-norm"]
    inner = lambda sample: discriminator_of("projection", sample, {"width": 3})  # noqa: E731
    discriminator = wrapper.build(inner, PICTURE, wrapper.options())
    for _ in range(100):
        discriminator(samples_of(2, PICTURE), torch.arange(2))

    layers = [layer for layer in discriminator.modules() if isinstance(layer, (nn.Linear, nn.Conv2d))]
    largest = [float(torch.linalg.matrix_norm(layer.weight.flatten(1), 2)) for layer in layers]

    assert len(layers) == 4
    np.testing.assert_allclose(largest, 1, atol=1e-3)


@torch.no_grad()
def test_conditional_batch_norm_is_batch_norm_with_the_label_s_own_scale_and_shift() -> None:
    norm, maps, labels = ConditionalBatchNorm(2, 3), 5 + 3 * torch.randn(6, 2, 4, 4), torch.tensor([0, 1, 2, 2, 1, 0])
    plain = nn.BatchNorm2d(2)
    assert [tuple(weight.shape) for weight in norm.parameters()] == [(3, 2), (3, 2)]  # and none for all classes
    torch.testing.assert_close(norm(maps, labels), plain(maps))  # all classes begin with a scale of 1 and a shift of 0

    norm.scale.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    norm.shift.weight.copy_(torch.tensor([[0.0, 0.1], [0.2, 0.3], [0.4, 0.5]]))
    found = norm(maps, labels)

    for row, label in enumerate(labels.tolist()):
        for channel in range(2):
            scale, shift = 2 * label + channel + 1, 0.2 * label + 0.1 * channel
            expected = scale * plain(maps)[row, channel] + shift
            torch.testing.assert_close(found[row, channel], expected)


@torch.no_grad()
def test_a_discriminator_sees_a_label_as_a_map_of_ones_behind_the_picture() -> None:
    discriminator, x = (
        discriminator_of("conditional-dcgan", PICTURE, {"width": 3, "norm": "none"}),
        torch.zeros(1, 2, 16, 16),
    )
    label_maps = torch.zeros(1, CLASSES, 16, 16)
    label_maps[:, 2] = 1

    expected = discriminator.to_logit(discriminator.trunk(torch.cat([x, label_maps], 1)))[:, 0]

    torch.testing.assert_close(discriminator(x, torch.tensor([2])).logits, expected)


@torch.no_grad()
def test_a_generator_of_one_layer_hears_of_the_label_behind_the_latent() -> None:
    """tanh(W₂ relu(W₁ [z, one-hot] + b₁) + b₂), written out in numpy."""
    generator = generator_of("conditional-mlp", PICTURE, {"depth": 1, "width": 5})
    z, labels = torch.randn(3, LATENT), torch.tensor([3, 0, 2])
    first, last = generator.hidden[0][0], generator.to_sample

    x = np.concatenate([z.numpy(), np.eye(CLASSES)[labels.numpy()]], 1)
    x = np.maximum(x @ first.weight.numpy().T + first.bias.numpy(), 0)
    expected = np.tanh(x @ last.weight.numpy().T + last.bias.numpy())

    np.testing.assert_allclose(generator(z, labels).flatten(1).numpy(), expected, atol=1e-5)


def test_a_classifying_discriminator_does_not_look_at_labels() -> None:
    """They would be told what they shall say."""
    discriminator, x = discriminator_of("classifying", PICTURE, {"width": 3}).eval(), samples_of(4, PICTURE)

    without, given = discriminator(x, None), discriminator(x, torch.arange(4))

    assert without.class_logits is not None and without.class_logits.shape == (4, CLASSES)
    assert torch.equal(without.class_logits, given.class_logits)
    assert torch.equal(without.logits, given.logits)


# The auxiliary classifier


def play_of(on_real: Verdict | None, on_fake: Verdict, labels: Tensor | None, player: Player = "discriminator") -> Play:
    nothing = torch.zeros(len(on_fake.logits), 1)
    batch = Batch(nothing, labels, nothing, TorchNoise(len(nothing)))
    return Play(batch, nothing, on_real, on_fake, player=player)


def said(class_logits: Tensor | None, count: int = 2) -> Verdict:
    return Verdict(torch.zeros(count), class_logits=class_logits)


PLAYERS = Players(nn.Identity(), nn.Identity())


def test_the_error_is_the_cross_entropy_of_the_labels() -> None:
    """By hand: logits (log 3, 0) are probabilities (3/4, 1/4); the labels are 0 and 1."""
    real = said(torch.tensor([[log(3.0), 0.0], [log(3.0), 0.0]]))
    fake = said(torch.tensor([[0.0, 0.0], [0.0, 100.0]]))
    labels = torch.tensor([0, 1])
    classifier = AuxiliaryClassifier(AuxiliaryClassifierOptions(discriminator_weight=2.0, generator_weight=0.1))

    for_d = classifier.terms(play_of(real, fake, labels), PLAYERS)
    for_g = classifier.terms(play_of(None, fake, labels, "generator"), PLAYERS)

    assert {name: float(term) for name, term in for_d.items()} == pytest.approx(
        {"real": 2 * -(log(3 / 4) + log(1 / 4)) / 2, "fake": 2 * log(2) / 2}
    )
    assert {name: float(term) for name, term in for_g.items()} == pytest.approx({"fake": 0.1 * log(2) / 2})


def test_who_guesses_among_k_classes_errs_by_log_k() -> None:
    classifier = AuxiliaryClassifier(AuxiliaryClassifierOptions())
    verdict = said(torch.zeros(7, CLASSES), 7)

    terms = classifier.terms(play_of(verdict, verdict, torch.arange(7) % CLASSES), PLAYERS)

    assert [float(term) for term in terms.values()] == pytest.approx([log(CLASSES)] * 2)


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_the_classifier_teaches_both_players(player: Player) -> None:
    """In each one's update; a value that was rebuilt as a new tensor would teach nobody."""
    generator = generator_of("conditional-dcgan", PICTURE, {"width": 3})
    discriminator = discriminator_of("classifying", PICTURE, {"width": 3})
    labels = torch.arange(8) % CLASSES
    fake = generator(torch.randn(8, LATENT), labels)
    play = play_of(discriminator(samples_of(8, PICTURE)), discriminator(fake), labels, player)
    classifier = AuxiliaryClassifier(AuxiliaryClassifierOptions())

    sum(classifier.terms(play, Players(generator, discriminator)).values()).backward()

    learns = list(generator.parameters() if player == "generator" else discriminator.trunk.parameters())
    learns += list(discriminator.to_classes.parameters())
    assert classifier.player == "both"
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in learns)


def test_a_generator_that_follows_the_classifier_draws_what_is_classified_rightly() -> None:
    """Of two points, one of each class; no other loss. The classifier says the sign of x."""
    torch.manual_seed(1)
    sample = SampleSpec((1,), 2)
    generator = generator_of("conditional-mlp", sample, {"width": 8})
    classifier = AuxiliaryClassifier(AuxiliaryClassifierOptions())
    optimizer = torch.optim.Adam(generator.parameters(), 0.02)
    z, labels = torch.randn(16, LATENT), torch.arange(16) % 2

    for _ in range(100):
        x = generator(z, labels)
        verdict = said(torch.cat([-x, x], 1), 16)
        optimizer.zero_grad()
        classifier.terms(play_of(None, verdict, labels, "generator"), PLAYERS)["fake"].backward()
        optimizer.step()

    assert (generator(z, labels).detach()[:, 0] * (2 * labels - 1)).min() > 1
    assert float(classifier.terms(play_of(None, verdict, labels, "generator"), PLAYERS)["fake"].detach()) < log(
        1 + exp(-2)
    )


@pytest.mark.parametrize("class_logits", [None, torch.zeros(1, CLASSES)], ids=["none", "of packs"])
def test_a_discriminator_that_says_no_classes_is_refused_with_one_that_does(class_logits: Tensor | None) -> None:
    play = play_of(said(class_logits), said(class_logits), torch.arange(2))

    with pytest.raises(BadSetting, match=r"^`auxiliary-classifier` needs [^.]*; set discriminator.name=classifying\.$"):
        AuxiliaryClassifier(AuxiliaryClassifierOptions()).terms(play, PLAYERS)


def test_samples_without_labels_cannot_be_classified() -> None:
    verdict = said(torch.zeros(2, CLASSES))

    with pytest.raises(
        BadData, match=r"^`auxiliary-classifier` learns from labels, and the samples have none; [^.]*\.$"
    ):
        AuxiliaryClassifier(AuxiliaryClassifierOptions()).terms(play_of(verdict, verdict, None), PLAYERS)


# Export


def exported(generator: nn.Module) -> onnxruntime.InferenceSession:
    """The graph with labels as an input, int64 [N], and a batch of any size."""
    batch = torch.export.Dim("N")
    program = torch.export.export(
        generator,
        (torch.zeros(3, LATENT), torch.zeros(3, dtype=torch.int64)),
        dynamic_shapes={"latents": {0: batch}, "labels": {0: batch}},
        strict=False,
    )
    written = io.BytesIO()
    model = torch.onnx.export(
        program,
        dynamo=True,
        opset_version=18,
        input_names=["latents", "labels"],
        output_names=["samples"],
        verbose=False,
    )
    assert model is not None
    model.save(written)
    return onnxruntime.InferenceSession(written.getvalue(), providers=["CPUExecutionProvider"])


@each_generator
@pytest.mark.filterwarnings("ignore")  # torch's own deprecations
def test_a_generator_exports_with_labels_as_an_input(name: str, sample: SampleSpec, options: dict[str, Any]) -> None:
    generator = trained(generator_of(name, sample, options))
    session = exported(generator)

    assert [(each.name, each.type) for each in session.get_inputs()] == [
        ("latents", "tensor(float)"),
        ("labels", "tensor(int64)"),
    ]
    for count in (1, 2, 3, 7):
        z, labels = torch.randn(count, LATENT), torch.randint(CLASSES, (count,))
        (found,) = session.run(["samples"], {"latents": z.numpy(), "labels": labels.numpy()})
        with torch.no_grad():
            expected = generator(z, labels).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-5)


# Recipes


def test_the_recipes_are_these_and_share_no_network_that_cannot_read() -> None:
    found = [name for name, _ in CATALOG.recipes if CATALOG.recipes.provider[name] == "conditional"]

    assert found == RECIPES
    for name in found:
        config = resolve(find_recipe(name, CATALOG), CATALOG)
        generator: GeneratorSpec = CATALOG.generators[config.generator.name]
        assert generator.conditional
        assert CATALOG.discriminators[config.discriminator.name].conditional
        assert ("auxiliary-classifier" in config.regularizers) == (config.discriminator.name == "classifying")
