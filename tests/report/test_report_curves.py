"""Curves show the numbers of the log, all of them exactly, and nothing that is not in it."""

from math import log
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import full_line, line, report, run_with

from ganzoo.core.config import Choice
from ganzoo.report.charts import MOST_POINTS, thinned

BELIEFS, VALUE, NORMS = (
    "What the discriminator believes",
    "Value of the game, V(D, G)",
    "Norm of each player's gradient",
)


def test_curves_are_the_numbers_of_the_log(tmp_path: Path) -> None:
    numbers = [0.1, 1 / 3, 2e-17]
    lines = [
        line(
            10 * n,
            **{"discriminator/real": x, "discriminator/r1/penalty": 2 * x, "generator/fake": 3 * x, "odd": 4 * x},
        )
        | {"probability_real": x, "probability_fake": 1 - x, "value": -x, "samples_per_second": 5 * x}
        for n, x in enumerate(numbers, 1)
    ]
    found = report(run_with(tmp_path / "run-1", lines))
    steps = [10, 20, 30]
    assert found.curves("Loss of the discriminator, by term") == {
        "real": (steps, numbers),
        "r1/penalty": (steps, [2 * x for x in numbers]),
    }
    assert found.curves("Loss of the generator, by term") == {"fake": (steps, [3 * x for x in numbers])}
    assert found.curves("Other terms") == {"odd": (steps, [4 * x for x in numbers])}
    beliefs = found.curves(BELIEFS)
    assert (beliefs["D(x)"], beliefs["D(G(z))"]) == ((steps, numbers), (steps, [1 - x for x in numbers]))
    assert found.curves(VALUE)["V(D, G)"] == (steps, [-x for x in numbers])
    assert found.curves("Speed") == {"samples per second": (steps, [5 * x for x in numbers])}


def test_the_value_of_the_game_is_drawn_with_its_optimum(tmp_path: Path) -> None:
    value = report(run_with(tmp_path / "run-1", [line(1), line(7)])).curves(VALUE)
    assert value["-log 4 = -1.386"] == ([1, 7], [-log(4), -log(4)])


def test_gradients_are_drawn_on_a_logarithmic_scale(tmp_path: Path) -> None:
    """Norms of 0, which have no place on it, and infinite ones are gaps."""
    lines = [full_line(n, norm=norm) for n, norm in enumerate((0.01, 0.0, None, 100.0), 1)]
    found = report(run_with(tmp_path / "run-1", lines))
    assert found.curves(NORMS) == {
        "discriminator": ([1, 2, 3, 4], [2.0] * 4),
        "generator": ([1, 2, 3, 4], [0.01, None, None, 100.0]),
    }
    charts = found.sections["Curves"].charts
    assert charts is not None
    assert charts[NORMS]["layout"]["yaxis"]["type"] == "log"
    assert "type" not in charts[VALUE]["layout"]["yaxis"]


def test_a_term_that_is_not_always_there_is_drawn_where_it_is(tmp_path: Path) -> None:
    lines = [line(1, **{"generator/a": 1.0, "generator/b": 1.0}), line(2, **{"generator/a": 2.0})]
    lines += [line(3, **{"generator/a": None, "generator/b": 3.0})]
    found = report(run_with(tmp_path / "run-1", lines)).curves("Loss of the generator, by term")
    assert found == {"a": ([1, 2, 3], [1.0, 2.0, None]), "b": ([1, 3], [1.0, 3.0])}


def test_a_chart_without_any_number_is_left_out(tmp_path: Path) -> None:
    lines = [full_line(step) | {"gradient_norms": {"generator": None}, "value": None} for step in (1, 2)]
    found = report(run_with(tmp_path / "run-1", lines)).titles()
    assert BELIEFS in found
    assert not {NORMS, VALUE} & set(found)


def test_learning_rates_are_drawn_only_if_they_change(tmp_path: Path) -> None:
    assert "Learning rates" not in report(run_with(tmp_path / "run-1", [full_line(1), full_line(2)])).titles()
    found = report(run_with(tmp_path / "run-2", [full_line(1, 4e-4), full_line(2, 3e-4)]))
    assert found.curves("Learning rates")["generator"] == ([1, 2], [4e-4, 3e-4])


def test_a_run_that_went_on_after_an_update_of_ganzoo_is_drawn(tmp_path: Path) -> None:
    """Its first lines lack what the later ones have."""
    found = report(run_with(tmp_path / "run-1", [line(1), line(2), full_line(3), full_line(4)]))
    assert found.curves(NORMS)["generator"] == ([3, 4], [1.0, 1.0])
    assert found.curves(VALUE)["V(D, G)"][0] == [1, 2, 3, 4]


