"""A run from its first line to its last: what `ganzoo train` and `ganzoo.train` do."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ganzoo.catalog import Catalog, load_catalog
from ganzoo.core.config import LENGTHS, RunConfig, Settings
from ganzoo.core.errors import BadData, BadSetting
from ganzoo.core.events import StepDone
from ganzoo.core.options import parse_options, to_plain
from ganzoo.core.run_folder import RunFolder, new_run
from ganzoo.core.specs import Data
from ganzoo.data.fetch import digest, load
from ganzoo.recipes import Change, find_recipe, resolve
from ganzoo.training.build import Components, build
from ganzoo.training.device import machine, pick_device, versions
from ganzoo.training.display import Display
from ganzoo.training.report import write_report
from ganzoo.training.trainer import train


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
    parts = build(config, samples, catalog, where)
    run = new_run(out, config.recipe)
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
    facts = run.facts()
    config = with_length(run.config(), {".".join(path): value for path, value in changes})
    samples = load_data(config, catalog, display)
    if digest(samples) != facts["data"]["digest"]:
        raise BadData(
            f"The data set is not the one that {run.path} was trained on; bring that back, or start a new run."
        )
    parts = build(config, samples, catalog, pick_device(device))
    run.describe(config, {key: facts[key] for key in ("created", "versions", "machine", "data")})
    return carry_out(run, config, parts, catalog, display)


def with_length(config: RunConfig, changes: dict[str, Any]) -> RunConfig:
    """Raises BadSetting for a change of anything else than the run's length."""
    for key in changes:
        if key not in LENGTHS:
            raise BadSetting(f"A resumed run keeps its {key}; only steps, epochs or minutes may change.")
    if len(changes) > 1:
        raise BadSetting("A run ends after steps, epochs or minutes; give one of the three.")
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
        with display.running(run, config, config.total_steps(parts.draws.count)):
            state = train(parts, config, run, observer([display, catalog.step_done], display))
    finally:
        write_report(run)
    display.say(
        f"Trained to step {state.step:,}. Pictures: {run.samples_file(state.step)}  Report: {run.report_file}\n"
        f"Next: ganzoo export --onnx {run.path}"
    )
    return run


def observer(observers: list[Callable[[StepDone], None]], display: Display) -> Callable[[StepDone], None]:
    """One that tells all; an observer that fails is named once, left out from then on, and changes nothing."""
    active = list(observers)

    def observe(event: StepDone) -> None:
        for each in list(active):
            try:
                each(event)
            except Exception as error:  # noqa: BLE001 - a logger's bug must not cost a run
                active.remove(each)
                display.say(f"Note: an observer failed and is left out: {type(error).__name__}: {error}")

    return observe
