"""Every way a plugin can extend ganzoo. All hooks but the last return records and do nothing else."""

from collections.abc import Iterable
from pathlib import Path

import pluggy

from ganzoo.core.events import StepDone
from ganzoo.core.specs import (
    AugmentationSpec,
    DatasetSpec,
    DiscriminatorSpec,
    GeneratorSpec,
    LatentsSpec,
    LoggerSpec,
    LossSpec,
    MetricSpec,
    RegularizerSpec,
    WrapperSpec,
)

hookspec = pluggy.HookspecMarker("ganzoo")
hookimpl = pluggy.HookimplMarker("ganzoo")


@hookspec
def ganzoo_generators() -> Iterable[GeneratorSpec]:
    """Generators, for `generator.name` in a recipe."""
    return ()


@hookspec
def ganzoo_discriminators() -> Iterable[DiscriminatorSpec]:
    """Discriminators and critics, for `discriminator.name` in a recipe."""
    return ()


@hookspec
def ganzoo_wrappers() -> Iterable[WrapperSpec]:
    """What makes a discriminator of another one, for the list `wrappers` in a recipe."""
    return ()


@hookspec
def ganzoo_losses() -> Iterable[LossSpec]:
    """Adversarial losses, for `loss.name` in a recipe."""
    return ()


@hookspec
def ganzoo_regularizers() -> Iterable[RegularizerSpec]:
    """Penalties and constraints, for the list `regularizers` in a recipe."""
    return ()


@hookspec
def ganzoo_augmentations() -> Iterable[AugmentationSpec]:
    """Differentiable augmentations of what the discriminator sees, for the list `augmentations` in a recipe."""
    return ()


@hookspec
def ganzoo_latents() -> Iterable[LatentsSpec]:
    """Priors p_z, for `latents.name` in a recipe."""
    return ()


@hookspec
def ganzoo_datasets() -> Iterable[DatasetSpec]:
    """Data sets, for `--dataset NAME`."""
    return ()


@hookspec
def ganzoo_recipes() -> Iterable[Path]:
    """TOML files, for `ganzoo train NAME`; a file's stem is the recipe's name."""
    return ()


@hookspec
def ganzoo_loggers() -> Iterable[LoggerSpec]:
    """Where else a run's log goes, for `--log NAME`."""
    return ()


@hookspec
def ganzoo_metrics() -> Iterable[MetricSpec]:
    """How good generated samples are, in numbers, for `ganzoo evaluate --metrics NAME`."""
    return ()


@hookspec
def ganzoo_step_done(event: StepDone) -> None:
    """Told every `log_every` steps how the run goes; must not change it."""