def test_a_resumed_run_says_where_and_adds_up_its_time(tmp_path: Path) -> None:
    """The clock starts anew: 100 s to step 2, then 20 s."""
    clock = {1: 50.0, 2: 100.0, 3: 10.0, 4: 20.0}
    lines = [line(step) | {"seconds": seconds} for step, seconds in clock.items()]
    found = report(run_with(tmp_path / "run-1", lines))
    assert "The run was resumed before step 3." in found.sections["Curves"].text
    assert "2 min 0 s, in 2 parts" in found.sections["What was run"].text
    whole = report(run_with(tmp_path / "run-2", lines[:2]))
    assert "resumed before" not in whole.text
    assert "1 min 40 s" in whole.sections["What was run"].text
    assert "parts" not in whole.sections["What was run"].text


def test_a_part_that_took_longer_than_the_one_before_counts_as_one(tmp_path: Path) -> None:
    """The clock does not show where it began: 40 s to step 10, then 50 s to step 60, and 60 s to step 70."""
    parts = {10: (0, 40.0), 20: (10, 45.0), 60: (10, 50.0), 70: (60, 60.0)}
    lines = [line(step) | {"since": since, "seconds": seconds} for step, (since, seconds) in parts.items()]
    found = report(run_with(tmp_path / "run-1", lines))
    assert "The run was resumed before step 20 and 70." in found.sections["Curves"].text
    assert "2 min 30 s, in 3 parts" in found.sections["What was run"].text


@pytest.mark.parametrize("damage", ["{}", '{"step": "x"}', "\x00\x00", '{"step": 2, "terms": 3}', "[1]", "\ufffd{"])
def test_damaged_lines_of_the_log_are_counted_and_left_out(tmp_path: Path, damage: str) -> None:
    run = run_with(tmp_path / "run-1", [line(1), line(3)])
    first, last = run.log_file.read_text().splitlines(keepends=True)
    run.log_file.write_text(f"{first}{damage}\n{last}")
    found = report(run, None)
    assert "1 lines of log.jsonl are damaged, and left out." in found.sections["Curves"].text
    assert found.curves(VALUE)["V(D, G)"] == ([1, 3], [-1.0, -1.0])


def test_a_last_line_that_a_crash_cut_short_is_no_damage(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run-1", [line(1), line(2)])
    run.log_file.write_bytes(run.log_file.read_bytes()[:-20])
    found = report(run)
    assert "left out" not in found.text
    assert found.curves(VALUE)["V(D, G)"][0] == [1]


@pytest.mark.parametrize(("loss", "critic"), [("non-saturating", False), ("wasserstein", True)])
def test_what_means_little_with_a_critic_is_said(tmp_path: Path, loss: str, critic: bool) -> None:
    found = report(run_with(tmp_path / "run-1", [line(1)], loss=Choice(name=loss)))
    assert ("mean little" in found.sections["Curves"].text) == critic


def test_a_loss_of_a_plugin_that_is_missing_costs_no_curve(tmp_path: Path) -> None:
    found = report(run_with(tmp_path / "run-1", [line(1)], loss=Choice(name="of-a-stranger")))
    assert "of-a-stranger" in found.sections["Curves"].text
    assert found.titles()


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=9), st.integers(1, 5000))
def test_a_long_curve_keeps_its_ends_and_its_peaks(pattern: list[float | None], length: int) -> None:
    """Every kept point is one of the curve, in order; the greatest and the least value are among them."""
    steps = list(range(0, 3 * length, 3))
    values = [pattern[n % len(pattern)] for n in range(length)]
    values[length // 3], values[length // 2] = 1e9, -1e9
    x, y = thinned(steps, values)
    assert len(x) == len(y) <= MOST_POINTS
    assert x == sorted(set(x))
    assert all(values[step // 3] == value for step, value in zip(x, y, strict=True))
    assert (x[0], x[-1]) == (steps[0], steps[-1])
    finite = [value for value in values if value is not None]
    kept = [value for value in y if value is not None]
    assert (max(kept), min(kept)) == (max(finite), min(finite))


def test_a_gap_of_a_long_curve_stays_a_gap() -> None:
    values: list[float | None] = [1.0] * 10_000
    values[4000:6000] = [None] * 2000
    x, y = thinned(list(range(10_000)), values)
    gap = [value for step, value in zip(x, y, strict=True) if 4010 <= step < 5990]
    assert gap
    assert set(gap) == {None}


def test_a_long_log_says_that_it_is_thinned_out(tmp_path: Path) -> None:
    found = report(run_with(tmp_path / "run-1", [line(step) for step in range(1, MOST_POINTS + 2)]))
    assert "2,001 lines" in found.sections["Curves"].text
    assert len(found.curves(VALUE)["V(D, G)"][0]) <= MOST_POINTS
    assert "lines the least" not in report(run_with(tmp_path / "run-2", [line(1)])).text
