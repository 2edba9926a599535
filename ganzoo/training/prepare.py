"""What stands between a request to train and the first step: settings, data, and all that can be known to be wrong."""

import os
import platform
import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

from ganzoo.catalog import Catalog
from ganzoo.core.config import BOOKKEEPING, LENGTHS, RunConfig, Settings
from ganzoo.core.errors import BadData, BadRun, BadSetting
from ganzoo.core.options import parse_options, to_plain
from ganzoo.core.run_folder import RunFolder, step_of
from ganzoo.core.schedule import Schedule
from ganzoo.core.specs import Data, Said
from ganzoo.data.check import digest
from ganzoo.data.fetch import load
from ganzoo.recipes import Change, check_one_length
from ganzoo.training.build import Components
from ganzoo.training.display import Display
from ganzoo.training.processes import Processes
from ganzoo.training.state import build_optimizer

SAID: dict[Said, str] = {"class_logits": "classes", "code": "codes"}
SURROUNDINGS = ("created", "versions", "machine", "data")  # in config.json, beside the configuration itself


def surroundings(run: RunFolder) -> dict[str, Any]:
    """What `config.json` says besides the configuration. Raises BadRun where that is damaged."""
    facts = run.facts()
    try:
        found = {key: facts[key] for key in SURROUNDINGS}
        found["data"]["digest"]
    except (KeyError, TypeError) as error:
        raise BadRun(f"{run.config_file} is damaged: it lacks {error}. Start a new run.") from error
    return found | {key: facts[key] for key in ("launch", "from") if key in facts}


def changed(run: RunFolder, changes: Iterable[Change]) -> RunConfig:
    """The run's configuration with changes that leave its algorithm as it is. Raises BadSetting for others."""
    config, given = run.config(), list(changes)
    check_one_length(given)
    values = {".".join(path): value for path, value in given}
    alike = {config.precision, values.get("precision")} <= {"fp32", "tf32"}  # tf32 is for GPUs alone
    fixed = [key for key in values if key not in BOOKKEEPING and not (key == "precision" and alike)]
    if fixed:
        raise BadSetting(
            f"A resumed run keeps its {' and '.join(fixed)}; what may change is {', '.join(BOOKKEEPING)}. "
            f"For another run that starts from these weights: ganzoo train RECIPE --from {quote(str(run.path))}"
        )
    settings = parse_options(Settings, values, "")
    lengths = LENGTHS if any(key in LENGTHS for key in values) else ()
    return replace(config, **{key: getattr(settings, key) for key in {*values, *lengths}})


def check_resumable(run: RunFolder, config: RunConfig, parts: Components) -> None:
    """Raise BadSetting for changes that this run's networks do not allow."""
    before, now = run.facts()["machine"].get("processes", 1), parts.engine.processes.count
    seen, sees = (config.batch_size // many for many in (before * run.config().accumulate, now * config.accumulate))
    mixing = parts.mixing()
    if config.sync_batch_norm and config.accumulate == run.config().accumulate:
        mixing.discard("batch norm")
    if seen != sees and mixing:
        raise BadSetting(
            f"This run's {' and '.join(sorted(mixing))} sees {seen} samples at a time, and now would see {sees}: "
            f"another algorithm; keep --accumulate {run.config().accumulate} and {before} processes, or start another "
            "run."
        )
    done = run.checkpoints()[-1:]
    total = config.total_steps(parts.draws.count)
    if done and 0 < total < step_of(done[0]):
        raise BadSetting(f"{run.path} has done {step_of(done[0]):,} steps, so it cannot end after {total:,}.")


def check_shared_out(config: RunConfig, processes: Processes) -> None:
    """Raise BadSetting where so many processes and passes do not divide the batch, which a resumed run keeps."""
    if config.batch_size % (processes.count * config.accumulate):
        raise BadSetting(
            f"This run's batch of {config.batch_size} cannot be shared out evenly among {processes.count} processes "
            f"with {config.accumulate} passes each; use numbers whose product divides it."
        )


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


def without_purpose(config: RunConfig, catalog: Catalog) -> list[str]:
    """What this run computes and nothing learns from, each with what to set."""
    maker, judge = catalog.generators[config.generator.name], catalog.discriminators[config.discriminator.name]
    taught = {*catalog.losses[config.loss.name].teaches}
    taught.update(*(catalog.regularizers[name].teaches for name in config.regularizers))
    found = []
    for said in judge.says:
        if said not in taught:
            remedies = [f"regularizers.{name}={{}}" for name, spec in catalog.regularizers if said in spec.teaches]
            remedies += [f"loss={name}" for name, spec in catalog.losses if said in spec.teaches]
            found.append(f"nothing teaches the discriminator {judge.name} to say {SAID[said]}; {use_one_of(remedies)}")
    if maker.conditional and not judge.conditional and "class_logits" not in taught:
        readers = [name for name, spec in catalog.discriminators if spec.conditional and not spec.says]
        found.append(
            f"the generator {maker.name} is told labels, and the discriminator {judge.name}, which ignores them, "
            f"cannot teach it what they mean; {use_one_of(f'discriminator={name}' for name in readers)}"
        )
    return found


def use_one_of(settings: Iterable[str]) -> str:
    """The end of a sentence."""
    return f"use {' or '.join(f'--set {each}' for each in settings) or 'another discriminator'}."


def load_data(config: RunConfig, catalog: Catalog, display: Display) -> Data:
    spec = catalog.datasets[config.dataset.name]
    options: Any = parse_options(spec.options, config.dataset.options, "dataset")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        samples = load(spec, options, Path(config.data) if config.data else None, display.track, config.stream)
    for warning in caught:
        display.say(f"Note: {warning.message}")
    return samples


def agreed_digest(samples: Data, processes: Processes) -> str:
    """The data's SHA-256. Raises BadData where another process has read other data."""
    own = digest(samples)
    found = processes.gathered(own)
    others = [rank for rank, each in enumerate(found) if each != found[0]]
    if others:
        raise BadData(
            f"The processes do not train on the same data: those with rank {', '.join(map(str, others))} have read "
            "something else than rank 0; give all machines the same files."
        )
    return own


def data_facts(config: RunConfig, samples: Data, catalog: Catalog, found: str) -> dict[str, Any]:
    """What a model card needs to know of the data, without the data."""
    spec = catalog.datasets[config.dataset.name]
    return {
        "name": spec.name,
        "source": spec.source,
        "licence": spec.licence,
        "samples": len(samples.samples),
        "digest": found,
        "classes": list(samples.classes),
        "sample": to_plain(samples.spec),
    }


def launch() -> str | None:
    """What stays the same when torchrun starts its processes anew; None without torchrun."""
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    return f"{platform.node()} {os.getppid()}" if name == "none" else name  # "none" = the user gave no name


def interrupted_run(out: Path, config: RunConfig) -> RunFolder | None:
    """The run that torchrun's processes were at before they were started anew, if they were."""
    if int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) == 0:
        return None
    runs = sorted(out.glob("*/config.json"), key=lambda path: path.stat().st_mtime_ns)
    for run in (RunFolder(path.parent) for path in reversed(runs)):
        with suppress(BadRun):  # another version's, or a damaged one, is none of ours
            same = replace(run.config(), precision=config.precision) == config
            if same and run.facts().get("launch") == launch():
                return run
    return None
