"""Several recipes on one data set whose modes are known, each with several seeds and an equal budget.

Equal means: as many generator updates, on batches of as many samples, of the same data. A recipe that gives its
discriminator more updates for each of them, or has larger networks, takes more time; the seconds stand beside.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from time import perf_counter
from typing import Any

import numpy as np
import torch

from ganzoo import session
from ganzoo.catalog import Catalog, load_catalog
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadData, Diverged, Sick, UsageError
from ganzoo.core.files import write_text
from ganzoo.core.options import parse_options, to_plain
from ganzoo.core.run_folder import RunFolder, new_run
from ganzoo.core.specs import Data, Modes, SampleSpec
from ganzoo.data.fetch import load
from ganzoo.evaluation.modes import SAMPLES, Coverage, check_modes, coverage, perfect
from ganzoo.latents import seed_words
from ganzoo.recipes import Change, find_recipe, resolve
from ganzoo.studies.side_by_side import draw_side_by_side
from ganzoo.training.build import build, build_generator, build_prior
from ganzoo.training.checkpoint import load_average
from ganzoo.training.display import Display

FORMAT = 1
METRICS = tuple(each.name for each in fields(Coverage))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be compared."""

    recipes: tuple[str, ...]  # names, or paths of TOML files
    seeds: int  # runs of each recipe, with the seeds 0, 1, 2…
    changes: tuple[Change, ...]  # of every recipe alike: data set, steps, batch size and what else is set
    command: str  # that says all this, for whoever wants the numbers again
    device: str = "auto"


@dataclass(slots=True)
class Entry:
    """One recipe and its runs so far: for each the seed, the seconds, and a Coverage or why there is none."""

    recipe: str  # as the user names it
    config: RunConfig  # of seed 0
    runs: list[dict[str, Any]] = field(default_factory=list)

    def of(self, metric: str) -> list[float]:
        """The values of one metric, of those runs that came to their end."""
        return [float(run[metric]) for run in self.runs if metric in run]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found so far, and the folder in which it is written down."""

    plan: Plan
    data: Data
    modes: Modes
    entries: list[Entry]
    folder: Path

    @property
    def perfect(self) -> Coverage:
        return perfect(self.modes)

    @property
    def turns(self) -> list[tuple[int, Entry]]:
        """All runs, seed by seed, so that one that is stopped has as many of each recipe."""
        return [(seed, entry) for seed in range(self.plan.seeds) for entry in self.entries]

    @property
    def done(self) -> int:
        return sum(len(entry.runs) for entry in self.entries)


def prepare(plan: Plan, out: Path) -> Comparison:
    """A comparison in a new folder below `out`; nothing is made before all recipes are known to fit the data.

    Raises UsageError, BadSetting and BadData, the last also for data whose modes are not known.
    """
    catalog = load_catalog()
    entries = [Entry(name, resolve(find_recipe(name, catalog), catalog, plan.changes)) for name in plan.recipes]
    check_alike([entry.config for entry in entries])
    data = load_points(entries[0].config, catalog)
    assert data.modes is not None, "load_points sees to it"
    for entry in entries:
        if catalog.generators[entry.config.generator.name].conditional:
            raise UsageError(f"{entry.recipe} is told the mode as a label, so modes say nothing of it; leave it out.")
        build(entry.config, data, catalog, torch.device("cpu"))
    folder = new_run(out, entries[0].config.dataset.name).path
    return Comparison(plan, data, data.modes, entries, folder)


def check_alike(configs: Sequence[RunConfig]) -> None:
    """Raise UsageError where two recipes have one name, or other data than each other."""
    names = [config.recipe for config in configs]
    if len(set(names)) < len(names):
        raise UsageError(f"Of the recipes {', '.join(names)} two have the same name; name each once, or rename a file.")
    for config in configs[1:]:
        if config.dataset != configs[0].dataset:
            raise UsageError(
                f"{config.recipe} sets options of the data set that {names[0]} does not; set them for all, with "
                "--set dataset.OPTION=VALUE."
            )


def load_points(config: RunConfig, catalog: Catalog) -> Data:
    """The data set. Raises BadData where its modes are not known, or are not distinct."""
    spec = catalog.datasets[config.dataset.name]
    options: Any = parse_options(spec.options, config.dataset.options, "dataset")
    computed = not spec.files and not spec.takes_path
    data = load(spec, options, None, lambda items, _title: items) if computed else None
    if data is None or data.modes is None:
        raise BadData(
            f"The modes of {spec.name} are not known, so they cannot be counted; use --dataset ring or --dataset grid."
        )
    check_modes(data.modes)
    return data


def carry_out(found: Comparison, display_of: Callable[[int, str], Display]) -> None:
    """Train and judge run by run; `display_of` gives the display for the run of that number and title.

    After each run all of `comparison.json` is written anew, so that what is stopped keeps what it has found. A run
    that diverges is written down as such. Raises Interrupted after Ctrl-C.
    """
    for number, (seed, entry) in enumerate(found.turns):
        display = display_of(number, f"{entry.config.recipe}, seed {seed}")
        entry.runs.append(judged(found, entry, seed, display))
        write_text(found.folder / "comparison.json", json.dumps(summary(found), indent=2) + "\n")


def judged(found: Comparison, entry: Entry, seed: int, display: Display) -> dict[str, Any]:
    """Train one run, and say what its generator covers. The first seed's samples are drawn beside the data."""
    plan, began = found.plan, perf_counter()
    changes = [*plan.changes, (["seed"], seed)]
    try:
        run = session.start(entry.recipe, changes, None, found.folder / "runs", plan.device, display)
        facts = {"seed": seed, "run": str(run.path.relative_to(found.folder))}
        facts |= {"seconds": round(perf_counter() - began, 1)}
        samples = draw(run, found.data.spec, SAMPLES)
        covered = coverage(samples, found.modes)
    except (Diverged, Sick, BadData) as error:
        return {"seed": seed, "failed": str(error)}
    if seed == 0 and np.isfinite(samples).all():
        real = np.asarray(found.data.samples[np.arange(min(SAMPLES, len(found.data.samples)))])
        draw_side_by_side(real, samples, found.folder / f"{entry.config.recipe}.png")
    return facts | asdict(covered)


