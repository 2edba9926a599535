"""What can be scored: a run, by torch; a bundle, by onnxruntime. Both draw the same samples of the same seeds."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganzoo.core.config import Choice
from ganzoo.core.errors import BadData
from ganzoo.core.manifest import GENERATOR
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Exhibit, SampleSpec
from ganzoo.core.walk import Walk
from ganzoo.latents import Latents, seed_words
from ganzoo.sampling.inputs import seeds_from
from ganzoo.sampling.pixels import to_uint8
from ganzoo.sampling.sampler import Sampler
from ganzoo.training.device import pick_device
from ganzoo.training.trained import load_trained

AT_ONCE = 256  # samples
Look = Callable[[Tensor], np.ndarray]  # samples [N, S...], pictures in [-1, 1], to features float64 [N, F]


@dataclass(frozen=True, slots=True)
class Model:
    """A generator that can be scored, and what it was trained on."""

    title: str
    hash: str  # SHA-256 of its weights' file
    sample: SampleSpec
    dataset: Choice  # of a bundle that is too old to say them, without options
    data: Path | None  # the user's own, which it was trained on, where that is known
    digest: str  # of what it was trained on
    draw: Callable[[int, int], Exhibit]  # (count, first seed): samples of as many seeds in a row
    walk: Callable[[Look], Walk] | None = None  # to what features look finds; None where pictures come rounded


@dataclass(frozen=True, slots=True)
class Network:
    """A run's generator, and what it draws from."""

    generator: torch.nn.Module
    prior: Latents
    sample: SampleSpec
    conditional: bool
    normal: bool  # whether the prior is
    device: torch.device

    def draw(self, count: int, first: int) -> Exhibit:
        """Samples of the seeds `first`, `first` + 1, …"""
        seeds = seeds_from(first, count)
        labels = seeds % self.sample.num_classes if self.conditional else None
        parts = []
        for start in range(0, count, AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            latents = self.prior.from_words(seed_words(seeds[rows], self.prior.words))
            found = self.samples(latents, None if labels is None else labels[rows]).cpu().numpy()
            parts.append(to_uint8(found) if self.sample.is_picture else found)
        return Exhibit(finite(np.concatenate(parts)), labels=labels)

    def walk(self, look: Look) -> Walk:
        """To what `look` finds in samples."""

        def latents(count: int, first: int) -> np.ndarray:
            return self.prior.from_words(seed_words(seeds_from(first, count), self.prior.words))

        @torch.no_grad()
        def features(latents: np.ndarray) -> np.ndarray:
            labels = np.arange(len(latents)) % self.sample.num_classes if self.conditional else None
            return look(self.samples(latents, labels).clamp(-1, 1))

        return Walk(latents, self.normal, features)

    @torch.no_grad()
    def samples(self, latents: np.ndarray, labels: np.ndarray | None) -> Tensor:
        """As the generator makes them, [N, S...], on its device."""
        told = None if labels is None else torch.from_numpy(labels).to(self.device)
        return self.generator(torch.from_numpy(latents).to(self.device), told)


def model_of_run(run: RunFolder, device: str, which: str = "last") -> Model:
    """The averaged generator of a checkpoint: "last", "best" or a step. Raises BadRun and what the device raises."""
    trained, place = load_trained(run, which), pick_device(device)
    generator = trained.generator.to(place)
    network = Network(generator, trained.prior, trained.sample, trained.conditional, trained.normal, place)
    return Model(
        f"{run.path}, step {trained.step:,}",
        trained.checkpoint,
        trained.sample,
        trained.config.dataset,
        Path(trained.config.data) if trained.config.data else None,
        trained.data.digest,
        network.draw,
        network.walk,
    )


def model_of_bundle(bundle: Path, device: str) -> Model:
    """Raises BadBundle and what the device raises."""
    sampler = Sampler(bundle, device)
    manifest = sampler.manifest

    def draw(count: int, first: int) -> Exhibit:
        seeds = seeds_from(first, count)
        labels = sampler.labels(seeds, None)
        return Exhibit(finite(sampler.generate(sampler.latents(seeds), labels)), labels=labels)

    title = f"{bundle}, step {manifest.training.step:,}"
    dataset = Choice(name=manifest.dataset.name, options=manifest.dataset.options)
    return Model(title, manifest.files[GENERATOR], manifest.sample, dataset, None, manifest.dataset.digest, draw)


def finite(samples: np.ndarray) -> np.ndarray:
    """Raises BadData where a number is NaN or infinite, which pictures of bytes cannot hold."""
    if samples.dtype != np.uint8 and not (good := np.isfinite(samples).all(1)).all():
        raise BadData(
            f"{int((~good).sum())} of {len(good)} samples hold NaN or infinity: the generator has diverged; take an "
            "earlier checkpoint."
        )
    return samples
