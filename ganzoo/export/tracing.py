"""Arrays that write down what is done with them: priors run on them unchanged, and leave an ONNX graph behind.

Values are int64, float32 or bool. Each traced array carries an example, which numpy computes alongside: from it come
shapes, types, and numpy's own errors. Whatever has no equal in the graph raises, and names itself.

N = batch.
"""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
import onnx
from numpy.lib.mixins import NDArrayOperatorsMixin
from onnx import helper, numpy_helper

from ganzoo.core.errors import ExportFailed

TYPES = tuple(np.dtype(name) for name in ("int64", "float32", "bool"))
WIDE = 1000  # numbers; larger tables are stored as int32 where that holds them
LAST = 2**63 - 1  # where a slice goes to the end
REMEDY = "use operators, ganzoo.latents, and asarray, concatenate, stack, take and where of `namespace(words)`"
EXACT = "priors compute in int64 and end in float32, by `scaled`"
POWERS = 2 ** np.arange(63, dtype=np.int64)
ZEROS = np.array([8 - n.bit_length() for n in range(256)], np.int64)  # before the highest bit of a byte


class Trace:
    """The graph as far as it is written, and the namespace of its arrays: numpy's names for what priors need."""

    int64, float32, bool = TYPES
    float64 = np.dtype("float64")

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self.names: dict[Any, str] = {}  # of what is there already

    def node(self, example: Any, operator: str, *inputs: Any, **attributes: Any) -> "Traced":
        """One operator of ONNX, written once for the same inputs; `example` is what it makes of their examples."""
        if np.asarray(example).dtype not in TYPES:
            raise refusal(f"{operator} gives {example.dtype}", EXACT)
        names = [self.asarray(each).name for each in inputs]
        key = (operator, *names, *attributes.items())
        if key not in self.names:
            self.names[key] = f"{len(self.names)}"
            self.nodes.append(helper.make_node(operator, names, [self.names[key]], **attributes))
        return Traced(self, self.names[key], example)

    def asarray(self, array: Any, dtype: Any = None, device: None = None) -> Any:
        """A constant, or another type of a traced array; float64 has nothing but bits, see `Float64`."""
        if not isinstance(array, Traced):
            return self.constant(np.asarray(array, dtype))
        if dtype is None or dtype == array.dtype:
            return array
        if dtype == self.float64 and array.dtype == self.int64:
            return Float64(array)
        if array.dtype == self.float32 and dtype == self.int64:
            raise refusal("float32 becomes int64, which no two machines do alike for large numbers", EXACT)
        code = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.node(array.example.astype(dtype), "Cast", array, to=code)

    def constant(self, value: np.ndarray) -> "Traced":
        """Stored once, however often it is used."""
        if value.dtype.kind == "i":
            value = value.astype(self.int64)
            if value.size > WIDE and (value == value.astype(np.int32)).all():
                small = self.store(value.astype(np.int32))
                return self.node(value, "Cast", small, to=onnx.TensorProto.INT64)
        if value.dtype not in TYPES:
            raise refusal(f"a table is {value.dtype}", EXACT)
        return self.store(value)

    def store(self, value: np.ndarray) -> "Traced":
        key = (value.dtype, value.shape, value.tobytes())
        if key not in self.names:
            self.names[key] = name = f"{len(self.names)}"
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
        return Traced(self, self.names[key], value)

    def take(self, table: Any, indices: "Traced") -> "Traced":
        """Entries of a table [K]."""
        return self.asarray(table)[indices]

    def where(self, condition: "Traced", yes: Any, no: Any) -> "Traced":
        example = np.where(condition.example, example_of(yes), example_of(no))
        branches = [self.asarray(each, dtype=example.dtype) for each in (yes, no)]
        return self.node(example, "Where", condition, *branches)

    def concatenate(self, arrays: Sequence["Traced"], axis: int = 0) -> "Traced":
        example = np.concatenate([each.example for each in arrays], axis)
        return self.node(example, "Concat", *arrays, axis=axis)

    def stack(self, arrays: Sequence["Traced"], axis: int = 0) -> "Traced":
        wider = [self.node(np.expand_dims(each.example, axis), "Unsqueeze", each, [axis]) for each in arrays]
        return self.concatenate(wider, axis)


