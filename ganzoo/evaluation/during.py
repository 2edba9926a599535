"""A run judged while it goes on, by the same real samples and the same seeds each time, and its best checkpoint marked.

What is judged is the checkpoint that was just saved, as `ganzoo evaluate RUN` would: so nothing of the run is touched.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

import torch

from ganzoo.catalog import Catalog
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadData, BadSetting, GanzooError, did_you_mean
from ganzoo.core.run_folder import Best, RunFolder
from ganzoo.core.specs import Better, Metric, MetricSpec
from ganzoo.evaluation.evaluate import NOBODY, Case, Found, Wish, choose, gather, options_of, with_provenance
from ganzoo.evaluation.judges import features_for, find_judges
from ganzoo.evaluation.real import Real, training_samples
from ganzoo.evaluation.scores import Score, append_scores
from ganzoo.evaluation.targets import model_of_run
from ganzoo.training.display import Display
from ganzoo.training.observers import reason

Examine = Callable[[RunFolder, int], None]

SAMPLES = 2000  # of each kind, at most: enough to rank checkpoints, and drawn in seconds


@dataclass(frozen=True, slots=True)
class Juror:
    """One metric, and what it says of real samples, which is the same all the time."""

    spec: MetricSpec
    options: Any
    metric: Metric
    floor: Found


@dataclass(slots=True)
class Examiner:
    """Judges the newest checkpoint of a run, which is that of `step`, and marks the best one.

    It says what it finds, and what fails once. Nothing that fails ends the run.
    """

    case: Case  # with real samples, and as yet none that were generated
    jurors: list[Juror]
    best_by: str  # the number that decides; "" = none
    direction: Better
    device: str
    display: Display
    failed: set[str] = field(default_factory=set)

    def __call__(self, run: RunFolder, step: int) -> None:
        try:
            scores = self.scores(run, step)
            append_scores(run, step, scores)
            self.display.say(f"step {step:,}: {self.verdict(run, step, scores)}")
        except Exception as error:  # noqa: BLE001 - no score is worth a run
            self.once("the run", f"it could not be judged at step {step:,}: {reason(error)}")

    def scores(self, run: RunFolder, step: int) -> list[Score]:
        """Those of all metrics that did not fail."""
        with torch.random.fork_rng(devices=[]):
            model = model_of_run(run, self.device)
            drawn = self.case.judges.shown(model.draw(len(self.case.evidence.real.samples), 0))
        evidence = replace(self.case.evidence, generated=drawn)
        case = replace(self.case, target=model.title, target_hash=model.hash, evidence=evidence)
        scores: list[Score] = []
        for juror in self.jurors:
            try:
                found = juror.metric(evidence)
                scores += with_provenance(juror.spec, juror.options, case, found, juror.floor)
            except Exception as error:  # noqa: BLE001 - the others can still judge
                name = juror.spec.name
                self.once(name, f"the metric {name} failed at step {step:,}, and is left out there: {reason(error)}")
        return scores

    def verdict(self, run: RunFolder, step: int, scores: Sequence[Score]) -> str:
        """What people read of it: the number that decides, with what it decided, and then the others."""
        numbers = {score.name: score.value for score in scores if isinstance(score.value, float)}
        deciding = {name: value for name, value in numbers.items() if self.best_by and bare(name) == self.best_by}
        said = [f"{name} {value:.4g}{self.decision(run, step, name, value)}" for name, value in deciding.items()]
        if self.best_by and not deciding:
            self.once(self.best_by, f"there is no {self.best_by!r} at step {step:,}, so it cannot be the best.")
        others = [f"{bare(name)} {value:.4g}" for name, value in numbers.items() if name not in deciding]
        return "; ".join([*said, ", ".join(others)] if others else said) or "no score"

    def decision(self, run: RunFolder, step: int, name: str, value: float) -> str:
        """Mark the step where no marked one is better: of two that are as good, the later has learnt for longer."""
        best = standing(run, name)
        if not isfinite(value):
            return ""
        if best is None or value == best.value or (value < best.value) == (self.direction == "lower"):
            run.mark_best(step, name, value)
            return ", the best so far"
        return f", and {best.value:.4g} at step {best.step:,} stays the best"

    def once(self, what: str, text: str) -> None:
        """Tell of what failed the first time that it does."""
        if what not in self.failed:
            self.failed.add(what)
            self.display.say(f"Note: {text}")


def bare(name: str) -> str:
    """A score's name without its extractor's."""
    return name.partition("[")[0]


def standing(run: RunFolder, metric: str) -> Best | None:
    """The best checkpoint so far by this number, if it is still there."""
    best = run.best()
    return best if best and best.metric == metric and run.checkpoint_file(best.step).exists() else None


def examiner_of(
    home: Real, config: RunConfig, catalog: Catalog, device: torch.device, display: Display, *, leads: bool
) -> Examine:
    """Who judges a run on these data, as its settings say; nobody, where they say so or another process does.

    A classifier that is needed is trained when this returns. Raises UnknownName, BadData and BadSetting for metrics
    that there are not, that cannot judge such data, or of which none has the number that decides.
    """
    if not config.evaluate_every:
        if config.metrics or config.best_by:
            display.say(
                "Note: metrics and best_by are for runs that are judged; add --evaluate-every 1000, or the like."
            )
        return nobody
    kind = features_for(home)
    wish = Wish(target=home.name, metrics=config.metrics or usual(home), samples=SAMPLES, device=str(device))
    specs = choose(wish, home, kind, catalog)
    best_by, direction = deciding(config.best_by, specs)
    if not leads:
        return nobody
    if not best_by:
        display.say(f"Note: no checkpoint will be the best, since {names(specs)} cannot say which; add another metric.")
    judges = find_judges(specs, kind, wish.device, home, display)
    case = gather(wish, None, home, home, judges, searched=any(spec.sees == "samples" for spec in specs))
    options = options_of(specs, ())
    jurors = [juror(spec, options[spec.name], case) for spec in specs]
    check_found(best_by, jurors, home)
    return Examiner(of_a_generator(case, home, specs), jurors, best_by, direction, wish.device, display)


def usual(home: Real) -> tuple[str, ...]:
    """The cheapest metric that says most of such data."""
    if home.data.modes is not None:
        return ("modes",)
    if not home.data.spec.is_picture:
        return ("parzen",)
    return ("frechet-distance",) if features_for(home) == "classifier" else ("density-coverage",)


def deciding(best_by: str, specs: Sequence[MetricSpec]) -> tuple[str, Better]:
    """The number that decides, and which way; "" where nobody has said which, and none of the metrics' can.

    Raises BadSetting for one that cannot.
    """
    directions = {number: direction for spec in specs for number, direction in spec.better.items()}
    number = best_by or next(iter(directions), "")
    if best_by and not directions:
        raise BadSetting(f"{names(specs)} has no number that can decide which checkpoint is the best; add a metric.")
    if number and number not in directions:
        raise BadSetting(
            f"{best_by!r} of {names(specs)} cannot decide which checkpoint is the best; "
            f"{did_you_mean(best_by, directions)}"
        )
    return number, directions.get(number, "lower")


def check_found(best_by: str, jurors: Sequence[Juror], home: Real) -> None:
    """Raise BadSetting where no metric finds the number that decides: some are of other kinds of data."""
    there = {number for each in jurors for number in each.spec.better if number in each.floor}
    if best_by and best_by not in there:
        raise BadSetting(
            f"{best_by!r} is not found in {home.title}, so it cannot decide which checkpoint is the best; "
            f"{did_you_mean(best_by, there)}"
        )


def names(specs: Sequence[MetricSpec]) -> str:
    return " and ".join(spec.name for spec in specs)


def juror(spec: MetricSpec, options: Any, case: Case) -> Juror:
    """One that has judged the real samples. Raises BadData where it cannot."""
    try:
        metric = spec.build(options)
        return Juror(spec, options, metric, metric(case.floor))
    except Exception as error:
        raise BadData(
            f"The metric {spec.name} cannot judge a run on {case.against.title}, since it fails on real samples "
            f"({wrong(error)}); name others with --metrics, or leave out --evaluate-every."
        ) from error


def wrong(error: Exception) -> str:
    """What is wrong, without what ganzoo says to do, which is for `ganzoo evaluate`."""
    return str(error).partition(";")[0].rstrip(".") if isinstance(error, GanzooError) else reason(error)


def of_a_generator(case: Case, home: Real, specs: Sequence[MetricSpec]) -> Case:
    """The case of a generator, which may have copied any real sample; those are held where a metric sees them."""
    nothing = case.evidence.training[:0]
    training = training_samples(home, NOBODY) if any(spec.sees == "samples" for spec in specs) else nothing
    return replace(
        case, evidence=replace(case.evidence, training=training), floor=replace(case.floor, training=nothing)
    )


def nobody(run: RunFolder, step: int) -> None:
    """Judge nothing."""
