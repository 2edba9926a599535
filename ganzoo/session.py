"""A run from its first line to its last: what `ganzoo train` and `ganzoo.train` do."""

import contextlib
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ganzoo.catalog import Catalog, load_catalog
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadData, GanzooError, Interrupted
from ganzoo.core.events import StepDone
from ganzoo.core.run_folder import RunFolder, new_run
from ganzoo.core.specs import Logger
from ganzoo.evaluation.during import Examine, examiner_of
from ganzoo.evaluation.real import Real
from ganzoo.recipes import Change, find_recipe, resolve
from ganzoo.report.page import write_report
from ganzoo.training.build import Components, build, same_plugins
from ganzoo.training.checkpoint import save_checkpoint
from ganzoo.training.device import machine, pick_device, settled, versions
from ganzoo.training.display import Display
from ganzoo.training.health import ENOUGH_TO_KNOW_SPREAD, Finding, Health, stopped
from ganzoo.training.memory import enough_to_start, within_memory
from ganzoo.training.observers import build_loggers, closing, observer, observers
from ganzoo.training.prepare import (
    agreed_digest,
    changed,
    check_resumable,
    check_shared_out,
    check_works,
    data_facts,
    interrupted_run,
    launch,
    load_data,
    surroundings,
    without_purpose,
)
from ganzoo.training.processes import Processes, joined
from ganzoo.training.recorder import spread
from ganzoo.training.rehearsal import rehearse
from ganzoo.training.start_from import check_same_code, start_from
from ganzoo.training.state import TrainState
from ganzoo.training.trainer import train

Observer = Callable[[StepDone], None]


def start(
    recipe: str,
    changes: Iterable[Change],
    data: Path | None,
    out: Path,
    device: str,
    display: Display,
    logs: Iterable[str] = (),
    origin: Path | None = None,
) -> RunFolder:
    """Train a recipe in a new folder below `out`; nothing is written before all settings are known to work.

    `logs` are names of loggers, `origin` is what the weights are taken from: a run, a checkpoint or a bundle.
    Raises Interrupted after Ctrl-C, with everything saved.
    """
    catalog = load_catalog()
    config = resolve(find_recipe(recipe, catalog), catalog, changes)
    config = replace(config, data=str(data.resolve()) if data else None)
    loggers = build_loggers(logs, catalog)
    with joined(config.timeout) as processes:
        display.quiet_unless(processes.leads)
        earlier = processes.told(interrupted_run(out, config) if processes.leads else None)
        if earlier is not None:
            display.say(f"Started anew by torchrun; going on with {earlier.path}.")
            return go_on(earlier, earlier.config(), catalog, device, display, processes, loggers)
        where = pick_device(device)
        samples = load_data(config, catalog, display)
        digest = agreed_digest(samples, processes)
        with enough_to_start():
            parts = build(config, samples, catalog, where, processes)
        config = replace(config, precision=parts.engine.precision.name)
        check_works(config, parts)
        real = Real(config.dataset.name, config.dataset.options, samples, digest)
        examine = examiner_of(real, config, catalog, where, display, leads=processes.leads)
        for each in without_purpose(config, catalog):
            display.say(f"Note: {each}")
        begun = None if origin is None else begin_from(origin, parts, config, catalog, display)
        with settled(parts, config), contextlib.closing(parts.draws):
            within_memory(parts, config, lambda: rehearse(parts, config))
            run = processes.told(new_run(out, config.recipe) if processes.leads else None)
            assert run is not None, "the leading process has made it"
            facts = facts_of_today(parts, origin) | {"data": data_facts(config, samples, catalog, digest)}
            if begun is not None:  # before there is a run to resume
                save_checkpoint(begun, parts, run, config.keep_checkpoints)
            describe(run, config, facts, processes)
            return carry_out(run, config, parts, catalog, display, loggers, examine)


def facts_of_today(parts: Components, origin: Path | None) -> dict[str, Any]:
    """What `config.json` says of the circumstances."""
    facts = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": machine(parts),
    }
    launched = {"launch": launch()} if launch() else {}
    return facts | launched | ({"from": str(origin.resolve())} if origin else {})


def begin_from(origin: Path, parts: Components, config: RunConfig, catalog: Catalog, display: Display) -> TrainState:
    """A state of step 0 with the weights of `origin`, which the run's first checkpoint will hold."""
    state = TrainState.start(parts.players, config)
    check_same_code(origin, parts.prior, catalog)
    start_from(state, origin, display.say)
    return state


def resume(
    run: RunFolder,
    changes: Iterable[Change],
    device: str,
    display: Display,
    logs: Iterable[str] = (),
    data: Path | None = None,
) -> RunFolder:
    """Go on from a run's newest checkpoint exactly as if it had never stopped; its algorithm may not change.

    `data` is where the user's own files lie now, if they were moved. Raises BadData where the data set is no longer the
    one that the run began with, and Interrupted like `start`.
    """
    config, catalog = changed(run, changes), load_catalog()
    if data is not None:
        config = replace(config, data=str(data.resolve()))
    loggers = build_loggers(logs, catalog)
    with joined(config.timeout) as processes:
        display.quiet_unless(processes.leads)
        return go_on(run, config, catalog, device, display, processes, loggers)


