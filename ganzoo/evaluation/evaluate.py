"""Score a run, a bundle or a data set: `ganzoo evaluate`.

Samples come in equal numbers: generated ones, real ones to compare with, and other real ones that are scored in the
generated ones' place: the floor. Where a classifier judges, none of the real ones is among those that it learnt from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.catalog import Catalog, load_catalog
from ganzoo.core.errors import BadData, GanzooError, UsageError, did_you_mean
from ganzoo.core.files import sha256
from ganzoo.core.options import parse_options, to_plain
from ganzoo.core.run_folder import RunFolder, step_of
from ganzoo.core.specs import Evidence, MetricSpec
from ganzoo.evaluation.classifier import Classifier
from ganzoo.evaluation.features import Extractor, title
from ganzoo.evaluation.inception import Inception, own_name
from ganzoo.evaluation.judges import OF_FEATURES, Judges, find_judges, kind_of, misfit
from ganzoo.evaluation.modes import counter
from ganzoo.evaluation.real import Real, deal, exhibit, of_classes, open_real, training_samples
from ganzoo.evaluation.scores import Provenance, Score, append_scores
from ganzoo.evaluation.targets import Model, model_of_bundle, model_of_run
from ganzoo.recipes import Change
from ganzoo.training.device import versions
from ganzoo.training.display import Display

Found = Mapping[str, float | list[float]]
NOBODY = np.empty(0, np.int64)  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user asks for."""

    target: str  # a run's or a bundle's folder, or the name of a data set
    metrics: tuple[str, ...] = ()  # () = all that fit
    samples: int = 5000  # of each kind, at most
    against: str | None = None  # data set to compare with; None = what the model was trained on, or the target
    checkpoint: str = "last"  # of a run: "last", "best" or a step
    data: Path | None = None  # the user's own files, of the data set that is scored or that a model is compared with
    split: str | None = None  # of the data set that is scored, or that a model is compared with
    classes: tuple[str, ...] = ()  # of the data set that is scored; () = all
    features: str | None = None  # one of KINDS; None = a classifier's where there are labels
    seed: int = 0
    device: str = "auto"
    changes: tuple[Change, ...] = ()  # of options: of `dataset`, or of a metric by its name


@dataclass(frozen=True, slots=True)
class Case:
    """All that metrics are shown, and where it comes from."""

    target: str
    target_hash: str
    against: Real
    judges: Judges
    evidence: Evidence
    floor: Evidence  # the same with other real samples in the generated ones' place


@dataclass(frozen=True, slots=True)
class Scored:
    """The scores, and what there is to say of them."""

    scores: list[Score]
    notes: list[str]


def evaluate(wish: Wish, display: Display) -> Scored:
    """Raises UnknownName, UsageError and BadData with a sentence that says what to do, and what the target raises."""
    catalog = load_catalog()
    model = find_model(wish, catalog)
    home, other = find_data(wish, model, catalog, display)
    against = home if model is None else other
    kind = kind_of(wish.features, home)
    specs = choose(wish, against, kind, catalog, model is not None and model.walk is not None)
    options = options_of(specs, wish.changes)
    judges = find_judges(specs, kind, wish.device, home, display)
    case = gather(wish, model, home, other, judges, searched=any(spec.sees == "samples" for spec in specs))
    found = judged(wish, specs, options, case, display)
    return Scored(found.scores, found.notes + notes_of(model, home, other) + kept_beside(wish, model, found.scores))


def judged(wish: Wish, specs: Sequence[MetricSpec], options: dict[str, Any], case: Case, display: Display) -> Scored:
    """All metrics' scores; a metric that nobody named may fail. Raises BadData where one does that was asked for."""
    found = Scored([], [])
    for spec in display.track(specs, "Scoring"):
        try:
            found.scores.extend(scores_of(spec, options[spec.name], case))
        except BadData as error:
            if wish.metrics:
                raise BadData(f"{spec.name}: {error}") from error
            found.notes.append(f"Note: {spec.name} is left out: {error}")
    return found


