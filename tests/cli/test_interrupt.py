"""Ctrl-C and a termination request, in real processes."""

import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command import PROGRAM, ganzoo

from ganzoo.core.files import sha256
from ganzoo.core.run_folder import RunFolder

WORDS = ["train", "vanilla-mlp", "--set", "log_every=5", "--set", "checkpoint_every=100000", "--set", "batch_size=16"]
PATIENCE = 120  # seconds


def wait_for_a_line(run: RunFolder, process: "subprocess.Popen[str]") -> None:
    """Until the run has logged something."""
    begin = time.monotonic()
    while not (run.log_file.exists() and run.log()):
        assert process.poll() is None, "the process ended before it could be stopped"
        assert time.monotonic() - begin < PATIENCE
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "termination"])
def test_a_run_that_is_stopped_saves_all_and_says_how_to_go_on(number: signal.Signals, here: Path) -> None:
    """The command that it names works, and the run ends as if nobody had stopped it."""
    run = RunFolder(here / "runs" / "vanilla-mlp-001")
    with subprocess.Popen(
        [*PROGRAM, *WORDS, "--steps", "1000000"], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for_a_line(run, process)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    found = re.search(r"^Stopped at step ([\d,]+); all is saved\. Go on: ganzoo (.*)$", said, re.MULTILINE)
    assert found, said
    assert "Traceback" not in said
    step = int(found[1].replace(",", ""))
    assert run.newest_checkpoint() == run.checkpoint_file(step)
    assert run.samples_file(step).exists()
    assert run.report_file.exists()

    end = str(step + 3)
    assert ganzoo(*shlex.split(found[2]), "--steps", end).exit_code == 0
    assert ganzoo(*WORDS, "--steps", end, "--out", "whole").exit_code == 0
    whole = RunFolder(here / "whole" / "vanilla-mlp-001")
    assert run.newest_checkpoint().stem == whole.newest_checkpoint().stem
    assert sha256(run.newest_checkpoint()) == sha256(whole.newest_checkpoint())


def test_ctrl_c_before_there_is_anything_to_save_just_stops(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    from ganzoo import session

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "load_data", interrupt)
    done = ganzoo("train", "vanilla-mlp")
    assert (done.exit_code, done.stdout, done.stderr) == (130, "", "Stopped.\n")
    assert not list(here.iterdir())
