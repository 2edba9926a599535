"""`ganzoo doctor`, from the findings to what a user reads."""

import json
from pathlib import Path

import pytest
from command import Refused, ganzoo, ganzoo_process

from ganzoo.sampling import doctor
from ganzoo.sampling.doctor import Finding

FINDINGS = [
    Finding("torch", "2.13.0 [cpu]"),
    Finding("onnxruntime", "1.31.1", "note", "Leave [one] wheel."),
    Finding("onnx", "not installed", "broken", "`pip install onnx`."),
]


def found(monkeypatch: pytest.MonkeyPatch, findings: list[Finding]) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: findings)


@pytest.mark.parametrize(
    ("count", "exit_code", "verdict"),
    [(1, 0, "needs works."), (2, 0, "works; 1 to look at."), (3, 1, "1 broken; 1 to look at.")],
)
def test_only_what_is_broken_fails(monkeypatch: pytest.MonkeyPatch, count: int, exit_code: int, verdict: str) -> None:
    found(monkeypatch, FINDINGS[:count])

    done = ganzoo("doctor")

    assert done.exit_code == exit_code
    assert done.stdout.endswith(f"{verdict}\n")


def test_each_finding_is_shown_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, FINDINGS)

    lines = [" ".join(line.split()) for line in ganzoo("doctor").stdout.splitlines()]

    assert lines[:5] == [
        "✓ torch 2.13.0 [cpu]",
        "! onnxruntime 1.31.1",
        "Leave [one] wheel.",
        "✗ onnx not installed",
        "`pip install onnx`.",
    ]


def test_json_goes_to_a_file_beside_the_table_or_alone_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    found(monkeypatch, FINDINGS)

    to_file, to_stdout = ganzoo("doctor", "--json", "x.json"), ganzoo("doctor", "--json", "-")

    assert "✓" in to_file.stdout and "✓" not in to_stdout.stdout
    assert json.loads((here / "x.json").read_text()) == json.loads(to_stdout.stdout)
    assert json.loads(to_stdout.stdout)["findings"][1] == {
        "part": "onnxruntime",
        "found": "1.31.1",
        "state": "note",
        "advice": "Leave [one] wheel.",
    }
    assert (to_file.exit_code, to_stdout.exit_code) == (1, 1)


def test_a_file_that_cannot_be_written_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, here: Path, refused: Refused
) -> None:
    found(monkeypatch, FINDINGS[:1])

    assert "Cannot write none/x.json" in refused(1, "doctor", "--json", "none/x.json").stderr


def test_where_the_tests_run_all_that_is_needed_works(tmp_path: Path) -> None:
    done = ganzoo_process("doctor", "--json", "-", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    parts = {finding["part"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert parts["--device cpu"]["found"].startswith("runs; a tiny graph took")
    assert {"ganzoo", "Python", "torch", "onnxruntime", "plugins", "NVIDIA GPU"} <= set(parts)
    assert str(Path.home()) not in done.stdout
