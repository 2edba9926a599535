"""From a RunConfig to live components."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from ganzoo.catalog import Catalog, Shelf
from ganzoo.contracts import Augmentation, Loss, Players, Regularizer, StartsFromData, Stateful
from ganzoo.core.config import Choice, RunConfig
from ganzoo.core.errors import BadData, BadRun, BadSetting, UnknownName
from ganzoo.core.options import parse_options
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Code, Data, SampleSpec
from ganzoo.latents import Latents
from ganzoo.training.batch_norm import has_batch_norm
from ganzoo.training.draws import Draws
from ganzoo.training.engine import Engine, start_engine
from ganzoo.training.processes import ALONE, Processes
from ganzoo.training.randomness import seed_torch

ENOUGH_TO_START_FROM = 10_000 * 28 * 28  # numbers of real samples that set data-dependent first weights


@dataclass(frozen=True, slots=True)
class Components:
    """Everything that a run is made of, and that does not change but for the players' weights."""

    sample: SampleSpec
    players: Players
    row_wise: bool  # of the discriminator: real and fake may go through it together
    loss: Loss
    regularizers: dict[str, Regularizer]
    augmentations: dict[str, Augmentation]
    prior: Latents
    draws: Draws
    engine: Engine

    def share_state(self) -> None:
        """After a step, let all processes go on with the mean of what each has gathered from its share of the batch."""
        processes = self.engine.processes
        if processes.count == 1:
            return
        networks = (self.players.generator, self.players.discriminator)
        buffers = [buffer for network in networks for buffer in network.buffers() if buffer.is_floating_point()]
        components = {name: item for name, item in self.stateful().items() if name != "precision"}  # equal everywhere
        states = {name: component.state_dict() for name, component in components.items()}
        values = [value for state in states.values() for value in state.values() if value.is_floating_point()]
        processes.average([*buffers, *values])
        for name, component in components.items():
            component.load_state_dict(states[name])

    def mixing(self) -> set[str]:
        """What depends on how a batch is shared out among processes and passes, by name."""
        found = {"loss": self.loss, **self.regularizers, **self.augmentations}
        names = {name for name, item in found.items() if getattr(item, "mixes_samples", False)}
        for player in ("generator", "discriminator"):
            network = getattr(self.players, player)
            names |= {"batch norm"} if has_batch_norm(network) else set()
            names |= {player} if any(getattr(layer, "mixes_samples", False) for layer in network.modules()) else set()
        return names

    def stateful(self) -> dict[str, Stateful]:
        """The components that have state of their own, which belongs in a checkpoint."""
        components: dict[str, object] = {"loss": self.loss, "precision": self.engine.precision}
        components |= {f"regularizers/{name}": item for name, item in self.regularizers.items()}
        components |= {f"augmentations/{name}": item for name, item in self.augmentations.items()}
        return {name: item for name, item in components.items() if isinstance(item, Stateful)}


