"""Each sign of a failed training is told when it is there, and only then."""

import json
from dataclasses import asdict, replace
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

import ganzoo
from ganzoo.catalog import load_catalog
from ganzoo.core.config import RunConfig
from ganzoo.core.events import StepDone
from ganzoo.core.options import parse_assignment
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.schedule import value_at
from ganzoo.recipes import find_recipe, resolve
from ganzoo.training.health import FIRST_SHAPE, LARGE_LOGIT, NARROW, NO_GRADIENT, PATIENCE, Health, stopped
from ganzoo.training.recorder import json_line

CATALOG = load_catalog()
REAL_SPREAD = 0.5
HEALTHY = StepDone(
    run=Path("no such run"),
    step=0,
    total=10_000,
    terms={"discriminator/real": 0.5, "generator/fake": 1.0},
    probability_real=0.7,
    probability_fake=0.3,
    value=-1.0,
    gradient_norms={"generator": 1.0, "discriminator": 2.0},
    learning_rates={"generator": 1e-3, "discriminator": 4e-4},
    largest_logit=6.0,
    spread=0.4,
    memory=2**30,
    samples_per_second=1e4,
    seconds=1.0,
)
SICK: dict[str, tuple[dict[str, Any], str]] = {
    "won": ({"probability_real": 0.995, "probability_fake": 0.005}, "the discriminator has won"),
    "logits": ({"largest_logit": LARGE_LOGIT + 1}, "its logits reach 31 in size"),
    "infinite": ({"largest_logit": inf}, "its logits reach infinity in size"),
    "collapse": ({"spread": 0.4 * NARROW * REAL_SPREAD}, "they vary 0.02 times as much as real ones"),
    "gradient": ({"gradient_norms": {"generator": 2e-9, "discriminator": 1.0}}, "its gradient is 2e-09"),
}
ALMOST: dict[str, dict[str, Any]] = {
    "won over real alone": {"probability_real": 0.995, "probability_fake": 0.02},
    "won over fake alone": {"probability_real": 0.98, "probability_fake": 0.005},
    "logits": {"largest_logit": LARGE_LOGIT - 1},
    "narrow": {"spread": 1.1 * NARROW * REAL_SPREAD},
    "small gradient": {"gradient_norms": {"generator": 2 * NO_GRADIENT, "discriminator": 0.0}},
    "huge gradient": {"gradient_norms": {"generator": inf, "discriminator": nan}},
    "unknown": {"probability_real": nan, "probability_fake": nan, "spread": nan},
}
each_sickness = pytest.mark.parametrize(("changes", "words"), SICK.values(), ids=list(SICK))


def config_of(recipe: str = "vanilla-mlp", *assignments: str) -> RunConfig:
    return resolve(find_recipe(recipe, CATALOG), CATALOG, [parse_assignment(text) for text in assignments])


def health(config: RunConfig | None = None, *, scores: bool = False) -> Health:
    return Health(config or config_of(), CATALOG, REAL_SPREAD, logits_are_scores=scores)


def events(first: int, last: int, every: int = 50, **changes: Any) -> list[StepDone]:
    """One at each multiple of `every` from `first` to `last`, both included."""
    return [replace(HEALTHY, step=step, **changes) for step in range(first, last + 1, every)]


def told(watch: Health, seen: list[StepDone]) -> list[tuple[int, int, str]]:
    """For each finding: when it was told, since when it holds, and its words."""
    return [(event.step, finding.since, finding.what) for event in seen for finding in watch.look(event)]


@each_sickness
@pytest.mark.parametrize("every", [1, 50, 100])
def test_a_sickness_is_told_once_when_it_has_lasted(changes: dict[str, Any], words: str, every: int) -> None:
    seen = events(every, 2000, every) + events(2000 + every, 6000, every, **changes)
    ((step, since, what),) = told(health(), seen)
    assert (step, since) == (2000 + every + PATIENCE, 2000 + every)
    assert words in what


@each_sickness
def test_a_line_now_and_then_is_enough(changes: dict[str, Any], words: str) -> None:
    """Lines that are further apart than the patience is long: the second tells."""
    ((step, since, what),) = told(health(), events(1000, 3000, 1000) + events(4000, 9000, 1000, **changes))
    assert (step, since) == (5000, 4000)
    assert words in what


@each_sickness
def test_a_sickness_that_passes_is_not_told(changes: dict[str, Any], words: str) -> None:
    """It is there in all lines but one of every ten, so never for as long as it takes."""
    seen = events(50, 20_000, **changes)
    seen[::10] = [replace(HEALTHY, step=event.step) for event in seen[::10]]
    assert told(health(), seen) == []


