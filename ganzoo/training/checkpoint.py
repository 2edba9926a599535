"""The whole training state as one safetensors file: loading it runs no code, and a flipped bit is found.

Keys are paths: `generator/…`, `discriminator/…`, `average/…`, `generator_optimizer/<parameter>/<slot>`,
`discriminator_optimizer/…`, and what `Components.stateful` names: `loss/…`, `regularizers/<name>/…` and the like.
The metadata's one key, `ganzoo`, holds JSON: the format, the step, and a SHA-256 of all else.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from ganzoo.core.errors import BadPlugin, BadRun, Diverged, GanzooError, first_line
from ganzoo.core.files import written_whole
from ganzoo.core.run_folder import RunFolder
from ganzoo.training.build import Components
from ganzoo.training.recorder import advice
from ganzoo.training.state import TrainState

FORMAT = 2


class Damaged(BadRun):
    """A checkpoint whose bytes are not those that were written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is damaged ({reason}). Delete it to go on from the checkpoint before it.")
        self.path = path
        self.reason = reason


def save_checkpoint(state: TrainState, parts: Components, run: RunFolder, keep: int) -> None:
    """Write the state, whole or not at all, and delete all checkpoints but the newest `keep` and the best.

    Of several processes the one that leads does so. Equal states give equal bytes. Raises Diverged, and writes
    nothing, where a weight is not finite; GanzooError where the disk refuses; BadPlugin where a part's state is no
    tensor.
    """
    if not parts.engine.processes.leads:
        return
    values = collect(state, parts)
    for name, value in values.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise Diverged(f"{name} is no longer finite at step {state.step}. {advice(run)}")
    # one key only: safetensors writes several in an order that changes from one process to the next
    header = {"format": FORMAT, "step": state.step, "sha256": digest(state.step, values)}
    path = run.checkpoint_file(state.step)
    with written_whole(path) as unfinished:
        try:
            save_file(values, unfinished, {"ganzoo": json.dumps(header)})
            unfinished.chmod(0o644)  # safetensors lets nobody but the owner read
        except SafetensorError as error:
            raise GanzooError(
                f"Cannot write {path}: {error}. Earlier checkpoints are whole; free some space."
            ) from error
    run.prune(keep)


def load_checkpoint(state: TrainState, parts: Components, run: RunFolder, say: Callable[[str], None]) -> bool:
    """Fill the state from the newest whole checkpoint; returns False, and changes nothing, where the run has none yet.

    Damaged ones that are newer are renamed to `….damaged`, and `say` is told. Of several processes the one that leads
    does so, and reads, so that all go on from the same file, also where they have no disk in common.
    Raises BadRun where checkpoints are there but none is whole, or where one does not fit the run.
    """
    processes = parts.engine.processes
    if processes.leads:
        run.remove_leftovers()
    found = processes.told(newest_whole(run, say) if processes.leads else None)
    if found is None:
        return False
    path, step, values = found
    try:
        for part, module in modules(state).items():
            module.load_state_dict(under(part, values))
        for part, (optimizer, module) in optimizers(state).items():
            load_optimizer(optimizer, module, under(part, values))
        for part, component in parts.stateful().items():  # a copy: what was read still hangs on the file
            component.load_state_dict({key: value.clone() for key, value in under(part, values).items()})
    except (RuntimeError, KeyError, ValueError) as error:
        raise BadRun(f"{path} does not fit the run's settings: {error}") from error
    state.step = step
    return True


def newest_whole(run: RunFolder, say: Callable[[str], None]) -> tuple[Path, int, dict[str, Tensor]] | None:
    """Path, step and tensors; None where the run has no checkpoint. Raises BadRun where none of several is whole."""
    damaged: list[Damaged] = []
    for path in reversed(run.checkpoints()):
        try:
            step, values = read_checkpoint(path)
        except Damaged as error:
            damaged.append(error)
            continue
        for each in damaged:
            name = run.set_aside(each.path).name
            damage = f"{each.path} is damaged ({each.reason})"
            say(f"{damage}; it is now called {name}, and the run goes on from step {step:,}.")
        return path, step, values
    if damaged:
        raise BadRun(
            f"{damaged[0].path} is damaged ({damaged[0].reason}), and there is no whole checkpoint before it. "
            f"Delete {damaged[0].path.parent} to train the run again from its first step."
        )
    return None


