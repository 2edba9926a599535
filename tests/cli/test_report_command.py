"""`ganzoo report`: where the page is, and what is wrong where there is none."""

import shutil
import webbrowser
from pathlib import Path

import pytest
from command import Refused, contents, ganzoo


@pytest.fixture
def run(made: Path, here: Path) -> Path:
    """A run in ./runs that may be written to, without a report."""
    folder = Path("runs/vanilla-mlp-001")
    shutil.copytree(made / folder, here / folder)
    (folder / "report.html").unlink()
    return folder


def test_the_page_is_written_and_its_place_is_told(run: Path) -> None:
    before = contents(run)
    done = ganzoo("report", str(run))
    assert done.exit_code == 0
    assert done.stdout == f"Report: {run / 'report.html'}\n"
    after = contents(run)
    assert b"vanilla-mlp-001" in after.pop("report.html")
    assert after == before


def test_the_newest_run_is_taken_where_none_is_named(run: Path) -> None:
    assert ganzoo("report").stdout == f"Report: {run / 'report.html'}\n"


def test_the_page_can_go_elsewhere(run: Path) -> None:
    assert ganzoo("report", str(run), "--out", "page.html").stdout == "Report: page.html\n"
    assert Path("page.html").exists()
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("there", [True, False])
def test_it_is_opened_where_there_is_a_browser(run: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    opened: list[str] = []

    def browse(address: str) -> bool:
        opened.append(address)
        return there

    monkeypatch.setattr(webbrowser, "open", browse)
    assert ganzoo("report", str(run)).exit_code == 0
    assert opened == []
    done = ganzoo("report", str(run), "--open")
    assert done.exit_code == 0
    assert opened == [(run / "report.html").resolve().as_uri()]
    assert ("There is no browser" in done.stderr) == (not there)


def test_where_there_is_no_run_the_user_hears_of_it(here: Path, refused: Refused) -> None:
    assert "no config.json" in refused(1, "report", "nowhere").stderr
    assert "There are no runs" in refused(1, "report").stderr
    assert not (here / "nowhere").exists()


@pytest.mark.parametrize("content", [None, ""])
def test_a_run_without_a_log_has_no_report(run: Path, refused: Refused, content: str | None) -> None:
    (run / "log.jsonl").unlink()
    if content is not None:
        (run / "log.jsonl").write_text(content)
    assert "has logged nothing yet" in refused(1, "report", str(run)).stderr
    assert not (run / "report.html").exists()


@pytest.mark.parametrize("content", ["{", '{"format": 7}', '{"format": 1}'])
def test_a_damaged_config_is_one_sentence(run: Path, refused: Refused, content: str) -> None:
    (run / "config.json").write_text(content)
    refused(1, "report", str(run))
    assert not (run / "report.html").exists()


def test_a_page_that_cannot_be_written_is_one_sentence(run: Path, refused: Refused) -> None:
    assert "Cannot write runs" in refused(1, "report", str(run), "--out", "runs").stderr
