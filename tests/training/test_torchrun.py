"""torchrun starts the processes, and starts them anew where one dies; the run goes on, and is not begun again."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest
from crowd import files_in

from ganzoo.core.run_folder import RunFolder

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]

DIES_ONCE = """
import os, signal, sys
from ganzoo.training import trainer

one_step = trainer.alternate

def step_or_die(state, parts, config):
    first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
    if first and os.environ["RANK"] == "1" and state.step == 25:
        os.kill(os.getpid(), signal.SIGKILL)
    return one_step(state, parts, config)

trainer.alternate = step_or_die
from ganzoo.cli import main
main(sys.argv[1:])
"""


@pytest.fixture
def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def torchrun(port: str, *command: str, restarts: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TORCHRUN, "--max-restarts", str(restarts), "--master-port", port, *command],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
    )


def test_a_rank_that_dies_is_started_anew_and_the_run_goes_on(tmp_path: Path, free_port: str) -> None:
    script = tmp_path / "dies_once.py"
    script.write_text(DIES_ONCE)
    out = tmp_path / "runs"
    settings = ["--steps", "40", "--set", "checkpoint_every=10", "--set", "log_every=10", "--set", "samples_every=40"]
    done = torchrun(free_port, str(script), "train", "vanilla-mlp", *settings, "--out", str(out), restarts=1)

    assert done.returncode == 0, done.stderr
    assert [path.name for path in out.iterdir()] == ["vanilla-mlp-001"]
    run = RunFolder(out / "vanilla-mlp-001")
    assert "going on with" in done.stdout
    assert done.stdout.count("Trained to step 40.") == 1, "one process speaks"
    assert run.newest_checkpoint().stem == "step-00000040"
    assert [line["step"] for line in run.log()] == [10, 20, 30, 40]
    assert run.facts()["machine"]["processes"] == 2
    assert not [name for name in files_in(run.path) if name.endswith(".tmp")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["vanilla-mlp", "--set", "batch_size=63"],
            r"Error: A batch of 63 cannot be shared out evenly among 2 processes.* multiple of 2, such as 64",
        ),
        (["vanilla-mpl"], r"Error: No recipe is called 'vanilla-mpl'"),
    ],
    ids=["after they have met", "before they meet"],
)
def test_what_is_wrong_with_all_is_said_once_before_anything_is_written(
    tmp_path: Path, free_port: str, words: list[str], said: str
) -> None:
    done = torchrun(free_port, "-m", "ganzoo", "train", *words, "--out", str(tmp_path / "runs"))
    assert done.returncode != 0
    assert len(re.findall(said, done.stderr)) == 1, done.stderr
    assert not (tmp_path / "runs").exists()


def test_ctrl_c_saves_the_run_of_all_processes(tmp_path: Path, free_port: str) -> None:
    """It reaches every process of the terminal, and torchrun asks them once more; all stop after the same step."""
    settings = ["--minutes", "5", "--set", "checkpoint_every=1000000", "--set", "log_every=10", "--out", str(tmp_path)]
    job = subprocess.Popen(
        [*TORCHRUN, "--master-port", free_port, "-m", "ganzoo", "train", "vanilla-mlp", *settings],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        start_new_session=True,
    )
    run, patience = RunFolder(tmp_path / "vanilla-mlp-001"), monotonic() + 120
    while not run.log() and monotonic() < patience:
        sleep(0.1)
    os.killpg(job.pid, signal.SIGINT)
    _, said = job.communicate(timeout=120)

    assert job.returncode != 0
    assert said.count("all is saved. Go on: ganzoo train --resume") == 1, said
    assert "KeyboardInterrupt" not in said.replace("SignalException", "").split("torch/distributed/elastic")[0]
    assert run.newest_checkpoint().stem == f"step-{run.log()[-1]['step']:08d}"
