"""Score a run, a bundle or a data set: `ganzoo evaluate`.

Samples come in equal numbers: generated ones, real ones to compare with, and other real ones that are scored in the
generated ones' place: the floor. Where a classifier judges, none of the real ones is among those that it learnt from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.catalog import Catalog, load_catalog
from ganzoo.core.errors import BadData, UsageError, did_you_mean
from ganzoo.core.options import parse_options, to_plain
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Evidence, Exhibit, MetricSpec, Modes
from ganzoo.evaluation.classifier import Classifier, classifier_of
from ganzoo.evaluation.features import KINDS, Extractor, OnnxExtractor, Pixels, title
from ganzoo.evaluation.modes import coverage
from ganzoo.evaluation.real import Real, deal, exhibit, of_classes, open_real, training_samples
from ganzoo.evaluation.scores import Provenance, Score
from ganzoo.evaluation.targets import Model, model_of_bundle, model_of_run
from ganzoo.recipes import Change
from ganzoo.training.device import pick_device, versions
from ganzoo.training.display import Display

NOBODY = np.empty(0, np.int64)  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user asks for."""

    target: str  # a run's or a bundle's folder, or the name of a data set
    metrics: tuple[str, ...] = ()  # () = all that fit
    samples: int = 5000  # of each kind, at most
    against: str | None = None  # data set to compare with; None = what the model was trained on, or the target
    data: Path | None = None  # the user's own files for it
    split: str | None = None  # of the data set that is scored, or that a model is compared with
    classes: tuple[str, ...] = ()  # of the data set that is scored; () = all
    features: str | None = None  # "classifier", "pixels" or "onnx:PATH"; None = the first where there are labels
    seed: int = 0
    device: str = "auto"
    changes: tuple[Change, ...] = ()  # of options: of `dataset`, or of a metric by its name


@dataclass(frozen=True, slots=True)
class Judges:
    """What looks at samples for those metrics that ask for it."""

    extractor: Extractor | None
    classifier: Classifier | None

    @property
    def learnt(self) -> bool:
        """Whether either has learnt from the data."""
        return self.classifier is not None or isinstance(self.extractor, Classifier)

    def of(self, spec: MetricSpec) -> Extractor | Classifier | None:
        """That on which the metric depends."""
        return {"features": self.extractor, "probabilities": self.classifier}.get(spec.sees)

    def shown(self, samples: Exhibit) -> Exhibit:
        """The same with what these find out."""
        return replace(
            samples,
            features=self.extractor.features(samples.samples) if self.extractor else None,
            probabilities=self.classifier.probabilities(samples.samples) if self.classifier else None,
        )


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
    specs = choose(wish, against, catalog)
    options = options_of(specs, wish.changes)
    judges = find_judges(specs, wish, home, display)
    case = gather(wish, model, home, other, judges)
    scores: list[Score] = []
    for spec in display.track(specs, "Scoring"):
        scores += scores_of(spec, options[spec.name], case)
    return Scored(scores, notes_of(model, home, other))


def find_model(wish: Wish, catalog: Catalog) -> Model | None:
    """The target's generator; None where the target is a data set. Raises UsageError where it is neither."""
    folder = Path(wish.target)
    if (folder / "manifest.json").is_file() or (folder / "config.json").is_file():
        if wish.classes:
            raise UsageError("--classes chooses among the samples of a data set; leave it out for a model.")
        is_bundle = (folder / "manifest.json").is_file()
        return model_of_bundle(folder, wish.device) if is_bundle else model_of_run(RunFolder(folder), wish.device)
    if folder.is_dir():
        raise UsageError(f"{folder} is neither a run nor a bundle; name the folder that holds its config.json.")
    if wish.target not in catalog.datasets.items:
        known = did_you_mean(wish.target, catalog.datasets.items)
        raise UsageError(f"There is no run, no bundle and no data set {wish.target!r}; of data sets, {known}")
    return None


def find_data(wish: Wish, model: Model | None, catalog: Catalog, display: Display) -> tuple[Real, Real]:
    """The data to learn from and, the same or another split of it, those that `--split` names."""
    name = wish.against or (model.dataset.name if model else wish.target)
    own = model is not None and name == model.dataset.name
    options = dict(model.dataset.options) if model and own else {}
    options |= {path[1]: value for path, value in wish.changes if path[0] == "dataset" and len(path) == 2}
    path = wish.data or (model.data if model and own else None)
    home = open_real(name, options, path, catalog, display)
    if model is None and name != wish.target:
        return home, open_real(wish.target, {"split": wish.split} if wish.split else {}, None, catalog, display)
    if wish.split is None or wish.split == home.options.get("split"):
        return home, home
    return home, open_real(name, options | {"split": wish.split}, path, catalog, display)