def kept_beside(wish: Wish, model: Model | None, scores: list[Score]) -> list[str]:
    """Add the scores of a run to those that it keeps; what to say where it cannot."""
    run = RunFolder(Path(wish.target))
    judged = (step_of(path) for path in reversed(run.checkpoints()) if model and sha256(path) == model.hash)
    try:
        step = next(judged, None)
        if step is not None:
            append_scores(run, step, scores)
    except (GanzooError, OSError) as error:  # another process may delete a checkpoint right now
        return [f"Note: the run does not keep these scores: {error}"]
    return []


def find_model(wish: Wish, catalog: Catalog) -> Model | None:
    """The target's generator; None where the target is a data set. Raises UsageError where it is neither."""
    folder = Path(wish.target)
    if (folder / "manifest.json").is_file() or (folder / "config.json").is_file():
        if wish.classes:
            raise UsageError("--classes chooses among the samples of a data set; leave it out for a model.")
        if not (folder / "manifest.json").is_file():
            return model_of_run(RunFolder(folder), wish.device, wish.checkpoint)
        check_whole(wish)
        return model_of_bundle(folder, wish.device)
    if folder.is_dir():
        raise UsageError(f"{folder} is neither a run nor a bundle; name the folder that holds its config.json.")
    if wish.target not in catalog.datasets.items:
        known = did_you_mean(wish.target, catalog.datasets.items)
        raise UsageError(f"There is no run, no bundle and no data set {wish.target!r}; of data sets, {known}")
    check_whole(wish)
    return None


def check_whole(wish: Wish) -> None:
    """Raise UsageError where a checkpoint is asked for of what has none."""
    if wish.checkpoint != "last":
        raise UsageError(f"--checkpoint chooses among those of a run, and {wish.target} is none; leave it out.")


def find_data(wish: Wish, model: Model | None, catalog: Catalog, display: Display) -> tuple[Real, Real]:
    """The data to learn from and, the same or another split of it, those that `--split` names.

    Where one data set is scored against another, the user's files, split and options are of the one that is scored.
    """
    name = wish.against or (model.dataset.name if model else wish.target)
    own = model is not None and name == model.dataset.name
    options = dict(model.dataset.options) if model and own else {}
    options |= {path[1]: value for path, value in wish.changes if path[0] == "dataset" and len(path) == 2}
    split = {"split": wish.split} if wish.split else {}
    if model is None and name != wish.target:
        scored = open_real(wish.target, options | split, wish.data, catalog, display)
        return open_real(name, {}, None, catalog, display), scored
    path = wish.data or (model.data if model and own else None)
    home = open_real(name, options, path, catalog, display)
    if wish.split is None or wish.split == home.options.get("split"):
        return home, home
    return home, open_real(name, options | split, path, catalog, display)


def choose(wish: Wish, against: Real, features: str, catalog: Catalog, walks: bool = False) -> list[MetricSpec]:
    """The metrics that were asked for, or all that fit the data.

    Raises UnknownName, BadData where one does not fit, and UsageError where none looks at the features asked for.
    """
    specs = [catalog.metrics[name] for name in dict.fromkeys(wish.metrics)]
    for spec in specs:
        if problem := misfit(spec, against, features, walks):
            raise BadData(f"{spec.name} {problem}.")
    if not specs:  # paths are walked on request: those of a run would not be among its bundle's scores
        specs = [spec for _, spec in catalog.metrics if not misfit(spec, against, features) and spec.sees != "paths"]
    if wish.features and not any(spec.sees in OF_FEATURES for spec in specs):
        raise UsageError("No metric that is computed here looks at features; leave out --features.")
    return specs


def options_of(specs: Sequence[MetricSpec], changes: Sequence[Change]) -> dict[str, Any]:
    """Each metric's options by its name. Raises BadSetting, and UsageError for a metric that is not computed."""
    known = {spec.name: spec for spec in specs}
    for path, _ in changes:
        if len(path) != 2 or path[0] not in ("dataset", *known):
            hint = did_you_mean(path[0], ["dataset", *known])
            raise UsageError(f"Nothing here takes the setting {'.'.join(path)!r}; write METRIC.OPTION, and {hint}")
    return {
        name: parse_options(spec.options, {path[1]: value for path, value in changes if path[0] == name}, name)
        for name, spec in known.items()
    }


