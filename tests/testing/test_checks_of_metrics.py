"""The checks of metrics find what they are there to find."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ganzoo.catalog import Catalog, Plugin, Shelf
from ganzoo.core.errors import BadData
from ganzoo.core.specs import Evidence, MetricSpec
from ganzoo.testing import Inapplicable, Violation, checks

Found = dict[str, Any]


def promises(measure: Callable[[Evidence], Found], **words: Any) -> dict[str, Callable[[], None]]:
    """The checks of a metric, by promise."""
    facts: dict[str, Any] = {"name": "flawed", "summary": "a flawed one", "source": "https://example.org"}
    spec = MetricSpec(build=lambda _options: measure, **facts | {"sees": "samples"} | words)
    shelf: Shelf[Any] = Shelf("metric", {"flawed": spec}, {"flawed": "mine"})
    catalog = Catalog(metrics=shelf, plugins=[Plugin("mine", "mine", "mine", "1")])
    return {check.promise: check.run for check in checks(catalog, "mine")}


def broken(measure: Callable[[Evidence], Found], **words: Any) -> dict[str, str]:
    """Each promise that is broken, and what is said of it."""
    found = {}
    for promise, run in promises(measure, **words).items():
        try:
            run()
        except Violation as violation:
            found[promise] = str(violation)
    return found


def mean(evidence: Evidence) -> Found:
    """A metric without a flaw."""
    return {"mean": float(evidence.generated.samples.mean()), "each": evidence.seed * [1.0]}


def random(_: Evidence) -> Found:
    return {"mean": float(np.random.default_rng().random())}


class Growing:
    """Another number each time that it is asked."""

    calls = 0.0

    def __call__(self, _: Evidence) -> Found:
        self.calls += 1
        return {"calls": self.calls}


def sorting(evidence: Evidence) -> Found:
    evidence.real.samples.sort(axis=0)
    return mean(evidence)


def forgetting(evidence: Evidence) -> Found:
    evidence.training[:] = 0
    return mean(evidence)


def crashing(evidence: Evidence) -> Found:
    """Where there are few samples."""
    return {"third": float(evidence.generated.samples.ravel()[0]) + float(evidence.real.samples[2].sum())}


def infinite(evidence: Evidence) -> Found:
    """Where both kinds are the same samples."""
    apart = np.abs(evidence.generated.samples.astype(float) - evidence.real.samples).sum()
    return {"nearness": float(np.divide(1, apart)) if apart else float("inf")}


def labelled(evidence: Evidence) -> Found:
    """Takes it that all samples have labels."""
    assert evidence.generated.labels is not None
    return mean(evidence)


def of_features(evidence: Evidence) -> Found:
    """Looks at what it does not say that it sees."""
    assert evidence.generated.features is not None
    return {"mean": float(evidence.generated.features.mean())}


FLAWS: dict[Callable[[Evidence], Found], tuple[str, str]] = {
    random: ("says the same twice", "One seed gives two different numbers."),
    sorting: ("leaves its evidence alone", "It writes into the samples of real samples."),
    forgetting: ("leaves its evidence alone", "It writes into the training samples."),
    crashing: ("refuses too few samples", "It fails on 1 samples of shape [8, 8, 1]: IndexError"),
    infinite: ("gives numbers of what it sees", "Nearness is not finite."),
    of_features: ("gives numbers of what it sees", "It fails on 60 samples of shape [8, 8, 1]: AssertionError"),
}


def test_a_metric_without_a_flaw_keeps_all_promises() -> None:
    for sees in ("samples", "features", "probabilities", "logits", "modes", "paths"):
        assert broken(mean, sees=sees, better={"mean": "lower"}) == {}
    assert len(promises(mean)) == 5


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.__name__)
def test_a_flawed_metric_is_found_out(flaw: Callable[[Evidence], Found]) -> None:
    promise, words = FLAWS[flaw]
    assert broken(flaw)[promise].startswith(words)


def test_one_that_changes_its_mind_or_wants_labels_is_found_out() -> None:
    assert "says the same twice" in broken(Growing())
    assert "AssertionError" in broken(labelled, sees="features")["gives numbers of what it sees"]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "It gives no numbers by name."),
        ({"FID": 1.0}, "A number is called FID"),
        ({"FD[mine]": 1.0}, "holds a bracket"),
        ({"mean": np.float32(1)}, "Mean is no float"),
        ({"mean": [1.0, float("nan")]}, "Mean is not finite."),
        ({" ": 1.0}, "A number has no name."),
    ],
)
def test_numbers_that_no_table_or_file_can_hold_are_found_out(found: Found, words: str) -> None:
    assert words in broken(lambda _: found)["gives numbers of what it sees"]


def test_a_direction_of_a_number_that_is_not_given_is_found_out() -> None:
    said = broken(mean, better={"mean": "lower", "meen": "lower"})
    assert said == {"gives numbers of what it sees": "It says what is better of meen, which it does not give."}


def test_a_number_that_is_none_is_found_out_once() -> None:
    """NaN is not finite, and it is the same NaN each time; a whole number would be shown to nobody."""
    assert set(broken(lambda _: {"mean": [1.0, float("nan")]})) == {
        "gives numbers of what it sees",
        "refuses too few samples",
    }
    assert "write float(…)" in broken(lambda _: {"count": 1})["gives numbers of what it sees"]


def test_one_that_wants_other_samples_is_not_judged() -> None:
    def choosy(_: Evidence) -> Found:
        raise BadData("It takes 10,000 samples")

    with pytest.raises(Inapplicable, match="It takes 10,000 samples"):
        promises(choosy)["says the same twice"]()


def test_one_that_judges_points_alone_is_judged_by_points() -> None:
    def of_points(evidence: Evidence) -> Found:
        if evidence.generated.samples.ndim != 2:
            raise BadData("It takes points")
        return random(evidence)

    assert set(broken(of_points)) == {"says the same twice"}


def test_what_is_built_must_be_a_function() -> None:
    spec_of_none: Any = None
    assert broken(spec_of_none)["says the same twice"] == "What it builds is no function of evidence."