def choose(wish: Wish, against: Real, catalog: Catalog) -> list[MetricSpec]:
    """The metrics that were asked for, or all that fit the data. Raises UnknownName, and BadData where one does not."""
    if not wish.metrics:
        return [spec for _, spec in catalog.metrics if not misfit(spec, against)]
    specs = [catalog.metrics[name] for name in dict.fromkeys(wish.metrics)]
    for spec in specs:
        if problem := misfit(spec, against):
            raise BadData(f"{spec.name} {problem}.")
    return specs


def misfit(spec: MetricSpec, real: Real) -> str:
    """Why the metric cannot judge such data; empty where it can."""
    if spec.sees == "modes" and real.data.modes is None:
        return f"counts modes whose places are known, and those of {real.name} are not; use ring or grid"
    if spec.sees in ("features", "probabilities") and not real.data.spec.is_picture:
        return f"judges pictures, and {real.name} holds points; use metrics such as parzen or diversity"
    if spec.sees == "probabilities" and real.data.labels is None:
        return f"needs labels, and {real.name} has none; use others, with --features pixels or onnx:PATH"
    return ""


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


def find_judges(specs: Sequence[MetricSpec], wish: Wish, home: Real, display: Display) -> Judges:
    """Those that the metrics ask for. Raises UsageError for an extractor that there is not, and what each raises."""
    kind = wish.features or ("classifier" if home.data.labels is not None else "pixels")
    if kind not in ("classifier", "pixels") and not kind.startswith("onnx:"):
        raise UsageError(f"There are no features {kind!r}; {did_you_mean(kind, KINDS)}")
    seen = {spec.sees for spec in specs}
    wants_features = "features" in seen
    classifier: Classifier | None = None
    extractor: Extractor | None = None
    if "probabilities" in seen or (wants_features and kind == "classifier"):
        classifier = classifier_of(home.data, home.name, home.digest, pick_device(wish.device), display)
    if wants_features and kind.startswith("onnx:"):
        extractor = OnnxExtractor(Path(kind.removeprefix("onnx:")), wish.device)
    elif wants_features:
        extractor = classifier if kind == "classifier" else Pixels()
    return Judges(extractor, classifier if "probabilities" in seen else None)


def gather(wish: Wish, model: Model | None, home: Real, other: Real, judges: Judges) -> Case:
    """Draw, take and look at all samples. Raises BadData for too few, and for a model's of another shape."""
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
    evidence = Evidence(
        judges.shown(drawn),
        judges.shown(exhibit(against, rows.real)),
        training_samples(home, taken if other is home else NOBODY),
        wish.seed,
        counter(against),
    )
    training = training_samples(home, rows.floor if against is home else NOBODY)
    floor = replace(evidence, generated=judges.shown(exhibit(against, rows.floor)), training=training)
    return Case(target, target_hash, against, judges, evidence, floor)


def check_alike(name: str, shape: tuple[int, ...], against: Real) -> None:
    """Raise BadData where samples of this shape are none of the data's."""
    if shape != against.data.spec.shape:
        raise BadData(
            f"{name} has samples of shape {list(shape)}, and {against.title} of {list(against.data.spec.shape)}; name "
            "others by --against, or set the data's options, as in --set dataset.size=32."
        )


def counter(real: Real) -> Callable[[np.ndarray], Mapping[str, float]] | None:
    """Counts the modes of the data in samples [N, D], where they are known."""
    modes = real.data.modes
    return None if modes is None else partial(modes_in, modes)


def modes_in(modes: Modes, samples: np.ndarray) -> dict[str, float]:
    return {name.replace("_", " "): float(value) for name, value in asdict(coverage(samples, modes)).items()}


def scores_of(spec: MetricSpec, options: Any, case: Case) -> list[Score]:
    """One for each number of the metric, each with what it depends on in its name and its provenance."""
    metric, judge = spec.build(options), case.judges.of(spec)
    found, floor = metric(case.evidence), metric(case.floor)
    mark = f"[{title(judge)}]" if judge else ""
    source = provenance(spec, options, case)
    return [
        Score(name=f"{name}{mark}", value=value, floor=floor.get(name), provenance=source)
        for name, value in found.items()
    ]


def provenance(spec: MetricSpec, options: Any, case: Case) -> Provenance:
    """All that the metric's numbers depend on."""
    judge = case.judges.of(spec)
    return Provenance(
        metric=spec.name,
        options=to_plain(options),
        extractor=judge.name if judge else "",
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
        versions=versions() | {name: version(name) for name in ("scikit-learn",)},
    )


def notes_of(model: Model | None, home: Real, other: Real) -> list[str]:
    """Whether the data are those that the model was trained on."""
    if model is None or model.digest in (home.digest, other.digest):
        return []
    return [
        f"Note: these data are not those that the model was trained on ({model.dataset.name}, SHA-256 "
        f"{model.digest[:8]}); `nearest` cannot tell its copies."
    ]