@each_sickness
def test_what_has_come_back_is_told_again_only_after_it_was_gone(changes: dict[str, Any], words: str) -> None:
    """One healthy line does not count as gone; lines of `PATIENCE` steps do."""
    seen = events(50, 100) + events(150, 1000, **changes)
    seen += events(1050, 1050) + events(1100, 3000, **changes)  # a moment
    seen += events(3050, 3050 + PATIENCE) + events(4050, 6000, **changes)
    assert [(step, since) for step, since, _ in told(health(), seen)] == [(650, 150), (4550, 4050)]


@pytest.mark.parametrize("changes", ALMOST.values(), ids=list(ALMOST))
def test_what_is_only_nearly_sick_is_not_told(changes: dict[str, Any]) -> None:
    assert told(health(), events(50, 20_000, **changes)) == []


def test_several_are_told_at_once() -> None:
    changes = {key: value for sick in ("won", "logits", "collapse") for key, value in SICK[sick][0].items()}
    found = told(health(), events(50, 50) + events(100, 1000, **changes))
    assert [step for step, _, _ in found] == [600] * 3
    assert len({what for _, _, what in found}) == 3


def test_a_generator_that_starts_nearly_constant_has_time_to_learn_to_vary() -> None:
    narrow = {"spread": 0.1 * NARROW * REAL_SPREAD}
    slow = events(50, FIRST_SHAPE - 50, **narrow)
    assert told(health(), slow + events(FIRST_SHAPE, 20_000)) == []
    ((step, since, _),) = told(health(), slow + events(FIRST_SHAPE, 20_000, **narrow))
    assert (step, since) == (FIRST_SHAPE + PATIENCE, FIRST_SHAPE)


@pytest.mark.parametrize("real_spread", [0.0, nan])
def test_real_samples_that_do_not_vary_prove_nothing(real_spread: float) -> None:
    """A data set, or a batch, of one sample."""
    watch = Health(config_of(), CATALOG, real_spread, logits_are_scores=False)
    assert told(watch, events(50, 20_000, spread=0.0)) == []


def test_scores_are_neither_probabilities_nor_limited() -> None:
    """A Wasserstein critic says 1000 of real and -1000 of generated samples, and is in the best of health."""
    critic = events(50, 2000) + events(2050, 9000, largest_logit=1000.0, probability_real=1.0, probability_fake=0.0)
    assert told(health(scores=True), critic) == []
    assert len(told(health(scores=False), critic)) == 2
    for sick in ("collapse", "gradient"):
        assert len(told(health(scores=True), events(50, 2000) + events(2050, 9000, **SICK[sick][0]))) == 1


@each_sickness
@pytest.mark.parametrize("break_at", [50, 600, 1050, 1100, 1500, 1550, 1600, 3000])
def test_a_run_that_goes_on_is_watched_as_if_it_had_not_stopped(
    changes: dict[str, Any], words: str, break_at: int, tmp_path: Path
) -> None:
    """The lines before the break are read from the log, where what is not finite is `null`; none is told twice."""
    seen = [replace(event, run=tmp_path) for event in events(50, 1000) + events(1050, 3000, **changes)]
    before = [event for event in seen if event.step <= break_at]
    run = RunFolder(tmp_path)
    lines = [{key: value for key, value in asdict(event).items() if key not in ("run", "total")} for event in before]
    run.log_file.write_text("".join(map(json_line, lines)))
    resumed, whole = health(), health()

    first, rest = told(health(), before), told(resumed, seen[len(before) :])

    assert first + rest == told(whole, [replace(event, run=Path("no such run")) for event in seen])
    assert resumed.told(run) == whole.findings


def test_a_run_that_had_ended_is_told_of_from_its_log_alone(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    seen = events(50, 50) + events(100, 1000, **SICK["won"][0])
    run.log_file.write_text("".join(json_line(asdict(replace(event, run=None))) for event in seen))
    assert [finding.since for finding in health().told(run)] == [100]


def test_lines_of_an_older_log_are_passed_over(tmp_path: Path) -> None:
    old = [
        {"step": step, "terms": {}, "probability_real": 1.0, "probability_fake": 0.0} for step in range(50, 2000, 50)
    ]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in old))
    watch = health()
    assert told(watch, [replace(event, run=tmp_path) for event in events(2000, 4000)]) == []
    assert watch.told(RunFolder(tmp_path)) == []


# What to try


@pytest.mark.parametrize("recipe", list(CATALOG.recipes.items))
@each_sickness
def test_whatever_is_advised_exists_and_changes_the_run(changes: dict[str, Any], words: str, recipe: str) -> None:
    """Every change can be typed as it stands, and gives another run than this one."""
    config = config_of(recipe)
    watch = health(config)
    rates = {
        "generator": value_at(config.generator_optimizer.learning_rate, 0),
        "discriminator": value_at(config.discriminator_optimizer.learning_rate, 0),
    }
    told(watch, events(50, 50) + events(100, 1000, learning_rates=rates, **changes))

    (finding,) = watch.findings

    assert 1 <= len(finding.remedies) <= 3
    for remedy in finding.remedies:
        assert config_of(recipe, remedy) != config
        assert f"--set {remedy}" in str(finding)


