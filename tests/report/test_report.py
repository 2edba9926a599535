"""The page is whole, safe, and asks nothing of anyone; no part of it can cost a run its report."""

import json
from pathlib import Path

import pytest
from pages import Page, full_line, line, report, run_with

from ganzoo.core.errors import BadRun, GanzooError
from ganzoo.report import page as page_module
from ganzoo.report.page import write_report
from ganzoo.training.health import Finding

NAME = 'a<b>&"c'


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_the_page_is_well_formed_at_any_length(tmp_path: Path, count: int) -> None:
    found = report(run_with(tmp_path / "run-1", [line(step) for step in range(1, count + 1)]))
    assert ("nothing logged yet" in found.text) == (count == 0)
    assert ("Curves" in found.sections) == ("Health" in found.sections) == (count > 0)


def test_the_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """Nor may it: its policy allows a browser pictures that lie in it, its own scripts and styles, and no more."""
    found = report(run_with(tmp_path / "run-1", [full_line(1), full_line(2)]))
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in found.links)
    assert found.handlers == []
    assert "url(" not in found.style
    assert "@import" not in found.style
    allowed = dict(rule.strip().split(" ", 1) for rule in found.policy.split(";"))
    assert allowed == {
        "default-src": "'none'",
        "img-src": "data: blob:",
        "style-src": "'unsafe-inline'",
        "script-src": "'unsafe-inline'",
    }


def test_the_charts_library_is_there_once_and_where_it_is_needed(tmp_path: Path) -> None:
    def libraries(count: int) -> int:
        found = report(run_with(tmp_path / f"run-{count}", [line(step) for step in range(1, count + 1)]))
        return sum("Plotly, Inc." in script for script in found.scripts)

    assert (libraries(0), libraries(1), libraries(20)) == (0, 1, 1)


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    """Not in HTML, and not in what plotly draws, which reads a few tags in the names of curves too."""
    terms = {f"discriminator/{NAME}": 1.0, "discriminator/</script><script>": 2.0}
    run = run_with(tmp_path / NAME, [line(1, **terms), line(2, **terms)], recipe=NAME)
    found = report(run, (Finding(5, f"{NAME} is sick", ()),))
    assert not {"b", "c"} & set(found.tags)
    assert found.text.count(NAME) >= 4  # title, heading, headline, facts, finding
    curves = found.curves("Loss of the discriminator, by term")
    assert set(curves) == {"a&lt;b&gt;&amp;&quot;c", "&lt;/script&gt;&lt;script&gt;"}
    assert "<script>" in found.sections["Settings"].text


def test_the_contents_lead_to_every_section(tmp_path: Path) -> None:
    found = report(run_with(tmp_path / "run-1", [line(1), line(2)]))
    assert [link.removeprefix("#") for link in found.links if link.startswith("#")] == found.ids
    assert len(set(found.ids)) == len(found.sections)


def test_sections_without_content_are_left_out(tmp_path: Path) -> None:
    """Of this run there are neither pictures nor scores."""
    found = report(run_with(tmp_path / "run-1", [line(1)]))
    assert not {"Scores", "Samples over time"} & set(found.sections)


def test_findings_are_listed_in_words(tmp_path: Path) -> None:
    findings = (
        Finding(50, "the <b>discriminator</b> has won", ("d_steps=1", "x.y=2")),
        Finding(100, "it is still", ()),
    )
    found = report(run_with(tmp_path / "run-1", [full_line(1)]), findings)
    assert found.tags.count("li") == 2
    advice = "Start anew with --set d_steps=1, or --set x.y=2."
    assert f"Since step 50 the <b>discriminator</b> has won. {advice}" in found.sections["Health"].text
    healthy = report(run_with(tmp_path / "run-2", [full_line(1)]))
    assert healthy.sections["Health"].text == "The health watch found nothing wrong."


def test_without_findings_the_log_is_looked_at_again(tmp_path: Path) -> None:
    """A generator without gradient from step 100 on; what needs real samples is said to be left out."""
    run = run_with(tmp_path / "run-1", [full_line(100 * n, norm=1e-9) for n in range(1, 10)])
    found = report(run, None).sections["Health"].text
    assert "Since step 100 the generator learns nothing" in found
    assert "for want of real ones" in found
    assert "for want of real ones" not in report(run).sections["Health"].text


def test_a_part_that_fails_is_said_and_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> str:
        raise ZeroDivisionError("<bug>")

    monkeypatch.setattr(page_module, "health", fail)
    found = Page(write_report(run_with(tmp_path / "run-1", [line(1)])).read_text(encoding="utf-8"))
    assert found.sections["Health"].text == "This part could not be made: ZeroDivisionError: <bug>"
    assert found.titles()


def test_settings_are_there_in_full(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run-1", [])
    text = report(run).sections["Settings"].text
    assert json.loads(text[text.index("{") :]) == run.facts()


def test_the_page_can_be_written_elsewhere(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run-1", [])
    assert write_report(run, (), tmp_path / "a" / "b.html") == tmp_path / "a" / "b.html"
    assert (tmp_path / "a" / "b.html").exists()
    assert not run.report_file.exists()


def test_a_page_that_cannot_be_written_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run-1", [])
    run.report_file.mkdir()
    with pytest.raises(GanzooError, match=r"Cannot write .*report\.html"):
        write_report(run)


@pytest.mark.parametrize("content", ["", "{", '{"format": 1}', '{"format": 1, "config": {"recipe": 3}}'])
def test_without_a_whole_config_there_is_no_report(tmp_path: Path, content: str) -> None:
    run = run_with(tmp_path / "run-1", [])
    run.config_file.write_text(content)
    with pytest.raises(BadRun):
        write_report(run)