@torch.no_grad()
def draw(run: RunFolder, sample: SampleSpec, count: int) -> np.ndarray:
    """Samples [N, D] of the seeds 0, 1, 2… from the averaged generator, in eval mode: what an export would draw.

    The classes of labelled data take turns.
    """
    catalog, config = load_catalog(), run.config()
    generator, prior = build_generator(config, sample, catalog).eval(), build_prior(config, catalog)
    load_average(run.newest_checkpoint(), generator)
    latents = torch.from_numpy(prior.from_words(seed_words(np.arange(count), prior.words)))
    labels = torch.arange(count) % sample.num_classes if sample.num_classes else None
    samples: np.ndarray = generator(latents, labels).numpy()
    return samples


def mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
    """The mean, and its standard error, s/√n with n - 1 in the variance; none for one value."""
    return fmean(values), stdev(values) / sqrt(len(values)) if len(values) > 1 else None


def summary(found: Comparison) -> dict[str, Any]:
    """What `comparison.json` holds: where the numbers come from, each run's own, and their means with standard errors.

    Machine and versions are those that the runs wrote down.
    """
    first = found.entries[0].config
    runs = [found.folder / run["run"] for entry in found.entries for run in entry.runs if "run" in run]
    facts = RunFolder(runs[0]).facts() if runs else {}
    return {
        "format": FORMAT,
        "command": found.plan.command,
        "dataset": to_plain(first.dataset),
        "equal": {"steps": first.steps, "batch_size": first.batch_size, "seeds": list(range(found.plan.seeds))},
        "samples": SAMPLES,
        "perfect": asdict(found.perfect),
        "recipes": {entry.config.recipe: recipe_facts(entry) for entry in found.entries},
        "machine": facts.get("machine"),
        "versions": facts.get("versions"),
    }


def recipe_facts(entry: Entry) -> dict[str, Any]:
    means = {metric: mean_and_error(entry.of(metric)) for metric in METRICS if entry.of(metric)}
    return {
        "config": to_plain(replace(entry.config, seed=0)),
        "mean": {metric: mean for metric, (mean, _) in means.items()},
        "standard_error": {metric: error for metric, (_, error) in means.items()},
        "runs": entry.runs,
    }