def build(
    config: RunConfig, data: Data, catalog: Catalog, device: torch.device, processes: Processes = ALONE
) -> Components:
    """Raises BadData where the data set is smaller than a batch, and what the components and the engine raise.

    Raises BadSetting for a penalty on slopes beside batch norm in the discriminator, and for latents that the generator
    is not made for.
    """
    if len(data.samples) < config.batch_size:
        raise BadData(
            f"A batch of {config.batch_size} is larger than the data set of {len(data.samples)} samples; "
            f"use --set batch_size={len(data.samples)} or less."
        )
    seed_torch(config.seed, "weights", 0)
    prior = build_prior(config, catalog)
    check_labels(config, data.spec, catalog)
    generator = build_generator(config, data.spec, catalog)
    check_latents(config, generator, catalog)
    discriminator, row_wise = build_discriminator(config, data.spec, catalog)
    players, engine = start_engine(Players(generator, discriminator), config, device, processes)
    draws = Draws(data, prior, config, device, processes.shares(config.batch_size, config.accumulate))
    if isinstance(generator, StartsFromData):
        generator.start_from(draws.first(max(1, ENOUGH_TO_START_FROM // data.spec.size)))
    regularizers = build_list(config.regularizers, catalog.regularizers)
    check_penalties(config, regularizers, discriminator)
    return Components(
        sample=data.spec,
        players=players,
        row_wise=row_wise,
        loss=catalog.losses[config.loss.name].build(options_of(config.loss, catalog.losses)),
        regularizers=regularizers,
        augmentations=build_list(config.augmentations, catalog.augmentations),
        prior=prior,
        draws=draws,
        engine=engine,
    )


@contextmanager
def same_plugins(run: RunFolder) -> Iterator[None]:
    """Turn a name or a setting that a run has, and the installed plugins do not, into a BadRun that says so."""
    try:
        yield
    except (UnknownName, BadSetting) as error:
        raise BadRun(f"{run.path} was trained with a plugin that is missing, or of another version: {error}") from error


def build_prior(config: RunConfig, catalog: Catalog) -> Latents:
    return catalog.latents[config.latents.name].build(options_of(config.latents, catalog.latents))


def build_generator(config: RunConfig, sample: SampleSpec, catalog: Catalog) -> nn.Module:
    """The generator with fresh weights; export fills it with a run's."""
    prior = build_prior(config, catalog)
    options = options_of(config.generator, catalog.generators)
    return catalog.generators[config.generator.name].build(with_code(sample, prior), prior.size, options)


def build_discriminator(config: RunConfig, sample: SampleSpec, catalog: Catalog) -> tuple[nn.Module, bool]:
    """The discriminator within its wrappers, and whether its verdict on a sample depends on no other sample."""
    spec = catalog.discriminators[config.discriminator.name]
    options, row_wise = options_of(config.discriminator, catalog.discriminators), spec.row_wise
    make = partial(flipped, spec.build, options)
    for name, values in config.wrappers.items():
        wrapper = catalog.wrappers[name]
        inside = options_of(Choice(name=name, options=values), catalog.wrappers)
        make = partial(flipped, partial(wrapper.build, make), inside)
        row_wise = row_wise and wrapper.row_wise
    return make(with_code(sample, build_prior(config, catalog))), row_wise


def flipped(build: Callable[[SampleSpec, Any], nn.Module], options: Any, sample: SampleSpec) -> nn.Module:
    return build(sample, options)


def with_code(sample: SampleSpec, prior: Latents) -> SampleSpec:
    """The samples together with the part of their latents that can be read back."""
    return replace(sample, code=code_of(prior))


def code_of(prior: Latents) -> Code:
    """The layout of what can be read back from a prior's latents; most have none."""
    code: Code = getattr(prior, "code", Code())
    return code


def check_labels(config: RunConfig, sample: SampleSpec, catalog: Catalog) -> None:
    """Raise BadData where a network needs labels and the data has none."""
    chosen = (
        (config.generator.name, catalog.generators[config.generator.name]),
        (config.discriminator.name, catalog.discriminators[config.discriminator.name]),
    )
    for name, spec in chosen:
        if spec.conditional and not sample.num_classes:
            raise BadData(
                f"{name} needs labels, and {config.dataset.name} has none; take labelled data, such as a folder of "
                "pictures for each class, or a recipe without labels."
            )


def check_latents(config: RunConfig, generator: nn.Module, catalog: Catalog) -> None:
    """Raise BadSetting where a generator reads its latents as standard normal numbers, and they are others."""
    if getattr(generator, "needs_normal", False) and not catalog.latents[config.latents.name].normal:
        fitting = " or ".join(name for name, spec in catalog.latents if spec.normal)
        raise BadSetting(
            f"The generator {config.generator.name} with these settings needs latents that are independent and from "
            f"N(0, 1), which {config.latents.name} are not; use --set latents={fitting}."
        )


def check_penalties(config: RunConfig, regularizers: dict[str, Regularizer], discriminator: nn.Module) -> None:
    """Raise BadSetting where a penalty is on what one sample does to its verdict, and batch norm mixes the samples."""
    names = [name for name, regularizer in regularizers.items() if regularizer.needs_row_wise]
    if names and has_batch_norm(discriminator):
        judge = config.discriminator
        remedy = "use --set discriminator.norm=layer" if "norm" in judge.options else "take another discriminator"
        raise BadSetting(
            f"{' and '.join(names)} needs a verdict on each sample alone, and {judge.name} has batch norm, which mixes "
            f"the samples of a batch; {remedy}, or leave the penalty out."
        )


def options_of(choice: Choice, shelf: Shelf[Any]) -> Any:
    """The options as the component's own dataclass."""
    return parse_options(shelf[choice.name].options, choice.options, shelf.kind)


def build_list(choices: dict[str, dict[str, Any]], shelf: Shelf[Any]) -> dict[str, Any]:
    return {
        name: shelf[name].build(options_of(Choice(name=name, options=options), shelf))
        for name, options in choices.items()
    }
