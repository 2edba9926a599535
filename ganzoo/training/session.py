"""A run from its first line to its last: what `ganzoo train` and `ganzoo.train` do."""

import shlex
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from ganzoo.catalog import Catalog, load_catalog
from ganzoo.core.config import LENGTHS, RunConfig, Settings
from ganzoo.core.errors import BadData, BadRun, BadSetting, GanzooError
from ganzoo.core.options import parse_options, to_plain
from ganzoo.core.run_folder import RunFolder, new_run, step_of
from ganzoo.core.schedule import Schedule
from ganzoo.core.specs import Data
from ganzoo.data.check import digest
from ganzoo.data.fetch import load
from ganzoo.recipes import Change, check_one_length, find_recipe, resolve
from ganzoo.training.build import Components, build, same_plugins
from ganzoo.training.device import machine, pick_device, settled, versions
from ganzoo.training.display import Display
from ganzoo.training.observers import observer, observers
from ganzoo.training.report import write_report
from ganzoo.training.state import build_optimizer
from ganzoo.training.trainer import train

SURROUNDINGS = ("created", "versions", "machine", "data")  # in config.json, beside the configuration itself


def start(
    recipe: str, changes: Iterable[Change], data: Path | None, out: Path, device: str, display: Display
) -> RunFolder:
    """Train a recipe in a new folder below `out`; nothing is written before all settings are known to work.

    Raises Interrupted after Ctrl-C, with everything saved.
    """
    catalog = load_catalog()
    config = resolve(find_recipe(recipe, catalog), catalog, changes)
    config = replace(config, data=str(data.resolve()) if data else None)
    where = pick_device(device)
    samples = load_data(config, catalog, display)
    with enough_memory():
        parts = build(config, samples, catalog, where)
    check_works(config, parts)
    run = new_run(out, config.recipe)
    with settled(parts.players, config.batch_size):
        facts = {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
            "machine": machine(where),
            "data": data_facts(config, samples, catalog),
        }
        run.describe(config, facts)
        return carry_out(run, config, parts, catalog, display)


def resume(run: RunFolder, changes: Iterable[Change], device: str, display: Display) -> RunFolder:
    """Go on from a run's newest checkpoint exactly as if it had never stopped; only its length may change.

    Raises BadData where the data set is no longer the one that the run began with, and Interrupted like `start`.
    """
    catalog = load_catalog()
    changes = list(changes)
    check_one_length(changes)
    config = with_length(run.config(), {".".join(path): value for path, value in changes})
    facts = surroundings(run)
    with same_plugins(run):
        samples = load_data(config, catalog, display)
    if digest(samples) != facts["data"]["digest"]:
        raise BadData(
            f"The data set is not the one that {run.path} was trained on; bring that back, or start a new run."
        )
    with same_plugins(run), enough_memory():
        parts = build(config, samples, catalog, pick_device(device))
    check_works(config, parts)
    before = run.checkpoints()[-1:]
    total = config.total_steps(parts.draws.count)
    if before and 0 < total < step_of(before[0]):
        raise BadSetting(f"{run.path} has done {step_of(before[0]):,} steps, so it cannot end after {total:,}.")
    run.describe(config, facts)
    with settled(parts.players, config.batch_size):
        carry_out(run, config, parts, catalog, display)
    if run.checkpoints()[-1:] == before:
        display.say("It had done all its steps before; give it more with --steps.")
    return run


def surroundings(run: RunFolder) -> dict[str, Any]:
    """What `config.json` says besides the configuration. Raises BadRun where that is damaged."""
    facts = run.facts()
    try:
        found = {key: facts[key] for key in SURROUNDINGS}
        found["data"]["digest"]
    except (KeyError, TypeError) as error:
        raise BadRun(f"{run.config_file} is damaged: it lacks {error}. Start a new run.") from error
    return found


def check_works(config: RunConfig, parts: Components) -> None:
    """Raise BadSetting for numbers that are of the right type, and that no run can work with."""
    try:
        config.total_steps(parts.draws.count)
        build_optimizer(parts.players.generator, config.generator_optimizer)
        build_optimizer(parts.players.discriminator, config.discriminator_optimizer)
        for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
            for value in (optimizer.learning_rate, optimizer.momentum):
                if isinstance(value, Schedule) and min(value.start, value.end) < 0:
                    raise ValueError(f"a schedule goes from {value.start} to {value.end}, and cannot be negative")
    except (ValueError, OverflowError) as error:
        raise BadSetting(f"A run cannot work with these settings: {error}.") from error


@contextmanager
def enough_memory() -> Iterator[None]:
    """Turn torch's several ways of being out of memory into a sentence with a remedy."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error):
            raise GanzooError(
                "There is not enough memory for this run; set a smaller batch_size, or smaller networks."
            ) from error
        raise


def with_length(config: RunConfig, changes: dict[str, Any]) -> RunConfig:
    """Raises BadSetting for a change of anything else than the run's length."""
    for key in changes:
        if key not in LENGTHS:
            raise BadSetting(f"A resumed run keeps its {key}; only steps, epochs or minutes may change.")
    length = parse_options(Settings, changes, "")
    return replace(config, **{key: getattr(length, key) for key in LENGTHS}) if changes else config


def load_data(config: RunConfig, catalog: Catalog, display: Display) -> Data:
    spec = catalog.datasets[config.dataset.name]
    options: Any = parse_options(spec.options, config.dataset.options, "dataset")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        samples = load(spec, options, Path(config.data) if config.data else None, display.track)
    for warning in caught:
        display.say(f"Note: {warning.message}")
    return samples


def data_facts(config: RunConfig, samples: Data, catalog: Catalog) -> dict[str, Any]:
    """What a model card needs to know of the data, without the data."""
    spec = catalog.datasets[config.dataset.name]
    return {
        "name": spec.name,
        "source": spec.source,
        "licence": spec.licence,
        "samples": len(samples.samples),
        "digest": digest(samples),
        "sample": to_plain(samples.spec),
    }


def carry_out(run: RunFolder, config: RunConfig, parts: Components, catalog: Catalog, display: Display) -> RunFolder:
    """Train to the end, show it, and say where everything is."""
    try:
        with enough_memory(), display.running(run, config, config.total_steps(parts.draws.count)):
            state = train(parts, config, run, observer({"the display": display, **observers(catalog)}, display))
    except BaseException:
        with suppress(GanzooError):  # what stopped the run is what the user must hear of
            write_report(run)
        raise
    write_report(run)
    display.say(
        f"Trained to step {state.step:,}.\n"
        f"  pictures  {run.samples_file(state.step)}\n"
        f"  report    {run.report_file}\n"
        f"  next      ganzoo export --onnx {shlex.quote(str(run.path))}"
    )
    return run