def test_advice_fits_the_run() -> None:
    def remedies(sick: str, *settings: str, **changes: Any) -> tuple[str, ...]:
        watch = health(config_of("vanilla-mlp", *settings))
        told(watch, events(50, 50) + events(100, 1000, **{**SICK[sick][0], **changes}))
        (found,) = (each for each in watch.findings if SICK[sick][1] in each.what)
        return found.remedies

    assert remedies("won", "loss=minimax")[0] == "loss.name=non-saturating"
    assert remedies("won", "d_steps=3")[0] == "d_steps=1"
    assert "discriminator_optimizer.learning_rate=0.0001" in remedies("won")
    assert "discriminator.width=128" in remedies("logits")
    assert remedies("collapse")[0] == "generator_optimizer.learning_rate=0.00025"
    assert "batch_size=128" in remedies("collapse")
    assert not [remedy for remedy in remedies("gradient") if remedy.startswith("generator")]
    assert remedies("gradient", spread=0.0)[0] == "generator_optimizer.learning_rate=0.00025"
    still = {"generator": 0.0, "discriminator": 0.0}
    assert not [remedy for remedy in remedies("won", learning_rates=still) if "learning_rate" in remedy]


@pytest.mark.skipif("r1" not in CATALOG.regularizers.items, reason="needs a plugin with the regularizer r1")
def test_a_penalty_that_is_in_use_is_to_be_stronger() -> None:
    watch = health(config_of("vanilla-mlp", "regularizers.r1.gamma=0.5"))
    told(watch, events(50, 1000, **SICK["logits"][0]))
    assert watch.findings[0].remedies[0] == "regularizers.r1.gamma=5"


def test_a_penalty_is_not_advised_beside_batch_norm_which_would_refuse_it() -> None:
    for norm, advised in (("batch", False), ("layer", True)):
        watch = health(config_of("dcgan-small", f"discriminator.norm={norm}"))
        told(watch, events(50, 1000, **SICK["logits"][0]))
        assert any("r1" in remedy for remedy in watch.findings[0].remedies) is advised


@pytest.mark.skipif(len(CATALOG.regularizers.items) < 2, reason="needs a plugin with another regularizer than r1")
def test_a_penalty_is_not_advised_beside_another() -> None:
    other = next(name for name, _ in CATALOG.regularizers if name != "r1")
    watch = health(replace(config_of(), regularizers={other: {}}))
    told(watch, events(50, 1000, **SICK["logits"][0]))
    assert not [remedy for remedy in watch.findings[0].remedies if "regularizers" in remedy]


def test_without_any_known_remedy_the_advice_is_still_a_sentence() -> None:
    watch = health(replace(config_of(), discriminator=replace(config_of().discriminator, options={})))
    watch.catalog = replace(CATALOG, regularizers=type(CATALOG.regularizers)("regularizer"))
    still = {"generator": 0.0, "discriminator": 0.0}
    told(watch, events(50, 1000, largest_logit=40.0, learning_rates=still))
    assert str(watch.findings[0]).endswith("in size. Start anew with other settings.")


def test_a_run_that_is_stopped_says_that_all_is_saved_and_how_to_go_on() -> None:
    watch = health()
    told(watch, events(50, 50) + events(100, 1000, **SICK["won"][0]))
    error = stopped(watch.findings, RunFolder(Path("my runs/x-001")), 600)
    assert error.exit_code == 1
    assert str(error).startswith("Stopped at step 600; all is saved. Since step 100 the discriminator has won")
    assert " Start anew with --set " in str(error)
    assert str(error).endswith("Or go on as it is: ganzoo train --resume 'my runs/x-001'")


# Real runs


def test_a_healthy_run_is_not_told_of(tmp_path: Path) -> None:
    run = ganzoo.train("vanilla-mlp", steps=1000, out=tmp_path, quiet=True)
    assert len(run.log()) == 20
    assert health(run.config()).told(run) == []


def test_a_run_whose_discriminator_wins_is_told_of(tmp_path: Path) -> None:
    """It learns two thousand times as fast as the generator, whose loss is the one that saturates."""
    rates = {"discriminator_optimizer.learning_rate": 0.02, "generator_optimizer.learning_rate": 1e-5}
    run = ganzoo.train("vanilla-mlp", steps=700, settings={"loss": "minimax", **rates}, out=tmp_path, quiet=True)
    found = health(run.config()).told(run)
    assert any(finding.what.startswith("the discriminator has won") for finding in found)
