"""Emission: one ONNX graph in the making, and the table of what each op of the IR becomes.

@emitter("radial")
def radial(e: Emission, op: Radial) -> Tensor:
    return e(op.env).gather(e.ints(0), axis=-1)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from dpc.backends.onnx.library import helper, numpy_helper, onnx
from dpc.backends.onnx.tensor import Tensor
from dpc.errors import InputError
from dpc.ir.op import Op, Value
from dpc.ir.params import Param
from dpc.ir.types import DType, NumpyArray
from dpc.registry import Registry

emitters: Registry[Callable[[Emission, Any], Tensor]] = Registry(
    "ONNX emitter", "dpc.onnx", package="dpc.backends.onnx.ops"
)

E = TypeVar("E", bound=Callable[..., Tensor])


def emitter(name: str) -> Callable[[E], E]:
    """Decorator: what op `name` of the IR becomes. It takes the emission and the op."""

    def add(function: E) -> E:
        emitters.add(name, function)
        return function

    return add


class Emission:
    """Nodes and constants of one graph.

    Calling it with a value of the IR gives its Tensor, emitted on first need. Equal nodes on
    equal inputs are one node: an adjoint finds the forward values it needs.
    """

    def __init__(self, store: Mapping[str, NumpyArray]) -> None:
        self.store = store
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._tensors: dict[Value, Tensor] = {}
        self._known: dict[Any, Tensor] = {}
        self._names: set[str] = set()
        self._within = ""

    def __call__(self, value: Value) -> Tensor:
        if value not in self._tensors:
            op, outside = value.op, self._within
            self._within = value.name or op.name
            self._tensors[value] = emitters.get(op.name)(self, op)
            self._within = outside
        return self._tensors[value]

    def bind(self, value: Value, name: str) -> None:
        """Say that a value of the IR is there already, as an input of the graph."""
        self._tensors[value] = Tensor(self, self._fresh(name), value.dtype)

    def node(self, kind: str, *inputs: Tensor, dtype: DType, **facts: Any) -> Tensor:
        """A node of the standard op `kind`, or the equal one that is there."""
        key = (kind, tuple(i.name for i in inputs), repr(sorted(facts.items())))
        if key not in self._known:
            name = self._fresh(f"{self._within}/{kind}")
            names = [i.name for i in inputs]
            self.nodes.append(helper.make_node(kind, names, [name], name=name, **facts))
            self._known[key] = Tensor(self, name, dtype)
        return self._known[key]

    def output(self, tensor: Tensor, name: str) -> None:
        """Make a tensor an output of the graph, under this name."""
        self.nodes.append(helper.make_node("Identity", [tensor.name], [name], name=name))

    def array(self, array: NumpyArray, name: str = "constant") -> Tensor:
        """A constant; equal ones are one."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            fresh = self._fresh(name)
            self.initializers.append(numpy_helper.from_array(np.asarray(array, order="C"), fresh))
            self._known[key] = Tensor(self, fresh, DType.of(array.dtype))
        return self._known[key]

    def stored(self, name: str) -> Tensor:
        """A tensor of the program, under its own name."""
        return self.array(self.store[name], name)

    def param(self, param: Param) -> Tensor:
        """The numbers of a parameter."""
        return self.stored(param.name)

    def ints(self, numbers: int | Sequence[int]) -> Tensor:
        """i64 constants: axes, shapes, indices."""
        return self.array(np.asarray(numbers, dtype=np.int64), "ints")

    def fill(self, shape: Tensor, value: float, dtype: DType) -> Tensor:
        """The same number everywhere; `shape` is i64."""
        number = helper.make_tensor("value", self.onnx_type(dtype), [1], [value])
        return self.node("ConstantOfShape", shape, dtype=dtype, value=number)

    @staticmethod
    def onnx_type(dtype: DType) -> int:
        """ONNX's number of an element type."""
        return int(helper.np_dtype_to_tensor_dtype(dtype.numpy))

    def _fresh(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self._names:
            name, number = f"{wanted}_{number}", number + 1
        self._names.add(name)
        return name


def refuse_unknown(ops: Sequence[Op]) -> None:
    """One error with every op that has no emitter."""
    unknown = list(dict.fromkeys(op.name for op in ops if op.name not in emitters))
    if unknown:
        raise InputError(
            f"the program has no ONNX form: there is no emitter for {', '.join(unknown)}. ONNX "
            "takes padded programs of plain ops: leave out passes exact_neighbors and fuse"
        )
