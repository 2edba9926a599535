"""What can be scored: a run, by torch; a bundle, by onnxruntime. Both draw the same samples of the same seeds."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch

from ganzoo.catalog import load_catalog
from ganzoo.core.config import Choice
from ganzoo.core.errors import BadData, BadRun
from ganzoo.core.files import sha256
from ganzoo.core.manifest import GENERATOR
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Exhibit, SampleSpec
from ganzoo.latents import seed_words
from ganzoo.sampling.inputs import seeds_from
from ganzoo.sampling.pixels import to_uint8
from ganzoo.sampling.sampler import Sampler
from ganzoo.training.build import build_generator, build_prior, same_plugins
from ganzoo.training.checkpoint import load_average
from ganzoo.training.device import pick_device

AT_ONCE = 256  # samples


@dataclass(frozen=True, slots=True)
class Model:
    """A generator that can be scored, and what it was trained on."""

    title: str
    hash: str  # SHA-256 of its weights' file
    sample: SampleSpec
    dataset: Choice  # of a bundle, which does not say them, without options
    data: Path | None  # the user's own, which it was trained on, where that is known
    digest: str  # of what it was trained on
    draw: Callable[[int, int], Exhibit]  # (count, first seed): samples of as many seeds in a row


def model_of_run(run: RunFolder, device: str) -> Model:
    """The newest checkpoint's averaged generator. Raises BadRun and what the device raises."""
    catalog, config, facts = load_catalog(), run.config(), run.facts()
    try:
        sample, digest = msgspec.convert(facts["data"]["sample"], SampleSpec), str(facts["data"]["digest"])
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise BadRun(f"{run.config_file} is damaged: it lacks facts of the data ({error}).") from error
    checkpoint, place = run.newest_checkpoint(), pick_device(device)
    with same_plugins(run):
        generator, prior = build_generator(config, sample, catalog).eval(), build_prior(config, catalog)
        conditional = catalog.generators[config.generator.name].conditional
    step = load_average(checkpoint, generator)
    generator = generator.to(place)

    @torch.no_grad()
    def draw(count: int, first: int) -> Exhibit:
        seeds = seeds_from(first, count)
        labels = seeds % sample.num_classes if conditional else None
        parts = []
        for start in range(0, count, AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            latents = torch.from_numpy(prior.from_words(seed_words(seeds[rows], prior.words))).to(place)
            told = None if labels is None else torch.from_numpy(labels[rows]).to(place)
            found = generator(latents, told).cpu().numpy()
            parts.append(to_uint8(found) if sample.is_picture else found)
        return Exhibit(finite(np.concatenate(parts)), labels=labels)

    own = Path(config.data) if config.data else None
    return Model(f"{run.path}, step {step:,}", sha256(checkpoint), sample, config.dataset, own, digest, draw)


def model_of_bundle(bundle: Path, device: str) -> Model:
    """Raises BadBundle and what the device raises."""
    sampler = Sampler(bundle, device)
    manifest = sampler.manifest

    def draw(count: int, first: int) -> Exhibit:
        seeds = seeds_from(first, count)
        labels = sampler.labels(seeds, None)
        return Exhibit(finite(sampler.generate(sampler.latents(seeds), labels)), labels=labels)

    title = f"{bundle}, step {manifest.training.step:,}"
    dataset = Choice(name=manifest.dataset.name)
    return Model(title, manifest.files[GENERATOR], manifest.sample, dataset, None, manifest.dataset.digest, draw)


def finite(samples: np.ndarray) -> np.ndarray:
    """Raises BadData where a number is NaN or infinite, which pictures of bytes cannot hold."""
    if samples.dtype != np.uint8 and not (good := np.isfinite(samples).all(1)).all():
        raise BadData(
            f"{int((~good).sum())} of {len(good)} samples hold NaN or infinity: the generator has diverged; take an "
            "earlier checkpoint."
        )
    return samples
