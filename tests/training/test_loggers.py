"""Loggers are there for those who ask, are always closed, and never cost a run."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ganzoo.catalog import load_catalog
from ganzoo.core.errors import GanzooError, UnknownName
from ganzoo.core.events import StepDone
from ganzoo.core.specs import LoggerSpec
from ganzoo.training.display import Display
from ganzoo.training.observers import build_loggers, closing, observer

EVENT = StepDone(
    run=Path("runs/toy-001"),
    step=50,
    total=100,
    terms={},
    probability_real=0.5,
    probability_fake=0.5,
    value=-1.4,
    gradient_norms={},
    learning_rates={},
    largest_logit=1.0,
    spread=1.0,
    memory=1,
    samples_per_second=1.0,
    seconds=1.0,
)


@dataclass
class Notes:
    """A logger that remembers, and one that fails where it is told to."""

    fails: str = ""
    seen: list[str] = field(default_factory=list)

    def __call__(self, event: StepDone) -> None:
        self.note(f"step {event.step}")

    def close(self) -> None:
        self.note("close")

    def note(self, what: str) -> None:
        self.seen.append(what)
        if what == self.fails:
            raise OSError("the disk is full")


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Notes]]:
    """All loggers called `notes` that were built."""
    made: list[Notes] = []

    def build(_options: object) -> Notes:
        made.append(Notes())
        return made[-1]

    spec = LoggerSpec(name="notes", summary="Notes", source="https://example.org", build=build)
    monkeypatch.setitem(load_catalog().loggers.items, "notes", spec)
    yield made


def test_only_those_that_were_asked_for_are_built(built: list[Notes]) -> None:
    assert build_loggers([], load_catalog()) == {}
    assert built == []


def test_one_that_was_asked_for_twice_is_there_once(built: list[Notes]) -> None:
    assert list(build_loggers(["notes", "notes"], load_catalog())) == ["notes"]
    assert len(built) == 1


def test_a_name_that_is_not_known_is_answered_before_any_is_built(built: list[Notes]) -> None:
    with pytest.raises(UnknownName, match=r"No logger is called 'note'; did you mean 'notes'\?"):
        build_loggers(["notes", "note"], load_catalog())
    assert built == []


def test_what_a_logger_lacks_is_said_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(_options: object) -> Notes:
        raise GanzooError("Install it.")

    spec = LoggerSpec(name="lacks", summary="Lacks", source="https://example.org", build=build)
    monkeypatch.setitem(load_catalog().loggers.items, "lacks", spec)
    with pytest.raises(GanzooError, match=r"^Install it\.$"):
        build_loggers(["lacks"], load_catalog())


def test_a_logger_is_told_and_then_closed_even_where_the_run_fails() -> None:
    logger = Notes()
    with pytest.raises(ZeroDivisionError), closing({"notes": logger}, Display(quiet=True)) as told:
        observe = observer(told, Display(quiet=True))
        observe(EVENT)
        raise ZeroDivisionError
    assert logger.seen == ["step 50", "close"]


def test_a_logger_that_fails_is_named_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    """One fails when it is told, one when it is closed, both are closed, and so is the last."""
    loggers = {"a": Notes("step 50"), "b": Notes("close"), "c": Notes()}
    with closing(loggers, Display()) as told:
        observe = observer(told, Display())
        observe(EVENT)
        observe(EVENT)
    assert [logger.seen for logger in loggers.values()] == [
        ["step 50", "close"],
        ["step 50", "step 50", "close"],
        ["step 50", "step 50", "close"],
    ]
    assert capsys.readouterr().out.splitlines() == [
        "Note: logger a failed at step 50 and is told no more: OSError: the disk is full",
        "Note: logger b failed to close: OSError: the disk is full",
    ]
