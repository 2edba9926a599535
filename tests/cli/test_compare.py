"""`ganzoo compare`: the table, the files, and what is refused."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command import PROGRAM, Refused, ganzoo

SMALL = ["--dataset", "ring", "--steps", "3", "--batch-size", "20", "--device", "cpu"]
SMALL += ["--set", "dataset.samples=3000", "--set", "generator.width=8", "--set", "discriminator.width=8"]


def test_the_table_says_what_was_found_beside_what_perfect_would_be(here: Path) -> None:
    done = ganzoo("compare", "mlp-ring", "packing-points", "--seeds", "2", *SMALL)

    assert done.exit_code == 0, done.output
    rows = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    content = json.loads((here / "comparisons" / "ring-001" / "comparison.json").read_text("utf-8"))
    for name in ("mlp-ring", "packing-points"):
        facts = content["recipes"][name]
        mean, error = (facts[key]["reverse_kl"] for key in ("mean", "standard_error"))
        assert f"{mean:.3f} ± {error:.3f}" in rows[name]
        assert "2 of 2" in rows[name]
    assert "98.89" in rows["perfect sampler"] and "0.0014" in rows["perfect sampler"]
    assert "Equal for all: 3 generator updates on batches of 20; not the time." in done.stdout
    assert "1 of 4: mlp-ring, seed 0\n2 of 4: packing-points, seed 0\n" in done.stderr
    assert content["command"].split()[0] == "ganzoo"


def test_a_single_seed_has_no_error_and_the_next_comparison_another_folder(here: Path) -> None:
    for number in ("001", "002"):
        done = ganzoo("compare", "mlp-ring", "--seeds", "1", *SMALL, "--out", "mine")
        assert "±" not in done.stdout.splitlines()[1]
        assert (here / "mine" / f"ring-{number}" / "mlp-ring.png").exists()


@pytest.mark.parametrize("assignment", ["seed=3", "steps=5", "batch_size=7", "dataset=grid"])
def test_what_a_comparison_sets_itself_cannot_be_set(assignment: str, refused: Refused, here: Path) -> None:
    assert assignment.partition("=")[0] in refused(2, "compare", "mlp-ring", *SMALL, "--set", assignment).stderr
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("exit_code", "words", "told"),
    [
        (2, ["compare", "mlp-rign", *SMALL], "did you mean 'mlp-ring'"),
        (2, ["compare", "mlp-ring", "mlp-ring", *SMALL], "mlp-ring"),
        (1, ["compare", "mlp-ring", "--dataset", "digits"], "digits"),
        (1, ["compare", "mlp-ring", *SMALL, "--set", "dataset.std=0"], "std"),
        (2, ["compare", "mlp-ring", *SMALL, "--set", "generator.wdith=3"], "did you mean 'generator.width'"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_sentence(
    exit_code: int, words: list[str], told: str, refused: Refused, here: Path
) -> None:
    assert told in refused(exit_code, *words).stderr
    assert list(here.iterdir()) == []


def test_what_shows_only_in_a_run_ends_the_comparison_in_one_sentence(here: Path) -> None:
    done = ganzoo("compare", "packing-points", *SMALL, "--set", "wrappers.packing.size=3")

    assert done.exit_code == 2
    assert done.stderr.splitlines()[1:] == [done.stderr.splitlines()[-1]]
    assert done.stderr.splitlines()[-1].startswith("Error: Packing joins 3 samples")


def test_ctrl_c_shows_and_keeps_what_is_done(here: Path) -> None:
    words = ["compare", "mlp-ring", "--seeds", "50", *SMALL, "--out", "stopped"]
    with subprocess.Popen(
        [*PROGRAM, *words], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        file, begin = here / "stopped" / "ring-001" / "comparison.json", time.monotonic()
        while not file.exists():
            assert process.poll() is None, "it ended before it could be stopped"
            assert time.monotonic() - begin < 120
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        shown, said = process.communicate(timeout=120)

    assert process.returncode == 130
    count = len(json.loads(file.read_text("utf-8"))["recipes"]["mlp-ring"]["runs"])
    assert f"{count} of {count}" in shown
    assert said.splitlines()[-1] == f"Stopped; {count} of 50 runs are done, in stopped/ring-001."
    assert "Traceback" not in said