def read_checkpoint(path: Path) -> tuple[int, dict[str, Tensor]]:
    """Step and tensors of one file. Raises Damaged, or BadRun where it is of another version or cannot be read."""
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {})["ganzoo"])
            values = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no dictionary
        if header["format"] != FORMAT:
            raise BadRun(
                f"{path} was written by another version of ganzoo (format {header['format']}). "
                f"This one reads format {FORMAT}; go on with the other, or start a new run."
            )
        step, expected = header["step"], header["sha256"]
    except (SafetensorError, FileNotFoundError) as error:  # another process may have set it aside by now
        raise Damaged(path, first_line(error)) from error
    except OSError as error:
        raise BadRun(f"Cannot read {path}: {error.strerror or error}.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(path, "its header is not ganzoo's") from error
    if digest(step, values) != expected:
        raise Damaged(path, "its SHA-256 is not the one that it was written with")
    return step, values


def digest(step: int, values: dict[str, Tensor]) -> str:
    """SHA-256 of the step and of every tensor's name, type, shape and bytes, in the order of names."""
    total = hashlib.sha256(f"{step}\n".encode())
    for name, value in sorted(values.items()):
        total.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        total.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def load_average(path: Path, generator: nn.Module, part: str = "average") -> int:
    """Fill a generator with the averaged weights of a checkpoint, or `part`="generator" as they are; returns its step.

    Raises BadRun where it is damaged, rather than take an older one: that would be another model under the same name.
    """
    step, values = read_checkpoint(path)
    try:
        generator.load_state_dict(under(part, values))
    except RuntimeError as error:
        raise BadRun(f"{path} does not fit the run's settings: {first_line(error)}") from error
    return step


def collect(state: TrainState, parts: Components) -> dict[str, Tensor]:
    """Every tensor of the run's state by its path, in main memory, in C order however the device keeps it."""
    values: dict[str, Tensor] = {}
    for part, module in modules(state).items():
        values |= {f"{part}/{key}": value for key, value in module.state_dict().items()}
    for part, (optimizer, module) in optimizers(state).items():
        names: dict[Tensor, str] = {parameter: name for name, parameter in module.named_parameters()}
        for parameter, slots in optimizer.state.items():
            values |= {
                f"{part}/{names[parameter]}/{slot}": value
                for slot, value in slots.items()
                if isinstance(value, Tensor)  # momentum is None until the first step
            }
    for part, component in parts.stateful().items():
        for key, value in component.state_dict().items():
            if not isinstance(value, Tensor):
                raise BadPlugin(
                    f"The state of {part} must be tensors alone; its {key!r} is of type {type(value).__name__}."
                )
            values[f"{part}/{key}"] = value
    return unshared(values)


def unshared(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same values, each in memory of its own: safetensors refuses weights that two layers share."""
    seen: set[int] = set()
    result = {}
    for key, value in values.items():
        tensor = value.detach().cpu().contiguous()
        place = tensor.untyped_storage().data_ptr()
        result[key] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return result


def load_optimizer(optimizer: Optimizer, module: nn.Module, values: dict[str, Tensor]) -> None:
    """Fill an optimizer from `<parameter>/<slot>`. Raises KeyError for a parameter that it does not have."""
    trained = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    numbers = {name: number for number, name in enumerate(trained)}
    slots: dict[int, dict[str, Any]] = {}
    for key, value in values.items():
        name, _, slot = key.rpartition("/")
        slots.setdefault(numbers[name], {})[slot] = in_layout_of(trained[name], value)
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})


def in_layout_of(parameter: nn.Parameter, value: Tensor) -> Tensor:
    """A copy with the parameter's strides, since fused rules pair numbers by their places in memory."""
    if value.shape != parameter.shape:
        return value.clone()
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)


def modules(state: TrainState) -> dict[str, nn.Module]:
    return {
        "generator": state.players.generator,
        "discriminator": state.players.discriminator,
        "average": state.average.network,
    }


def optimizers(state: TrainState) -> dict[str, tuple[Optimizer, nn.Module]]:
    return {
        "generator_optimizer": (state.generator_optimizer, state.players.generator),
        "discriminator_optimizer": (state.discriminator_optimizer, state.players.discriminator),
    }


def under(prefix: str, values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The entries below `prefix/`, with that prefix removed."""
    return {key.removeprefix(f"{prefix}/"): value for key, value in values.items() if key.startswith(f"{prefix}/")}