class Traced(NDArrayOperatorsMixin):
    """A value of the graph. Operators come from numpy's mixin, which turns each into a call of `__array_ufunc__`."""

    device = None

    def __init__(self, trace: Trace, name: str, example: np.ndarray) -> None:
        self.trace, self.name, self.example = trace, name, example
        self.dtype, self.shape, self.ndim = example.dtype, example.shape, example.ndim

    def __array_namespace__(self, *, api_version: str | None = None) -> Trace:
        return self.trace

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None) -> "Traced":
        """Written as an operator, or refused; `x += y` makes a new array here."""
        if method != "__call__" or ufunc not in OPERATORS:
            raise refusal(f"{ufunc.__name__} is not among a graph's operations")
        examples = [example_of(each) for each in inputs]
        dtype = np.result_type(*examples)
        if dtype not in TYPES:
            raise refusal(f"{ufunc.__name__} gives {dtype}", EXACT)
        if dtype == self.trace.float32 and ufunc in (np.remainder, np.floor_divide):
            raise refusal(f"{ufunc.__name__} of float32 is not exact", EXACT)
        arrays = [self.trace.asarray(each, dtype=dtype) for each in inputs]
        operator = OPERATORS[ufunc]
        if callable(operator):
            return operator(*arrays)
        name = operator.removeprefix("Bitwise") if dtype == self.trace.bool else operator
        return self.trace.node(ufunc(*examples), name, *arrays)

    def __array_function__(self, function: Callable[..., Any], *_: Any) -> NoReturn:
        raise refusal(f"numpy's {function.__name__} takes numpy's arrays alone")

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise refusal("numpy takes the words for an array of its own", "`like(words, table)` brings tables to them")

    def __bool__(self) -> bool:
        raise refusal("an `if`, `and` or `while` looks at values", "`namespace(words).where` picks values")

    def __float__(self) -> float:
        raise refusal("float() looks at values", "`scaled` makes float32")

    def __index__(self) -> int:
        raise refusal("int() or an index looks at values", "`like(words, table)[index]` reads tables")

    def __iter__(self) -> NoReturn:
        raise refusal("a loop goes over rows", "operators take all rows at once")

    def __len__(self) -> int:
        return len(self.example)

    def __getitem__(self, key: Any) -> "Traced":
        """None, integers and slices along constant axes; or the entries that a traced index names, axis 0."""
        if isinstance(key, Traced):
            return self.trace.node(self.example[key.example], "Gather", self, key, axis=0)
        found, axis = self, 0
        for item in with_ellipsis(key, self.ndim):
            found, axis = found.along(item, axis)
        return found

    def along(self, item: Any, axis: int) -> tuple["Traced", int]:
        """One item of an index, and the axis of the next."""
        if item is None:
            return self.trace.node(np.expand_dims(self.example, axis), "Unsqueeze", self, [axis]), axis + 1
        if isinstance(item, int | np.integer):
            return self.trace.node(self.example.take(item, axis), "Gather", self, item, axis=axis), axis
        if not isinstance(item, slice):
            raise refusal(f"an index is a {type(item).__name__}", "`like(words, table)[index]` reads tables")
        if item == slice(None):
            return self, axis + 1
        example, step = self.example[(slice(None),) * axis + (item,)], item.step or 1
        if step < 0:
            raise refusal("a slice goes backwards, which torch's do not", "a table of indices turns columns round")
        if axis > 0 and example.shape == self.shape:
            return self, axis + 1
        start, stop = item.start or 0, LAST if item.stop is None else item.stop
        return self.trace.node(example, "Slice", self, [start], [stop], [axis], [step]), axis + 1

    def reshape(self, *shape: Any) -> "Traced":
        """A first axis that stays, which may be N, is copied from the array itself."""
        sizes = list(shape[0] if isinstance(shape[0], tuple | list) else shape)
        example = self.example.reshape(sizes)
        if sizes[0] == len(self.example):
            sizes[0] = 0
        return self.trace.node(example, "Reshape", self, sizes)

    def sum(self, axis: int, keepdims: bool = False) -> "Traced":
        """Of integers; sums of float32 depend on their order."""
        if self.dtype != self.trace.int64:
            raise refusal(f"a sum of {self.dtype} depends on its order", "sum integers, then use `scaled`")
        example = self.example.sum(axis, keepdims=keepdims)
        return self.trace.node(example, "ReduceSum", self, [axis], keepdims=int(keepdims))


