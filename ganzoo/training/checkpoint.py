"""The whole training state as one safetensors file: loading it runs no code.

Keys are paths: `generator/…`, `discriminator/…`, `average/…`, `generator_optimizer/<parameter>/<slot>`,
`discriminator_optimizer/…`, and `loss/…`, `regularizers/<name>/…`, `augmentations/<name>/…` of those with state.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from ganzoo.contracts import Stateful
from ganzoo.core.errors import BadRun, Diverged, GanzooError
from ganzoo.core.files import written_whole
from ganzoo.core.run_folder import RunFolder
from ganzoo.training.build import Components
from ganzoo.training.recorder import advice
from ganzoo.training.state import TrainState

FORMAT = 1


def save_checkpoint(state: TrainState, parts: Components, run: RunFolder, keep: int) -> None:
    """Write the state, whole or not at all, and delete all but the newest `keep` checkpoints.

    Raises Diverged, and writes nothing, where a weight is not finite; GanzooError where the disk refuses.
    """
    values = collect(state, parts)
    for name, value in values.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise Diverged(f"{name} is no longer finite at step {state.step}. {advice(run)}")
    # one key only: safetensors writes several in an order that changes from one process to the next
    header = {"ganzoo": json.dumps({"format": FORMAT, "step": state.step})}
    path = run.checkpoint_file(state.step)
    with written_whole(path) as unfinished:
        try:
            save_file(values, unfinished, header)
            unfinished.chmod(0o644)  # safetensors lets nobody but the owner read
        except SafetensorError as error:
            raise GanzooError(
                f"Cannot write {path}: {error}. Earlier checkpoints are whole; free some space."
            ) from error
    for old in run.checkpoints()[:-keep]:
        old.unlink(missing_ok=True)


def load_checkpoint(state: TrainState, parts: Components, run: RunFolder) -> None:
    """Fill the state from the newest checkpoint, if there is one. Raises BadRun where it does not fit."""
    if not run.checkpoints():
        return
    path = run.newest_checkpoint()
    step, values = read_checkpoint(path)
    try:
        for part, module in modules(state).items():
            module.load_state_dict(under(part, values))
        for part, (optimizer, module) in optimizers(state).items():
            load_optimizer(optimizer, module, under(part, values))
        for part, component in stateful(parts).items():
            component.load_state_dict(under(part, values))
    except (RuntimeError, KeyError, ValueError) as error:
        raise BadRun(f"{path} does not fit the run's settings: {error}") from error
    state.step = step


def read_checkpoint(path: Path) -> tuple[int, dict[str, Tensor]]:
    """Step and tensors of one file. Raises BadRun where it is damaged or of another version."""
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {}).get("ganzoo", "{}"))
            values = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no dictionary
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise BadRun(f"{path} is damaged ({error}). Delete it to go on from the checkpoint before it.") from error
    if header.get("format") != FORMAT:
        raise BadRun(f"{path} was written by another version of ganzoo (format {header.get('format')}).")
    return header["step"], values


def load_average(path: Path, generator: nn.Module) -> int:
    """Fill a generator with the averaged weights of a checkpoint; returns its step. Raises BadRun."""
    step, values = read_checkpoint(path)
    try:
        generator.load_state_dict(under("average", values))
    except RuntimeError as error:
        raise BadRun(f"{path} does not fit the run's settings: {error}") from error
    return step


def collect(state: TrainState, parts: Components) -> dict[str, Tensor]:
    """Every tensor of the run's state by its path."""
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
    for part, component in stateful(parts).items():
        values |= {f"{part}/{key}": value for key, value in component.state_dict().items()}
    return unshared(values)


def unshared(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same values, each in memory of its own: safetensors refuses weights that two layers share."""
    seen: set[int] = set()
    result = {}
    for key, value in values.items():
        tensor = value.detach().contiguous()
        place = tensor.untyped_storage().data_ptr()
        result[key] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return result


def load_optimizer(optimizer: Optimizer, module: nn.Module, values: dict[str, Tensor]) -> None:
    trained = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    numbers = {name: number for number, name in enumerate(trained)}
    slots: dict[int, dict[str, Any]] = {}
    for key, value in values.items():
        name, _, slot = key.rpartition("/")
        slots.setdefault(numbers[name], {})[slot] = value
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})


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


def stateful(parts: Components) -> dict[str, Stateful]:
    """The components that have state of their own."""
    components: dict[str, object] = {"loss": parts.loss}
    components |= {f"regularizers/{name}": item for name, item in parts.regularizers.items()}
    components |= {f"augmentations/{name}": item for name, item in parts.augmentations.items()}
    return {name: item for name, item in components.items() if isinstance(item, Stateful)}


def under(prefix: str, values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The entries below `prefix/`, with that prefix removed."""
    return {key.removeprefix(f"{prefix}/"): value for key, value in values.items() if key.startswith(f"{prefix}/")}
