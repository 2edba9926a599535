"""The page is whole, safe and tells what the log says."""

import json
import re
from html.parser import HTMLParser
from math import log
from pathlib import Path
from typing import Any

import pytest
from toys import toy_config

from ganzoo.core.run_folder import RunFolder
from ganzoo.report.page import MOST_POINTS, write_report
from ganzoo.training.health import Finding

NEVER_CLOSED = {"meta", "img", "path"}  # and in SVG: polyline, which closes itself
NAME = 'a<b>&"c'


def line(step: int, **terms: float) -> dict[str, Any]:
    """As logs of old have it."""
    return {
        "step": step,
        "terms": terms or {"discriminator/real": 0.5, "generator/fake": 1 / step},
        "probability_real": 0.75,
        "probability_fake": 0.25,
        "value": -1.0,
        "samples_per_second": 1234.5,
        "seconds": 1.0,
    }


def full_line(step: int, rate: float = 2e-4, norm: float | None = 1.0) -> dict[str, Any]:
    return line(step) | {
        "gradient_norms": {"generator": norm, "discriminator": 2.0},
        "learning_rates": {"generator": rate, "discriminator": 2e-4},
        "largest_logit": 3.0,
        "spread": 0.5,
        "memory": 2**30,
    }


class Page(HTMLParser):
    """Raises where tags are not closed in order; collects tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in NEVER_CLOSED:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for key, value in attrs if key in ("src", "href", "action", "data", "srcset")]
        self.handlers += [key for key, _ in attrs if key.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(
    folder: Path, lines: list[dict[str, Any]], pictures: tuple[int, ...] = (), findings: tuple[Finding, ...] = ()
) -> tuple[Page, str]:
    """The report of a run with that log, those pictures and those findings."""
    run = RunFolder(folder)
    run.describe(toy_config(recipe=NAME, steps=5), {"versions": {"<script>": "&"}, "created": "now"})
    run.log_file.write_text("".join(json.dumps(each) + "\n" for each in lines))
    for step in pictures:
        run.samples_file(step).parent.mkdir(exist_ok=True)
        run.samples_file(step).touch()
    write_report(run, findings)
    text = run.report_file.read_text(encoding="utf-8")
    return Page(text), text


def curves(text: str) -> list[list[tuple[float, float]]]:
    """The points of each curve, in pixels."""
    drawn = re.findall(r'<polyline points="([^"]*)"', text)
    return [[(float(x), float(y)) for x, y in (pair.split(",") for pair in each.split())] for each in drawn]


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_the_page_is_well_formed_at_any_length(tmp_path: Path, count: int) -> None:
    found, _ = page(tmp_path / "run-1", [line(step) for step in range(1, count + 1)], (1,))
    assert found.tags.count("svg") == (3 if count > 1 else 0)
    assert ("nothing logged yet" in found.text) == (count == 0)


def test_the_page_runs_nothing_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    found, text = page(tmp_path / "run-1", [line(1), line(2)], (1, 2))
    assert "script" not in found.tags
    assert found.handlers == []
    assert found.links == ["samples/step-00000002.png", "samples/step-00000001.png"]
    assert "url(" not in text
    assert "@import" not in text


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    found, _ = page(tmp_path / NAME, [line(1, **{NAME: 1.0}), line(2, **{NAME: 2.0})])
    assert "b" not in found.tags
    assert f"Recipe {NAME} on toy, 2 steps, 1,234 samples per second" in found.text
    assert found.text.count(NAME) == 4  # title, heading, summary, legend; JSON writes it otherwise
    assert "<script>" in found.text


def test_the_first_and_the_last_pictures_are_shown_with_their_steps(tmp_path: Path) -> None:
    found, _ = page(tmp_path / "run-1", [], (5, 1000, 20_000))
    assert found.links == ["samples/step-00020000.png", "samples/step-00000005.png"]
    assert "Samples at step 20,000" in found.text
    assert "Samples at step 5," in found.text


def test_one_picture_is_shown_once(tmp_path: Path) -> None:
    assert page(tmp_path / "run-1", [], (5,))[0].links == ["samples/step-00000005.png"]


def test_curves_span_the_chart_from_the_least_to_the_greatest_value(tmp_path: Path) -> None:
    """One term 0, 1, 4 at the steps 10, 20, 40: a third of the way lies at a quarter of the height."""
    _, text = page(tmp_path / "run-1", [line(10, x=0.0), line(20, x=1.0), line(40, x=4.0)])
    assert curves(text)[0] == [(44.0, 196.0), (242.7, 150.0), (640.0, 12.0)]


def test_the_value_of_the_game_is_drawn_with_its_optimum(tmp_path: Path) -> None:
    """Both are constant here: V = -1 at the top and -log 4 at the bottom."""
    found, text = page(tmp_path / "run-1", [line(1), line(2)])
    value, optimum = curves(text)[-2:]
    assert {y for _, y in value} == {12.0}
    assert {y for _, y in optimum} == {196.0}
    assert f"{-log(4):.2g}" in found.text


def test_a_term_that_is_not_always_there_is_drawn_where_it_is(tmp_path: Path) -> None:
    _, text = page(tmp_path / "run-1", [line(1, a=1.0, b=1.0), line(2, a=2.0), line(3, a=3.0, b=3.0)])
    assert [len(curve) for curve in curves(text)[:2]] == [3, 2]


def test_a_constant_curve_is_drawn(tmp_path: Path) -> None:
    assert page(tmp_path / "run-1", [line(1, a=7.0), line(2, a=7.0)])[1].count("<polyline") == 5


def test_a_long_log_is_thinned_out_and_keeps_both_ends(tmp_path: Path) -> None:
    first = curves(page(tmp_path / "run-1", [line(step) for step in range(1, 5002)])[1])[0]
    assert len(first) <= MOST_POINTS + 1
    assert (first[0][0], first[-1][0]) == (44.0, 640.0)


def test_gradients_are_drawn_in_powers_of_ten(tmp_path: Path) -> None:
    """0.01, 1 and 100 lie at equal distances; both ends are named, and the other player's 2 lies between."""
    lines = [full_line(10, norm=0.01), full_line(20, norm=1.0), full_line(30, norm=100.0)]
    found, text = page(tmp_path / "run-1", lines)
    assert found.tags.count("svg") == 4
    discriminator, generator = curves(text)[-2:]
    assert [y for _, y in generator] == [196.0, 104.0, 12.0]
    assert {y for _, y in discriminator} == {90.2}  # log10 2 = 0.301 of 4 powers: 92 + 13.8 pixels above the bottom
    for label in ("0.01", "1e+02"):
        assert f">{label}</text>" in text