class Float64:
    """Positive integers as float64, which graphs for browsers must not have; its bits follow from integers alone."""

    def __init__(self, integers: Traced) -> None:
        self.integers = integers

    def view(self, dtype: Any) -> Traced:
        """Exponent and mantissa as int64; from 2^53 on, the mantissa is rounded down.

        The highest bit moves to place 62, by halves, and by a table for the last byte.
        """
        x, xp = self.integers, self.integers.trace
        exponent: Any = 1022 + 62
        for step in (32, 16, 8):
            small = xp.asarray(x < 2 ** (63 - step), dtype=xp.int64)  # 0 or 1, and faster than `where`
            x = x * (1 + small * (2**step - 1))
            exponent = exponent - step * small
        zeros = xp.take(ZEROS, x >> 55)
        return ((x << zeros) >> 10) + ((exponent - zeros) << 52)


def shifted_left(x: Traced, count: Traced) -> Traced:
    return x * power(count)


def shifted_right(x: Traced, count: Traced) -> Traced:
    """ONNX divides towards zero, so what would be left over is taken off first; then numbers below 0 come out right."""
    divisor = power(count)
    return x.trace.node(x.example >> count.example, "Div", x - (x & (divisor - 1)), divisor)


def floor_divided(x: Traced, y: Traced) -> Traced:
    return x.trace.node(x.example // y.example, "Div", x - x % y, y)


def power(count: Traced) -> Traced:
    if not ((count.example >= 0) & (count.example < len(POWERS))).all():
        raise refusal("a shift is by less than 0 or by more than 62 places", "shift by 0 to 62 places")
    return count.trace.take(POWERS, count)


OPERATORS: dict[np.ufunc, str | Callable[..., Traced]] = {
    np.add: "Add",
    np.subtract: "Sub",
    np.multiply: "Mul",
    np.remainder: "Mod",
    np.negative: "Neg",
    np.absolute: "Abs",
    np.bitwise_and: "BitwiseAnd",
    np.bitwise_or: "BitwiseOr",
    np.bitwise_xor: "BitwiseXor",
    np.invert: "BitwiseNot",
    np.equal: "Equal",
    np.not_equal: lambda x, y: ~(x == y),
    np.less: "Less",
    np.less_equal: "LessOrEqual",
    np.greater: "Greater",
    np.greater_equal: "GreaterOrEqual",
    np.left_shift: shifted_left,
    np.right_shift: shifted_right,
    np.floor_divide: floor_divided,
}


def with_ellipsis(key: Any, ndim: int) -> list[Any]:
    """The items of an index, with an ellipsis spelled out."""
    items = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in items:
        place = items.index(Ellipsis)
        taken = sum(item is not None for item in items) - 1
        items[place : place + 1] = [slice(None)] * (ndim - taken)
    return items


def example_of(value: Any) -> Any:
    return value.example if isinstance(value, Traced) else value


def refusal(what: str, remedy: str = REMEDY) -> ExportFailed:
    return ExportFailed(f"The prior cannot be written as an ONNX graph: {what}; {remedy}.")
