"""What looks at samples for those metrics that do not look at them alone: an extractor, a classifier."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64
from torch import Tensor

from ganzoo.core.errors import BadData, UsageError, did_you_mean
from ganzoo.core.specs import Exhibit, MetricSpec
from ganzoo.evaluation.classifier import Classifier, check, classifier_of
from ganzoo.evaluation.features import Extractor, OnnxExtractor, Pixels
from ganzoo.evaluation.inception import Inception, inception_of
from ganzoo.evaluation.real import Real
from ganzoo.training.device import pick_device
from ganzoo.training.display import Display

KINDS = ("classifier", "pixels", "inception", "inception:PATH", "onnx:PATH")  # what --features may say
OF_FEATURES = frozenset({"features", "logits", "paths"})  # what metrics see by an extractor
FITTING = {  # by what a metric sees: kinds of features that can show it, and what to say of others
    "logits": (("inception",), "is made of what Inception sees; add --features inception"),
    "paths": (("classifier", "pixels"), "needs features of unrounded pictures; use --features classifier or pixels"),
}


@dataclass(frozen=True, slots=True)
class Judges:
    """What looks at samples for those metrics that ask for it."""

    extractor: Extractor | None
    classifier: Classifier | None
    counter: Classifier | None = None  # tells the modes of stacked pictures

    @property
    def learnt(self) -> bool:
        """Whether either has learnt from the data."""
        return self.classifier is not None or isinstance(self.extractor, Classifier)

    def of(self, spec: MetricSpec) -> Extractor | Classifier | None:
        """That on which the metric depends."""
        if spec.sees in OF_FEATURES:
            return self.extractor
        return {"probabilities": self.classifier, "modes": self.counter}.get(spec.sees)

    def shown(self, samples: Exhibit) -> Exhibit:
        """The same with what these find out."""
        features = self.extractor.features(samples.samples) if self.extractor else None
        probabilities = logits = None
        if self.classifier is not None:
            seen = features if features is not None and self.classifier is self.extractor else None
            seen = self.classifier.features(samples.samples) if seen is None else seen
            probabilities = self.classifier.probabilities_of(seen)
        if isinstance(self.extractor, Inception) and features is not None:
            logits = self.extractor.logits(features)
        return replace(samples, features=features, probabilities=probabilities, logits=logits)

    def unrounded(self, pictures: Tensor) -> Float64[np.ndarray, "N F"]:
        """The extractor's features of pictures [N, C, H, W] in [-1, 1]; of a classifier, or pixels."""
        if isinstance(self.extractor, Classifier):
            single = pictures.flatten(0, 1)[:, None] if self.extractor.by_channel else pictures
            found = self.extractor.network[:-1](single)
        else:
            found = (pictures + 1) / 2
        return found.reshape(len(pictures), -1).double().cpu().numpy()


def kind_of(features: str | None, real: Real) -> str:
    """Of `--features`, or what is usual for such data. Raises UsageError for what is none."""
    if features is None:
        return features_for(real)
    if features not in KINDS and not features.startswith(("onnx:", "inception:")):
        raise UsageError(f"There are no features {features!r}; {did_you_mean(features, KINDS)}")
    return features


def features_for(real: Real) -> str:
    """A classifier's, where there can be one."""
    try:
        check(real.data, real.name)
    except BadData:
        return "pixels"
    return "classifier"


def misfit(spec: MetricSpec, real: Real, features: str, walks: bool = False) -> str:
    """Why the metric cannot judge such data by such features; empty where it can."""
    if spec.sees == "modes" and real.data.modes is None and real.data.parts is None:
        return f"counts modes that are known, and those of {real.name} are not; use ring, grid or stacked-mnist"
    if spec.sees in ("features", "logits", "paths", "probabilities") and not real.data.spec.is_picture:
        return f"judges pictures, and {real.name} holds points; use metrics such as parzen or diversity"
    if spec.sees == "paths" and not walks:
        return "follows a generator before its pictures are rounded; score the run: data and bundles have no such thing"
    kinds, why = FITTING.get(spec.sees, ((), ""))
    if why and features.partition(":")[0] not in kinds:
        return why
    if spec.sees == "probabilities" and features_for(real) != "classifier":
        return f"needs labels of two classes that a classifier can learn, and {real.name} has none; use other metrics"
    return ""


def find_judges(specs: Sequence[MetricSpec], kind: str, device: str, home: Real, display: Display) -> Judges:
    """Those that the metrics ask for; `kind` is `kind_of`'s. Raises what each raises."""
    seen = {spec.sees for spec in specs}
    wants_features = bool(seen & OF_FEATURES)
    classifier: Classifier | None = None
    extractor: Extractor | None = None
    counts = "modes" in seen and home.data.parts is not None
    if counts or "probabilities" in seen or (wants_features and kind == "classifier"):
        classifier = classifier_of(home.data, home.name, home.digest, pick_device(device), display)
    if wants_features:
        extractor = classifier if kind == "classifier" else extractor_of(kind, device, display)
    return Judges(extractor, classifier if "probabilities" in seen else None, classifier if counts else None)


def extractor_of(kind: str, device: str, display: Display) -> Extractor:
    """One that learns nothing from the data. Raises what each raises."""
    name, _, path = kind.partition(":")
    if name == "inception":
        return inception_of(Path(path) if ":" in kind else None, pick_device(device), display.track)
    return OnnxExtractor(Path(path), device) if name == "onnx" else Pixels()