@pytest.mark.parametrize("norm", [None, 0.0])
def test_a_norm_that_has_no_logarithm_is_left_out(tmp_path: Path, norm: float | None) -> None:
    lines = [full_line(10), full_line(20, norm=norm), full_line(30)]
    discriminator, generator = curves(page(tmp_path / "run-1", lines)[1])[-2:]
    assert (len(discriminator), len(generator)) == (3, 2)


def test_a_chart_without_any_number_is_left_out(tmp_path: Path) -> None:
    lines = [full_line(step) | {"gradient_norms": {"generator": None}, "value": None} for step in (1, 2)]
    found, _ = page(tmp_path / "run-1", lines)
    assert "Norm of each" not in found.text
    assert found.tags.count("svg") == 3


def test_learning_rates_are_drawn_only_if_they_change(tmp_path: Path) -> None:
    assert "Learning rates" not in page(tmp_path / "run-1", [full_line(1), full_line(2)])[0].text
    found, text = page(tmp_path / "run-2", [full_line(1, 4e-4), full_line(2, 3e-4), full_line(3, 2e-4)])
    assert "Learning rates" in found.text
    assert [y for _, y in curves(text)[-1]] == [12.0, 104.0, 196.0]


def test_a_run_that_went_on_after_an_update_of_ganzoo_is_drawn(tmp_path: Path) -> None:
    """Its first lines lack what the later ones have."""
    _, text = page(tmp_path / "run-1", [line(1), line(2), full_line(3), full_line(4)])
    assert [len(curve) for curve in curves(text)[-2:]] == [2, 2]


def test_findings_are_listed_in_words(tmp_path: Path) -> None:
    findings = (
        Finding(50, "the <b>discriminator</b> has won", ("d_steps=1", "x.y=2")),
        Finding(100, "it is still", ()),
    )
    found, _ = page(tmp_path / "run-1", [full_line(1), full_line(2)], (), findings)
    assert found.tags.count("li") == 2
    assert "b" not in found.tags
    advice = "Start anew with --set d_steps=1, or --set x.y=2."
    assert f"Since step 50 the <b>discriminator</b> has won. {advice}" in found.text
    assert "Health" not in page(tmp_path / "run-2", [full_line(1), full_line(2)])[0].text
