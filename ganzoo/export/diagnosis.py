"""Which module is to blame for a generator that cannot be exported.

All of it runs after something has failed, and helps to understand it: each function gives the dotted name of a module,
or None where it cannot tell, and raises nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from traceback import walk_tb
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

ROUNDING = 1e-5  # of the largest number in a tensor; what is less may have come about by rounding alone
OTHER_BATCHES = (1, 2, 4, 5, 10**6 + 3)  # sizes that a shape must not exclude

Step = tuple[str, int]  # a module's dotted name, and which of its calls


@dataclass(frozen=True, slots=True)
class Call:
    """What went into a module, and came out."""

    given: list[Tensor]
    made: list[Tensor]


def at_fault(generator: nn.Module, name: str | None) -> str:
    """The end of an error's paragraph, which names the module."""
    if name is None:
        return " Which of its modules is at fault could not be found out."
    kind = type(generator.get_submodule(name)).__name__.removeprefix("Parametrized")
    hint = ", which has no running statistics" if without_statistics(generator, name) else ""
    return f" First at fault is {name} ({kind}){hint}." if name else f" First at fault is {kind}'s own forward."


def without_statistics(generator: nn.Module, name: str) -> bool:
    """Whether it is a batch norm that takes the statistics of its batch in eval mode too."""
    module = generator.get_submodule(name)
    return isinstance(module, nn.modules.batchnorm._NormBase) and module.running_mean is None


def of_chance(generator: nn.Module, draw: Callable[[], object]) -> str | None:
    """The first module that makes something else of the same inputs when `draw` is called twice."""
    with suppress(Exception):
        one, other = recorded(generator, draw), recorded(generator, draw)
        return first_to_change(one, other, rounding=0)
    return None


def of_batch(generator: nn.Module, together: Callable[[], object], alone: Sequence[Callable[[], object]]) -> str | None:
    """The first module that makes something else of a row than it makes of that row alone."""
    with suppress(Exception):
        rows = [recorded(generator, draw) for draw in alone]
        steps = [step for step in rows[0] if all(step in row for row in rows)]
        joined = {
            step: Call(in_one([row[step].given for row in rows]), in_one([row[step].made for row in rows]))
            for step in steps
        }
        return first_to_change(recorded(generator, together), joined, rounding=ROUNDING)
    return None


def in_one(rows: list[list[Tensor]]) -> list[Tensor]:
    """The tensors of several batches of one, as those of one batch; what has no row for each sample stays as it is."""
    columns = zip(*rows, strict=True)
    return [torch.cat(each) if each[0].ndim and len(each[0]) == 1 else each[0] for each in columns]


def first_to_change(one: Mapping[Step, Call], other: Mapping[Step, Call], rounding: float) -> str | None:
    """The innermost module that is given the same and makes something else; the generator itself is the outermost."""
    for step, call in one.items():
        twin = other.get(step)
        if twin and alike(call.given, twin.given, rounding) and not alike(call.made, twin.made, rounding):
            return step[0]
    return None


def alike(some: list[Tensor], others: list[Tensor], rounding: float) -> bool:
    """Tensors of the same shapes and, but for rounding, with the same numbers; a constant may have been repeated."""
    if len(some) != len(others):
        return False
    for one, other in zip(some, others, strict=True):
        if one.shape != other.shape and (one.shape[1:] != other.shape[1:] or len(one) != 1):
            return False
        if not torch.allclose(one.double(), other.double(), rtol=0, atol=rounding * size_of(one), equal_nan=True):
            return False
    return True


def size_of(tensor: Tensor) -> float:
    return max(1.0, float(tensor.abs().max())) if tensor.numel() else 1.0


@torch.no_grad()
def recorded(generator: nn.Module, draw: Callable[[], object]) -> dict[Step, Call]:
    """All calls of modules, inner ones before those that make them."""
    calls: dict[Step, Call] = {}
    given: list[list[Tensor]] = []  # of the calls that have not ended
    count: Counter[str] = Counter()

    def before(_: str, inputs: Any) -> None:
        given.append([tensor.clone() for tensor in tensors(inputs)])

    def after(name: str, output: Any) -> None:
        calls[name, count[name]] = Call(given.pop(), [tensor.clone() for tensor in tensors(output)])
        count[name] += 1

    with watched(generator, before, after):
        draw()
    return calls


