"""What is said while a run runs, without a terminal and on one."""

from dataclasses import replace
from math import log
from pathlib import Path

import pytest
from rich.console import Console
from toys import toy_config

from ganzoo.core.config import RunConfig
from ganzoo.core.events import StepDone
from ganzoo.core.run_folder import RunFolder
from ganzoo.training.display import Display, describe_game, describe_speed

EVENT = StepDone(
    run=Path("runs/toy-001"),
    step=1200,
    total=10_000,
    terms={
        "discriminator/real": 0.5,
        "discriminator/fake": 0.25,
        "discriminator/r1/penalty": 0.125,
        "generator/x": 2.0,
    },
    probability_real=0.75,
    probability_fake=0.25,
    value=-log(4) + 0.5,
    gradient_norms={"generator": 1.5, "discriminator": 0.5},
    learning_rates={"generator": 2e-4, "discriminator": 2e-4},
    largest_logit=3.0,
    spread=0.5,
    memory=2**30,
    samples_per_second=12_345.6,
    seconds=30.0,
)


def shown(config: RunConfig, events: list[StepDone], total: int) -> Display:
    """A display that was told these events."""
    display = Display()
    with display.running(RunFolder(EVENT.run), config, total):
        for event in events:
            display(event)
    return display


def test_an_event_is_told_in_the_words_of_the_theory() -> None:
    """Each player's loss is the sum of all its terms; V is told with its distance from the optimum."""
    assert describe_speed(EVENT) == "step 1,200  12,346 samples/s"
    assert describe_game(EVENT) == "loss D 0.875 G 2.000  D(x) 0.75  D(G(z)) 0.25  V -0.89 = -log 4 + 0.50"
    assert describe_game(replace(EVENT, value=-2.0)).endswith("V -2.00 = -log 4 - 0.61")


@pytest.mark.parametrize(("total", "every"), [(10, 1), (100, 1), (1000, 50), (997, 7), (12_345, 50)])
def test_a_run_of_any_length_prints_ten_lines_and_its_end(
    total: int, every: int, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [*range(every, total, every), total]
    shown(toy_config(steps=total), [replace(EVENT, step=step, total=total) for step in steps], total)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith(f"100%  step {total:,}  ")


def test_a_run_of_minutes_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    """An event every 3 seconds of a minute."""
    events = [replace(EVENT, total=0, seconds=3.0 * n) for n in range(1, 22)]
    shown(toy_config(steps=None, minutes=1.0), events, 0)
    out, err = capsys.readouterr()
    assert "1 minutes" in out
    assert [line.split()[0] for line in err.splitlines()] == [f"{tenth}0%" for tenth in range(1, 11)]


def test_a_few_events_print_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    shown(toy_config(steps=30), [replace(EVENT, step=step, total=30) for step in (10, 20, 30)], 30)
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_where_the_run_is_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    shown(toy_config(), [], 12)
    assert capsys.readouterr().out.startswith("Training toy on toy, 12 steps, in runs/toy-001.\n")


def test_names_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    Display().say("runs/[red]x[/red]/[link=y]")
    assert capsys.readouterr().out == "runs/[red]x[/red]/[link=y]\n"


def test_a_warning_is_said_on_standard_output_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """In a colour on a terminal alone, and whole, however long."""
    text = "Since step 50 [the] discriminator has won. " * 5
    display = Display()
    display.warn(text)
    assert capsys.readouterr() == (text + "\n", "")
    display.out = Console(force_terminal=True, width=80, highlight=False, soft_wrap=True)
    display.warn(text)
    assert capsys.readouterr().out == f"\x1b[33m{text}\x1b[0m\n"


def test_a_warning_stands_above_the_bar(capsys: pytest.CaptureFixture[str]) -> None:
    display = on_a_terminal(80)
    with display.running(RunFolder(EVENT.run), toy_config(), 12):
        display(replace(EVENT, step=6, total=12))
        display.warn("it is sick")
        display(replace(EVENT, step=12, total=12))
    assert "it is sick\n" in "".join(capsys.readouterr())


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(quiet=True)
    display.say("words")
    display.warn("more words")
    with display.running(RunFolder(EVENT.run), toy_config(), 12):
        display(replace(EVENT, step=12, total=12))
    assert list(display.track([1, 2], "reading")) == [1, 2]
    assert capsys.readouterr() == ("", "")


def on_a_terminal(width: int) -> Display:
    display = Display()
    display.live = Console(stderr=True, force_terminal=True, width=width, highlight=False)
    return display


def test_on_a_terminal_the_state_of_the_game_stands_below_the_bar(capsys: pytest.CaptureFixture[str]) -> None:
    display = on_a_terminal(80)
    with display.running(RunFolder(EVENT.run), toy_config(), 12):
        display(replace(EVENT, step=12, total=12))
    text = capsys.readouterr().err
    assert "step 12" in text
    assert describe_game(EVENT) in text
    assert "…" not in text


def test_a_display_is_free_again_after_a_run_that_failed() -> None:
    display = on_a_terminal(80)
    with pytest.raises(ZeroDivisionError), display.running(RunFolder(EVENT.run), toy_config(), 12):
        raise ZeroDivisionError
    assert display.progress is None


def test_reading_is_shown_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(on_a_terminal(80).track(range(3), "Reading pictures")) == [0, 1, 2]
    assert "Reading pictures" in capsys.readouterr().err
