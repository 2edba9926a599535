"""What a run has to give to exports and scores: one checkpoint's generator, and all that is known about it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from torch import nn

from ganzoo.catalog import load_catalog
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadRun, UsageError
from ganzoo.core.files import sha256
from ganzoo.core.manifest import DatasetFacts, Truncation
from ganzoo.core.run_folder import RunFolder, step_of
from ganzoo.core.specs import SampleSpec
from ganzoo.latents import Latents
from ganzoo.training.build import build_generator, build_prior, same_plugins, with_code
from ganzoo.training.checkpoint import load_average


@dataclass(frozen=True, slots=True)
class Trained:
    """A generator in eval mode, and where it comes from."""

    run: RunFolder
    config: RunConfig
    data: DatasetFacts
    sample: SampleSpec
    generator: nn.Module
    prior: Latents
    step: int
    checkpoint: str  # sha256 of the file
    weights: Literal["ema", "raw"] = "ema"
    conditional: bool = False  # whether the generator draws by label
    truncation: Truncation = "none"
    normal: bool = False  # whether the prior's numbers are independent and from N(0, 1)


def load_trained(run: RunFolder, which: str = "last", *, raw: bool = False) -> Trained:
    """The averaged generator, or the `raw` one that was trained, of a checkpoint: "last", "best" or a step.

    Raises BadRun where the run has no such checkpoint, a file of it is damaged, or a plugin of it is not installed.
    """
    catalog, config, facts = load_catalog(), run.config(), run.facts()
    try:
        data = msgspec.convert(facts["data"], DatasetFacts)
        sample = msgspec.convert(facts["data"]["sample"], SampleSpec)
    except (KeyError, msgspec.ValidationError) as error:
        raise BadRun(f"{run.config_file} is damaged: it lacks facts of the data ({error}).") from error
    checkpoint = checkpoint_of(run, which)
    with same_plugins(run):
        generator = build_generator(config, sample, catalog).eval()
        prior = build_prior(config, catalog)
        spec, latents = catalog.generators[config.generator.name], catalog.latents[config.latents.name]
    step = load_average(checkpoint, generator, "generator" if raw else "average")
    return Trained(
        run,
        config,
        data,
        with_code(sample, prior),
        generator,
        prior,
        step,
        sha256(checkpoint),
        "raw" if raw or not config.ema_decay else "ema",
        spec.conditional,
        truncation_of(spec.truncates, latents.normal),
        latents.normal,
    )


def truncation_of(inside: bool, normal: bool) -> Truncation:
    """How samples can be drawn nearer to the mean: by the generator itself, by scaled normal latents, or not."""
    return "input" if inside else "scale" if normal else "none"


def checkpoint_of(run: RunFolder, which: str) -> Path:
    """Raises BadRun where there is none, and UsageError where `which` is neither "last", "best" nor a step."""
    if which == "last":
        return run.newest_checkpoint()
    if which == "best":
        return run.best_checkpoint()
    if not which.isdecimal():
        raise UsageError(f"There is no checkpoint {which!r}; say last, best, or the number of a step.")
    path = run.checkpoint_file(int(which))
    if not path.is_file():
        steps = ", ".join(f"{step_of(each):,}" for each in run.checkpoints()) or "none"
        raise BadRun(f"{run.path} has no checkpoint of step {int(which):,}; it has {steps}.")
    return path