def gather(wish: Wish, model: Model | None, home: Real, other: Real, judges: Judges, *, searched: bool = True) -> Case:
    """Draw, take and look at all samples; those that may have been copied only where they are to be `searched`.

    Raises BadData for too few, and for a model's of another shape.
    """
    against = home if model is None else other
    rows = deal(against, wish.samples, wish.seed, judges.learnt and against is home)
    count, taken = len(rows.real), NOBODY
    if model is not None:
        check_alike(model.title, model.sample.shape, against)
        target, target_hash, drawn = model.title, model.hash, model.draw(count, wish.seed * count)
    else:
        check_alike(other.title, other.data.spec.shape, against)
        everything = np.random.default_rng(wish.seed).permutation(len(other.data.samples))
        taken = of_classes(other, rows.spare if other is home else everything, wish.classes, count)
        among = f", classes {', '.join(wish.classes)}" if wish.classes else ""
        target, target_hash, drawn = other.title + among, other.digest, exhibit(other, taken)
    real = judges.shown(exhibit(against, rows.real))
    training = training_samples(home, taken if other is home else NOBODY) if searched else real.samples[:0]
    evidence = Evidence(
        judges.shown(drawn),
        real,
        training,
        wish.seed,
        counter(against.data, judges.counter.labels if judges.counter else None),
        model.walk(judges.unrounded) if model is not None and model.walk is not None else None,
    )
    if searched:
        training = training_samples(home, rows.floor if against is home else NOBODY)
    floor = replace(evidence, generated=judges.shown(exhibit(against, rows.floor)), training=training, walk=None)
    return Case(target, target_hash, against, judges, evidence, floor)


def check_alike(name: str, shape: tuple[int, ...], against: Real) -> None:
    """Raise BadData where samples of this shape are none of the data's."""
    if shape != against.data.spec.shape:
        raise BadData(
            f"{name} has samples of shape {list(shape)}, and {against.title} of {list(against.data.spec.shape)}; name "
            "others by --against, or set the data's options, as in --set dataset.size=32."
        )


def scores_of(spec: MetricSpec, options: Any, case: Case) -> list[Score]:
    """One for each number of the metric, each with what it depends on in its name and its provenance."""
    metric = spec.build(options)
    return with_provenance(spec, options, case, metric(case.evidence), metric(case.floor))


def with_provenance(spec: MetricSpec, options: Any, case: Case, found: Found, floor: Found) -> list[Score]:
    """The numbers that a metric found as scores, each beside its floor."""
    judge = case.judges.of(spec)
    mark = f"[{title(judge)}]" if judge else ""
    named = own_name if isinstance(judge, Inception) else str
    source = provenance(spec, options, case)
    return [
        Score(name=f"{named(name)}{mark}", value=value, floor=floor.get(name), provenance=source)
        for name, value in found.items()
    ]


def provenance(spec: MetricSpec, options: Any, case: Case) -> Provenance:
    """All that the metric's numbers depend on."""
    judge = case.judges.of(spec)
    used = ("scikit-learn", "torch-fidelity") if isinstance(judge, Inception) else ("scikit-learn",)
    return Provenance(
        metric=spec.name,
        options=to_plain(options),
        extractor=described(judge) if judge else "",
        extractor_hash=judge.hash if judge else "",
        extractor_accuracy=judge.accuracy if isinstance(judge, Classifier) else None,
        generated=len(case.evidence.generated.samples),
        real=len(case.evidence.real.samples),
        floor=len(case.floor.generated.samples),
        training=len(case.evidence.training) if spec.sees == "samples" else 0,
        dataset=case.against.name,
        dataset_options=case.against.options,
        dataset_digest=case.against.digest,
        target=case.target,
        target_hash=case.target_hash,
        seed=case.evidence.seed,
        versions=versions() | {name: version(name) for name in used},
    )


def described(judge: Extractor) -> str:
    """Its name, and what it does to pictures before it looks."""
    return f"{judge.name}, {judge.resize}" if isinstance(judge, Inception) else judge.name


def notes_of(model: Model | None, home: Real, other: Real) -> list[str]:
    """Whether the data are those that the model was trained on."""
    if model is None or model.digest in (home.digest, other.digest):
        return []
    return [
        f"Note: these data are not those that the model was trained on ({model.dataset.name}, SHA-256 "
        f"{model.digest[:8]}); `nearest` cannot tell its copies."
    ]
