"""`ganzoo theory`: the table, the files, the exit codes."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command import PROGRAM, Refused, ganzoo
from PIL import Image

import ganzoo_vanilla.losses
from ganzoo.studies.theory import course, one_dimension, trained


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of some steps, whose statements need not hold."""
    monkeypatch.setattr(trained, "STEPS", 2)
    monkeypatch.setattr(one_dimension, "LOOKS", (0, 25))
    monkeypatch.setattr(one_dimension, "CHANGES", (*one_dimension.CHANGES, (["steps"], 25)))
    monkeypatch.setattr(course, "by_quadrature", lambda: iter(()))


def test_quick_shows_a_line_for_each_statement_and_writes_the_same(here: Path) -> None:
    done = ganzoo("theory", "--quick", "--json", "numbers.json")

    assert done.exit_code == 0, done.output
    content = json.loads((here / "numbers.json").read_text("utf-8"))
    lines = done.stdout.splitlines()
    assert len(lines) == 2 + len(content["statements"])
    assert lines[-1] == f"All {len(content['statements'])} statements hold."
    for line, each in zip(lines[1:], content["statements"], strict=False):
        assert line.startswith(each["text"]) and each["source"] in line and line.rstrip().endswith("yes")
        assert f" {each['found']:.6g} " in line and f" {each['expected']:.6g} " in line
    assert content["quick"] is True and content["versions"]["torch"]
    assert [path.name for path in here.iterdir()] == ["numbers.json"]


def test_what_does_not_hold_is_named_and_the_exit_code_1(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = ganzoo_vanilla.losses.NonSaturating.generator
    wrong = lambda self, play: {"fake": 2 * right(self, play)["fake"]}  # noqa: E731
    monkeypatch.setattr(ganzoo_vanilla.losses.NonSaturating, "generator", wrong)

    done = ganzoo("theory", "--quick", "--json", "numbers.json")

    assert done.exit_code == 1
    assert done.stderr.startswith("Error: 4 of ") and done.stderr.count("\n") == 1
    assert "non-saturating slope in a logit where D = 0.01" in done.stderr
    assert sum(line.rstrip().endswith("NO") for line in done.stdout.splitlines()) == 4
    statements = json.loads((here / "numbers.json").read_text("utf-8"))["statements"]
    assert sum(not each["holds"] for each in statements) == 4


def test_out_keeps_the_run_and_its_figure(here: Path, brief: None) -> None:
    done = ganzoo("theory", "--out", "kept")

    assert done.exit_code == 1, "nothing is learnt in 2 steps"
    assert "Figure: kept/figure-1.png\n" in done.stdout
    with Image.open(here / "kept" / "figure-1.png") as picture:
        assert picture.width == 2 * 400
    assert (here / "kept" / "mlp-1d-001" / "config.json").exists()
    assert "1 of 4: a discriminator between N(0, 1²) and N(1, 1²)\n" in done.stderr
    assert "4 of 4: mlp-1d\n" in done.stderr


def test_without_out_nothing_is_left(here: Path, brief: None) -> None:
    done = ganzoo("theory")

    assert "1-D GAN, trained: V(D, G)" in done.stdout
    assert "Figure" not in done.stdout
    assert list(here.iterdir()) == []


def test_quick_has_nothing_to_keep(here: Path, refused: Refused) -> None:
    refused(2, "theory", "--quick", "--out", "kept")
    assert list(here.iterdir()) == []


def test_numbers_that_cannot_be_written_are_an_error_of_one_sentence(here: Path, brief: None, refused: Refused) -> None:
    (here / "file").write_text("", "utf-8")

    assert "file/numbers.json" in refused(1, "theory", "--quick", "--json", "file/numbers.json").stderr


def test_ctrl_c_shows_what_was_checked(here: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "theory"], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        begin = time.monotonic()
        while "1 of 4" not in process.stderr.readline():
            assert process.poll() is None and time.monotonic() - begin < 120
        process.send_signal(signal.SIGINT)
        shown, said = process.communicate(timeout=120)

    assert process.returncode == 130
    assert "V(D*, G) = -log 4 + 2 JSD" in shown
    assert said.splitlines()[-1].startswith("Stopped; ")
    assert "Traceback" not in said