def go_on(
    run: RunFolder,
    config: RunConfig,
    catalog: Catalog,
    device: str,
    display: Display,
    processes: Processes,
    loggers: Mapping[str, Logger],
) -> RunFolder:
    """The rest of `resume`, with the configuration that the run goes on with."""
    facts = surroundings(run)
    with same_plugins(run):
        samples = load_data(config, catalog, display)
    if agreed_digest(samples, processes) != facts["data"]["digest"]:
        raise BadData(
            f"The data set is not the one that {run.path} was trained on; bring that back, say with --data where it is "
            "now, or start a new run."
        )
    check_shared_out(config, processes)
    with same_plugins(run), enough_to_start():
        parts = build(config, samples, catalog, pick_device(device), processes)
    check_works(config, parts)
    check_resumable(run, config, parts)
    real = Real(config.dataset.name, config.dataset.options, samples, facts["data"]["digest"])
    examine = examiner_of(real, config, catalog, parts.engine.device, display, leads=processes.leads)
    before = newest_of(run)
    describe(run, config, facts, processes)
    with settled(parts, config), contextlib.closing(parts.draws):
        carry_out(run, config, parts, catalog, display, loggers, examine)
    if newest_of(run) == before:
        display.say("It had done all its steps before; give it more with --steps.")
    return run


def newest_of(run: RunFolder) -> list[tuple[Path, int]]:
    """The newest checkpoint and when it was written."""
    return [(path, path.stat().st_mtime_ns) for path in run.checkpoints()[-1:]]


def describe(run: RunFolder, config: RunConfig, facts: dict[str, Any], processes: Processes) -> None:
    """Write `config.json`, by one process; the others wait, so that all of them find the run."""
    if processes.leads:
        run.describe(config, facts)
    processes.told(None)


def carry_out(
    run: RunFolder,
    config: RunConfig,
    parts: Components,
    catalog: Catalog,
    display: Display,
    loggers: Mapping[str, Logger],
    examine: Examine,
) -> RunFolder:
    """Train to the end, show it, and say where everything is."""
    leads = parts.engine.processes.leads
    health = watch(parts, config, catalog)
    try:
        with (
            display.running(run, config, config.total_steps(parts.draws.count)),
            closing(loggers if leads else {}, display) as logs,
        ):
            told: dict[str, Observer] = {"the display": display, **(observers(catalog) if leads else {}), **logs}
            onlookers = Onlookers(observer(told, display), health, display, config.when_sick == "stop", leads)
            state = train_explained(parts, config, run, onlookers, display.say, partial(examine, run))
    except BaseException:
        with contextlib.suppress(GanzooError):  # what stopped the run is what the user must hear of
            if leads:
                write_report(run, health.told(run))
        raise
    if leads:
        write_report(run, health.told(run))
    display.say(
        f"Trained to step {state.step:,}.\n"
        f"  pictures  {run.samples_file(state.step)}\n"
        f"  report    {run.report_file}\n"
        f"  next      ganzoo export --onnx {shlex.quote(str(run.path))}"
    )
    if leads and (best := run.best()):
        display.say(
            f"  best      step {best.step:,}, by {best.metric} {best.value:.4g}: "
            f"ganzoo export --onnx {shlex.quote(str(run.path))} --checkpoint best"
        )
    return run


def watch(parts: Components, config: RunConfig, catalog: Catalog) -> Health:
    """The health watch of this run."""
    real = spread(parts.draws.first(ENOUGH_TO_KNOW_SPREAD)).item()
    return Health(config, catalog, real, logits_are_scores=getattr(parts.loss, "logits_are_scores", False))


@dataclass(slots=True)
class Onlookers:
    """All observers and the health watch, which may stop the run."""

    tell: Observer
    health: Health
    display: Display
    may_stop: bool
    leads: bool = True  # of several processes one watches
    step: int = 0
    findings: Sequence[Finding] = ()  # for which the run was stopped

    def __call__(self, event: StepDone) -> bool:
        """Tell all, and the user what is wrong; answer whether the run shall stop for it."""
        self.tell(event)
        found = self.health.look(event) if self.leads else []
        for each in found:
            self.display.warn(str(each))
        if self.may_stop and found:
            self.step, self.findings = event.step, found
        return bool(self.findings)


def train_explained(
    parts: Components,
    config: RunConfig,
    run: RunFolder,
    onlookers: Onlookers,
    say: Callable[[str], None],
    examine: Callable[[int], None],
) -> TrainState:
    """Train; raise Sick where the health watch stops the run, and GanzooError with what would fit into memory."""
    try:
        return within_memory(parts, config, lambda: train(parts, config, run, onlookers, say, examine))
    except Interrupted as error:
        if onlookers.findings:
            raise stopped(onlookers.findings, run, onlookers.step) from error
        raise
