"""A run that stops anywhere and goes on ends exactly where an undisturbed one ends."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toys import final_digest, toy_config, train_toy

from ganzoo.core.config import OptimizerConfig
from ganzoo.core.errors import BadRun, Interrupted
from ganzoo.core.events import StepDone
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.schedule import Schedule
from ganzoo.training import checkpoint, trainer

SGD = OptimizerConfig(
    name="sgd",
    learning_rate=Schedule(start=0.1, end=0.01, steps=10, shape="exponential"),
    momentum=Schedule(start=0.5, end=0.7, steps=8, begin=2),
)
VARIANTS: list[dict[str, Any]] = [
    {},
    {"d_steps": 3},
    {"updates": "simultaneous"},
    {"generator_optimizer": SGD, "discriminator_optimizer": SGD},
    {"discriminator_optimizer": OptimizerConfig(name="rmsprop", learning_rate=0.01, momentum=0.5)},
    {"ema_decay": 0.0},
]


@pytest.mark.parametrize("changes", VARIANTS, ids=lambda changes: "-".join(changes) or "default")
def test_twelve_steps_equal_six_and_six(tmp_path: Path, changes: dict[str, Any]) -> None:
    config = toy_config(**changes)
    train_toy(tmp_path / "whole", config)
    train_toy(tmp_path / "parts", replace(config, steps=6))
    train_toy(tmp_path / "parts", config)

    assert final_digest(tmp_path / "parts") == final_digest(tmp_path / "whole")


PARTS = ["generator", "discriminator", "average", "generator_optimizer", "discriminator_optimizer", "regularizers/toy"]


@pytest.mark.parametrize("part", [*PARTS, "step"])
def test_leaving_out_any_part_of_the_state_would_be_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """The test above has teeth: what is not restored changes the end."""
    config = toy_config()
    train_toy(tmp_path / "whole", config)
    train_toy(tmp_path / "parts", replace(config, steps=6))

    def load_without(state: Any, parts: Any, run: Any) -> None:
        with monkeypatch.context() as patch:
            for kind in ("modules", "optimizers", "stateful"):
                original = getattr(checkpoint, kind)
                patch.setattr(
                    checkpoint,
                    kind,
                    lambda arg, original=original: {k: v for k, v in original(arg).items() if k != part},
                )
            checkpoint.load_checkpoint(state, parts, run)
        if part == "step":
            state.step = 0

    monkeypatch.setattr(trainer, "load_checkpoint", load_without)
    train_toy(tmp_path / "parts", config)

    assert final_digest(tmp_path / "parts") != final_digest(tmp_path / "whole")


def test_a_checkpoint_holds_every_part(tmp_path: Path) -> None:
    train_toy(tmp_path, toy_config())
    _, values = checkpoint.read_checkpoint(RunFolder(tmp_path).newest_checkpoint())
    for part in PARTS:
        assert any(key.startswith(f"{part}/") for key in values), part


def test_ctrl_c_saves_what_was_done_and_the_run_goes_on(tmp_path: Path) -> None:
    config = toy_config(log_every=1)
    train_toy(tmp_path / "whole", config)

    def press_ctrl_c(event: StepDone) -> None:
        if event.step == 7:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match=r"step 8; all is saved.*ganzoo train --resume") as caught:
        train_toy(tmp_path / "parts", config, press_ctrl_c)
    assert caught.value.exit_code == 130
    assert RunFolder(tmp_path / "parts").newest_checkpoint().stem == "step-00000008"
    train_toy(tmp_path / "parts", config)

    assert final_digest(tmp_path / "parts") == final_digest(tmp_path / "whole")


KILLED = """
import os, signal, sys
import ganzoo
from ganzoo.training import trainer

one_step, die_at = trainer.alternate, int(sys.argv[2])

def step_or_die(state, parts, config):
    if state.step == die_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return one_step(state, parts, config)

trainer.alternate = step_or_die
ganzoo.train("vanilla-mlp", steps=40, checkpoint_every=20, out=sys.argv[1], quiet=True)
"""


def test_a_process_killed_at_once_goes_on_and_ends_with_the_same_files(tmp_path: Path) -> None:
    """SIGKILL five steps after the checkpoint at 20; then `ganzoo train --resume`. Equal SHA-256 at 40."""
    for folder, die_at, code in (("whole", -1, 0), ("killed", 25, -signal.SIGKILL)):
        done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / folder), str(die_at)], check=False)
        assert done.returncode == code
    killed = tmp_path / "killed" / "vanilla-mlp-001"
    assert RunFolder(killed).newest_checkpoint().stem == "step-00000020"

    subprocess.run([sys.executable, "-m", "ganzoo", "train", "--resume", str(killed), "-q"], check=True)

    assert RunFolder(killed).newest_checkpoint().stem == "step-00000040"
    assert final_digest(killed) == final_digest(tmp_path / "whole" / "vanilla-mlp-001")
    assert [line["step"] for line in RunFolder(killed).log()] == [40]


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path) -> None:
    train_toy(tmp_path, toy_config(checkpoint_every=2, keep_checkpoints=2))
    assert [path.stem for path in RunFolder(tmp_path).checkpoints()] == ["step-00000010", "step-00000012"]


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_damaged_checkpoint_is_named_with_a_way_out(tmp_path: Path, content: bytes) -> None:
    train_toy(tmp_path, toy_config())
    path = RunFolder(tmp_path).newest_checkpoint()
    path.write_bytes(content)
    with pytest.raises(BadRun, match=r"step-00000012\.safetensors (is damaged|was written by another version)"):
        train_toy(tmp_path, toy_config(steps=20))


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path) -> None:
    from torch import nn

    from ganzoo.contracts import Players

    train_toy(tmp_path, toy_config())
    with pytest.raises(BadRun, match="does not fit the run's settings"):
        train_toy(tmp_path, toy_config(steps=20), players=Players(nn.Linear(2, 2), nn.Linear(2, 1)))


FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from toys import toy_config, train_toy
from ganzoo.core.errors import GanzooError

folder = Path(sys.argv[1])
train_toy(folder, toy_config())
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    train_toy(folder, toy_config(steps=18))
except GanzooError as error:
    print(error)
"""


def test_a_full_disk_keeps_the_old_checkpoints_and_says_so(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the full disk: the system refuses the write half-way."""
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), here], capture_output=True, text=True, check=True
    )
    assert "Cannot write" in done.stdout
    left = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert left == ["step-00000006.safetensors", "step-00000012.safetensors"]
