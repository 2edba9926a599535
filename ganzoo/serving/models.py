"""The models that are served: bundles that have proved to be whole, and what is told of them."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from ganzoo.core.errors import BadBundle, GanzooError, UsageError
from ganzoo.core.manifest import GENERATOR, LATENTS, Manifest
from ganzoo.sampling.providers import Device
from ganzoo.sampling.sampler import MOST_AT_ONCE, NUMBERS_AT_ONCE, Sampler
from ganzoo.serving.facts import DatasetFacts, LatentsFacts, ModelFacts, TrainingFacts

PREVIEW = "preview.png"
OPENED_AT_ONCE = 4
ROUND = ("normal", "spherical")  # priors whose latents lie on a sphere, or near one


@dataclass(slots=True, eq=False)
class Model:
    """An open bundle, and how long it takes to draw."""

    sampler: Sampler
    preview: bytes | None  # a PNG file
    seconds_per_sample: float = field(default=0.0, init=False)  # of late; 0 until it has drawn

    @property
    def manifest(self) -> Manifest:
        return self.sampler.manifest

    @property
    def name(self) -> str:
        return self.sampler.manifest.name

    def learn(self, count: int, seconds: float) -> None:
        """`count` samples took so long; what is long past counts for less and less, and one moment never for much."""
        known = self.seconds_per_sample
        latest = min(seconds / count, 2 * known) if known else seconds / count
        self.seconds_per_sample += (latest - known) * (0.2 if known else 1)


def bundles_in(paths: Iterable[Path]) -> list[Path]:
    """The bundles that are named, and those in folders that are named. Raises UsageError for a folder without any."""
    found: list[Path] = []
    for path in paths:
        inside = [path] if (path / "manifest.json").exists() else sorted(path.glob("[!.]*/manifest.json"))
        if not inside and path.is_dir():
            raise UsageError(f"There are no bundles in {path}; make one with `ganzoo export --onnx`.")
        found += [each.parent if each.name == "manifest.json" else each for each in inside] or [path]
    return list(dict.fromkeys(found))


def open_models(bundles: Iterable[Path], device: Device = "auto") -> tuple[dict[str, Model], list[str]]:
    """The models by name, and a sentence for each bundle that is damaged, or whose name another one has."""
    models: dict[str, Model] = {}
    problems: list[str] = []
    places = list(bundles)
    with ThreadPoolExecutor(OPENED_AT_ONCE) as threads:  # reading, hashing and preparing graphs leave Python free
        opened = list(threads.map(partial(try_to_open, device=device), places))
    for bundle, model in zip(places, opened, strict=True):
        if isinstance(model, BadBundle):
            problems.append(str(model))
        elif model.name in models:
            problems.append(f"{bundle}, as another bundle is called {model.name!r}, too.")
        else:
            models[model.name] = model
    return models, problems


def try_to_open(bundle: Path, device: Device) -> Model | BadBundle:
    try:
        return open_model(bundle, device)
    except BadBundle as error:
        return error


def open_model(bundle: Path, device: Device = "auto") -> Model:
    """The bundle, which has drawn once. Raises BadBundle where it is damaged; see also `Sampler`."""
    sampler = Sampler(bundle, device, spin=False)
    name = sampler.manifest.name
    if not name or name.strip(".") != name or not name.isprintable() or set(name) & set("/\\%?#"):
        raise BadBundle(f"{bundle} is called {name!r}, which fits no address; export it again under another --name.")
    model = Model(sampler, preview_of(bundle))
    try:
        sampler.sample(1)  # the first run is slower than all others
        model.learn(1, min(seconds_of(sampler) for _ in range(2)))
    except GanzooError as error:
        raise BadBundle(f"{bundle} draws nothing for seed 0: {error}") from error
    return model


def seconds_of(sampler: Sampler) -> float:
    """For one sample."""
    began = time.perf_counter()
    sampler.sample(1)
    return time.perf_counter() - began


def preview_of(bundle: Path) -> bytes | None:
    """The file that shows samples; None where there is none that can be read."""
    with suppress(OSError):
        return (bundle / PREVIEW).read_bytes()
    return None


def most_samples(manifest: Manifest) -> int:
    """How many one request may ask for, so that its answer stays within 64 MiB."""
    return max(1, min(MOST_AT_ONCE, NUMBERS_AT_ONCE // manifest.sample.size))


def described(manifest: Manifest, preview: bool) -> dict[str, Any]:
    """What an app has to know of a model, for JSON; `preview` says whether there is a picture of it."""
    return msgspec.to_builtins(facts_of(manifest, preview))


def facts_of(manifest: Manifest, preview: bool) -> ModelFacts:
    """The same, as the API describes it."""
    sample, data, training = manifest.sample, manifest.dataset, manifest.training
    return ModelFacts(
        name=manifest.name,
        recipe=manifest.recipe,
        created=manifest.created,
        kind="pictures" if sample.is_picture else "points",
        shape=list(sample.shape),
        latents=LatentsFacts(
            prior=manifest.latents.name,
            size=manifest.latent_size,
            walk="sphere" if manifest.latents.name in ROUND else "line",
            categories=list(sample.code.categories),
            continuous=sample.code.continuous,
        ),
        labels=class_names(manifest),
        truncation=manifest.truncation,
        largest_truncation=1.0,
        dataset=DatasetFacts(data.name, data.source, data.licence, data.samples),
        training=TrainingFacts(training.step, training.seed, training.weights),
        preview=preview,
        most_samples=most_samples(manifest),
        files={name: manifest.files[name] for name in (LATENTS, GENERATOR)},
    )


def class_names(manifest: Manifest) -> list[str] | None:
    """Of each label in order; None where the model draws without."""
    if not manifest.conditional:
        return None
    return list(manifest.dataset.classes) or [str(label) for label in range(manifest.sample.num_classes)]
