"""A run that stops anywhere and goes on ends exactly where an undisturbed one ends."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn
from toys import final_digest, toy_config, toy_parts, train_toy

from ganzoo.contracts import Players
from ganzoo.core.config import OptimizerConfig
from ganzoo.core.errors import BadRun, Interrupted
from ganzoo.core.events import StepDone
from ganzoo.core.files import sha256
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.schedule import Schedule
from ganzoo.training import checkpoint, trainer
from ganzoo.training.build import Components
from ganzoo.training.state import TrainState

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

    def load_without(state: Any, parts: Any, *args: Any, **options: Any) -> bool:
        def but_one(original: Any) -> Any:
            return lambda arg: {name: item for name, item in original(arg).items() if name != part}

        with monkeypatch.context() as patch:
            for owner, kind in ((checkpoint, "modules"), (checkpoint, "optimizers"), (Components, "stateful")):
                patch.setattr(owner, kind, but_one(getattr(owner, kind)))
            found = checkpoint.load_checkpoint(state, parts, *args, **options)
        if part == "step":
            state.step = 0
        return found

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
from ganzoo.training import checkpoint

collect, die_at = checkpoint.collect, int(sys.argv[2])

def collect_or_die(state, parts):
    if state.step == die_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return collect(state, parts)

checkpoint.collect = collect_or_die
ganzoo.train("vanilla-mlp", steps=40, checkpoint_every=20, out=sys.argv[1], quiet=True)
"""


def test_a_process_killed_at_once_goes_on_and_ends_with_the_same_files(tmp_path: Path) -> None:
    """SIGKILL twenty steps after the checkpoint at 20; then `ganzoo train --resume`. Equal SHA-256 at 40."""
    for folder, die_at, code in (("whole", -1, 0), ("killed", 40, -signal.SIGKILL)):
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


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path) -> None:
    train_toy(tmp_path, toy_config())
    with pytest.raises(BadRun, match="does not fit the run's settings"):
        train_toy(tmp_path, toy_config(steps=20), players=Players(nn.Linear(2, 2), nn.Linear(2, 1)))


# Python would leave the bytecode of what it imports under the limit cut off, for everyone after it.
FULL_DISK = """
import resource, sys
sys.dont_write_bytecode = True
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


# How the device keeps its numbers


def pictures_state(layout: torch.memory_format, seed: int) -> TrainState:
    """Two networks of convolutions, and fused Adam for each."""
    torch.manual_seed(seed)
    networks = [nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 3, 3)) for _ in range(2)]
    return TrainState.start(Players(*(network.to(memory_format=layout) for network in networks)), toy_config())


def one_step(state: TrainState) -> None:
    pairs = {"generator_optimizer": state.players.generator, "discriminator_optimizer": state.players.discriminator}
    for name, network in pairs.items():
        own = list(network.parameters())
        pictures = torch.linspace(-1, 1, 2 * 3 * 9 * 9).view(2, 3, 9, 9)
        gradients = torch.autograd.grad(network(pictures).square().mean(), own)
        for parameter, gradient in zip(own, gradients, strict=True):
            parameter.grad = torch.empty_like(parameter).copy_(gradient)
        getattr(state, name).step()


def numbers(state: TrainState) -> list[Tensor]:
    """All weights, and the moments of each."""
    found: list[Tensor] = []
    for optimizer, network in checkpoint.optimizers(state).values():
        for parameter in network.parameters():
            slots = optimizer.state[parameter]
            found += [parameter, slots["step"], slots["exp_avg"], slots["exp_avg_sq"]]
    return found


def saved(state: TrainState, folder: Path) -> RunFolder:
    checkpoint.save_checkpoint(state, toy_parts(toy_config()), RunFolder(folder), 1)
    return RunFolder(folder)


def test_a_step_after_loading_is_that_of_a_state_that_was_never_saved(tmp_path: Path) -> None:
    """With channels last in memory, where fused Adam would pair moments in C order with other weights."""
    state = pictures_state(torch.channels_last, seed=0)
    one_step(state)
    again = pictures_state(torch.channels_last, seed=1)
    checkpoint.load_checkpoint(again, toy_parts(toy_config()), saved(state, tmp_path), print)
    assert [value.stride() for value in numbers(again)] == [value.stride() for value in numbers(state)]

    one_step(state)
    one_step(again)

    assert all(torch.equal(ours, theirs) for ours, theirs in zip(numbers(again), numbers(state), strict=True))


def test_the_file_does_not_depend_on_the_layout_in_memory(tmp_path: Path) -> None:
    state = pictures_state(torch.channels_last, seed=0)
    one_step(state)
    first = saved(state, tmp_path / "a")
    again = pictures_state(torch.contiguous_format, seed=1)
    checkpoint.load_checkpoint(again, toy_parts(toy_config()), first, print)
    second = saved(again, tmp_path / "b")

    weights = dict(again.players.generator.named_parameters())
    assert weights["0.weight"].is_contiguous()
    assert not state.players.generator[0].weight.is_contiguous()
    assert sha256(first.newest_checkpoint()) == sha256(second.newest_checkpoint())
    with safe_open(first.newest_checkpoint(), "pt") as file:
        assert torch.equal(file.get_tensor("generator/0.weight"), state.players.generator[0].weight)