@contextmanager
def watched(
    generator: nn.Module, before: Callable[[str, Any], None], after: Callable[[str, Any], None]
) -> Iterator[None]:
    """Every module tells its name and its inputs before it runs, and its name and its output after it."""
    handles = []
    for name, module in generator.named_modules():
        handles.append(
            module.register_forward_pre_hook(
                lambda _, args, kwargs, name=name: before(name, (*args, *kwargs.values())), with_kwargs=True
            )
        )
        handles.append(module.register_forward_hook(lambda _, args, output, name=name: after(name, output)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def tensors(values: Any) -> list[Tensor]:
    """The tensors among a module's arguments or results."""
    if isinstance(values, Tensor):
        return [values]
    inside = values.values() if isinstance(values, Mapping) else values if isinstance(values, list | tuple) else ()
    return [tensor for value in inside for tensor in tensors(value)]


def where_raised(generator: nn.Module, error: BaseException) -> str | None:
    """The innermost module whose method was at work when the error was raised."""
    names = {id(module): name for name, module in generator.named_modules()}
    found = [names[id(value)] for value in of_frames(error, "self") if id(value) in names]
    return found[-1] if found else None


def untranslated(error: BaseException) -> torch.fx.Node | None:
    """The operation at which torch's exporter gave up, where it did."""
    found = [value for value in of_frames(error, "node") if isinstance(value, torch.fx.Node)]
    return found[-1] if found else None


def made_in(node: torch.fx.Node, inside: str) -> str | None:
    """The module that an operation belongs to; its name begins with `inside` in torch.export's program."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    return f"{stack[-1][0]}.".removeprefix(inside).removesuffix(".") if stack else None


def of_frames(error: BaseException, variable: str) -> Iterator[object]:
    """What a local variable of this name held in each frame that the error, or what caused it, came through."""
    chain: BaseException | None = error
    while chain is not None:
        for frame, _ in walk_tb(chain.__traceback__):
            yield frame.f_locals.get(variable)
        chain = chain.__cause__ or chain.__context__


def of_frozen_batch(generator: nn.Module, export: Callable[[], object]) -> str | None:
    """The innermost module that takes the batch's size for a number, or branches on it, while `export` fails."""
    environments: list[Any] = []  # where torch.export notes what it takes for granted of sizes
    counts: list[int] = []  # how much that was when each call began that has not ended
    found: list[str] = []

    def before(_: str, inputs: Any) -> None:
        sizes: list[Any] = [tensor.shape[0] for tensor in tensors(inputs) if tensor.ndim]
        environments.extend(size.node.shape_env for size in sizes if isinstance(size, torch.SymInt))
        counts.append(refusals(environments))

    def after(name: str, _: Any) -> None:
        if refusals(environments) > counts.pop():
            found.append(name)

    with suppress(Exception), watched(generator, before, after):
        export()
    return found[0] if found else None


def refusals(environments: list[Any]) -> int:
    """How many conditions on the batch's size are not met by every other size; torch.export knows one environment."""
    guards = [guard.expr for guard in environments[0].guards] if environments else []
    return sum(
        any(not guard.subs(dict.fromkeys(guard.free_symbols, size)) for size in OTHER_BATCHES) for guard in guards
    )


def of_graph(
    model: onnx.ModelProto,
    generator: nn.Module,
    draw: Callable[[], object],
    run: Callable[[onnx.ModelProto], Mapping[str, np.ndarray]],
) -> str | None:
    """The first module whose output in the graph, which `run` gives by its name, is not that of torch."""
    with suppress(Exception):
        made = [tensor for call in recorded(generator, draw).values() for tensor in call.made]
        last = {module_of(node): node.output[0] for node in model.graph.node if "/" in node.name}
        found = run(with_outputs(model, list(last.values())))
        right = {
            value: any(alike([torch.from_numpy(found[value])], [tensor], ROUNDING) for tensor in made)
            for value in last.values()
        }
        makers = {output: node for node in model.graph.node for output in node.output}
        if right["samples"]:
            return None
        return module_of(makers[first_wrong(makers, right)])
    return None


def module_of(node: onnx.NodeProto) -> str:
    """The dotted name of the module that a node was made of; "" for the generator itself."""
    return node.name.rpartition("/")[0]


def with_outputs(model: onnx.ModelProto, values: list[str]) -> onnx.ModelProto:
    """The same graph, which gives these intermediate values too."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {output.name for output in copy.graph.output}
    copy.graph.output.extend(onnx.ValueInfoProto(name=value) for value in values if value not in known)
    return copy


def first_wrong(makers: Mapping[str, onnx.NodeProto], right: Mapping[str, bool], value: str = "samples") -> str:
    """From `samples` backwards as long as there is a value that is wrong; one that is right clears all before it."""
    while True:
        wrong = [near for near in nearest(makers, right, value) if not right[near]]
        if not wrong:
            return value
        value = wrong[0]


def nearest(makers: Mapping[str, onnx.NodeProto], known: Mapping[str, bool], value: str) -> list[str]:
    """The values that a value is made of, of those that can be compared."""
    found: list[str] = []
    seen, ahead = {value}, [value]
    while ahead:
        node = makers.get(ahead.pop())
        for before in node.input if node is not None else ():
            if before in seen:
                continue
            seen.add(before)
            (found if before in known else ahead).append(before)
    return found
