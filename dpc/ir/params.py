"""What a program knows by number: nets, tables, parameters, and the store of their tensors.

A declaration (`NetBank`, `Table`, `Param`) says names and shapes and is part of the text;
ops hold it as an attribute, printed `@name`. The numbers are in the `ParamStore`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from dpc.errors import GraphError, InputError, did_you_mean
from dpc.ir.activations import ACTIVATIONS, canonical
from dpc.ir.bfloat16 import to_bfloat16
from dpc.ir.types import ArrayType, DType, NumpyArray

INDEXES = ("neighbor type", "atom type", "type pair")


@dataclass(frozen=True)
class Ref:
    """A declaration that ops refer to by name."""

    name: str

    def tensors(self) -> dict[str, ArrayType]:
        """Name and type of every tensor that belongs to it in the store."""
        raise NotImplementedError

    def __str__(self) -> str:
        return f"@{self.name}"


@dataclass(frozen=True)
class Param(Ref):
    """One array of parameters."""

    type: ArrayType

    def tensors(self) -> dict[str, ArrayType]:
        return {self.name: self.type}


class Shortcut(Enum):
    """What a resnet layer adds to its result: nothing, its input x, or (x, x)."""

    NONE = 0
    SAME = 1
    DOUBLE = 2


@dataclass(frozen=True)
class Layer:
    """One dense layer: y = act(x W + b) [* idt] [+ x or (x, x)]."""

    inputs: int
    outputs: int
    activation: str
    shortcut: Shortcut
    timestep: bool


@dataclass(frozen=True)
class NetBank(Ref):
    """Nets of one shape, chosen by a type array.

    net @embedding[neighbor type] 2 nets  1 > 25 > 50 > 100  tanh resnet  f64

    `widths` begins with the inputs. With `resnet`, a layer that keeps or doubles the width
    adds its input; `plain` lists layers that do not although their widths would allow it.
    With `timestep` (DeePMD-kit's resnet_dt) the layers that add their input also scale
    by `idt`. With `has_head` the last layer is linear and adds nothing. With `bf16` the layers
    between the first and the head multiply numbers rounded to bfloat16, also for the adjoint,
    and sum in f32.
    Tensors: `{name}.{net}.{layer}.weight` [in, out], `.bias` [out], `.idt` [out].
    """

    index: str
    widths: tuple[int, ...]
    activation: str
    resnet: bool
    timestep: bool
    dtype: DType
    count: int
    has_head: bool
    plain: tuple[int, ...] = ()
    bf16: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(map(int, self.widths)))
        object.__setattr__(self, "activation", canonical(self.activation))
        object.__setattr__(self, "dtype", DType(self.dtype))
        _check_index(self)
        if len(self.widths) < 2 or min(self.widths) < 1 or self.count < 1:
            raise GraphError(f"net {self}: needs a net, an input and a layer of positive widths")
        if self.bf16 and not (self.dtype is DType.F32 and self.has_head):
            raise GraphError(f"net {self}: bf16 goes with f32 and a head")

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, as the rules of the class say."""
        return tuple(self._layer(i) for i in range(len(self.widths) - 1))

    def _layer(self, i: int) -> Layer:
        inputs, outputs = self.widths[i], self.widths[i + 1]
        if self.has_head and i == len(self.widths) - 2:
            return Layer(inputs, outputs, "linear", Shortcut.NONE, False)
        shortcut = Shortcut.NONE
        if self.resnet and i not in self.plain:
            same, double = outputs == inputs, outputs == 2 * inputs
            shortcut = Shortcut.SAME if same else Shortcut.DOUBLE if double else Shortcut.NONE
        timestep = self.timestep and shortcut is not Shortcut.NONE
        return Layer(inputs, outputs, self.activation, shortcut, timestep)

    def tensors(self) -> dict[str, ArrayType]:
        found: dict[str, ArrayType] = {}
        for k in range(self.count):
            for i, layer in enumerate(self.layers):
                at = f"{self.name}.{k}.{i}"
                found[f"{at}.weight"] = ArrayType(self.dtype, (layer.inputs, layer.outputs))
                found[f"{at}.bias"] = ArrayType(self.dtype, (layer.outputs,))
                if layer.timestep:
                    found[f"{at}.idt"] = ArrayType(self.dtype, (layer.outputs,))
        return found

    def net(self, store: Mapping[str, NumpyArray], k: int) -> Net:
        """Net k with its numbers."""
        dense = []
        for i, layer in enumerate(self.layers):
            at = f"{self.name}.{k}.{i}"
            idt = store[f"{at}.idt"] if layer.timestep else None
            rounds = self.bf16 and 0 < i < len(self.layers) - 1
            dense.append(Dense(layer, store[f"{at}.weight"], store[f"{at}.bias"], idt, rounds))
        return Net(tuple(dense))

    __str__ = Ref.__str__


@dataclass(frozen=True, eq=False)
class Dense:
    """A layer with its numbers."""

    layer: Layer
    weight: NumpyArray  # [inputs, outputs]
    bias: NumpyArray  # [outputs]
    idt: NumpyArray | None  # [outputs]
    rounds: bool = False  # what is multiplied, to bfloat16

    def product(self, x: NumpyArray) -> NumpyArray:
        """x W for x [n, inputs]."""
        if not self.rounds:
            return np.asarray(x @ self.weight)
        return np.asarray(to_bfloat16(x) @ to_bfloat16(self.weight))

    def back(self, d: NumpyArray) -> NumpyArray:
        """d W^T for d [n, outputs]."""
        if not self.rounds:
            return np.asarray(d @ self.weight.T)
        return np.asarray(to_bfloat16(d) @ to_bfloat16(self.weight).T)


@dataclass(frozen=True, eq=False)
class Net:
    """One net with its numbers: rows [n, inputs] to rows [n, outputs]."""

    layers: tuple[Dense, ...]

    def __call__(self, x: NumpyArray) -> NumpyArray:
        for dense in self.layers:
            x = self._forward(dense, x)
        return x

    def vjp(self, x: NumpyArray, d: NumpyArray) -> NumpyArray:
        """The adjoint of x [n, inputs], given that of the result, d [n, outputs]."""
        inputs = [x]
        for dense in self.layers[:-1]:
            inputs.append(self._forward(dense, inputs[-1]))
        for dense, at in zip(reversed(self.layers), reversed(inputs), strict=True):
            d = self._backward(dense, at, d)
        return d

    def _forward(self, dense: Dense, x: NumpyArray) -> NumpyArray:
        y = ACTIVATIONS[dense.layer.activation].value(dense.product(x) + dense.bias)
        if dense.idt is not None:
            y = y * dense.idt
        if dense.layer.shortcut is Shortcut.SAME:
            y = y + x
        elif dense.layer.shortcut is Shortcut.DOUBLE:
            y = y + np.concatenate([x, x], axis=-1)
        return y

    def _backward(self, dense: Dense, x: NumpyArray, d: NumpyArray) -> NumpyArray:
        through = d if dense.idt is None else d * dense.idt
        slope = ACTIVATIONS[dense.layer.activation].slope(dense.product(x) + dense.bias)
        dx = dense.back(through * slope)
        if dense.layer.shortcut is Shortcut.SAME:
            dx = dx + d
        elif dense.layer.shortcut is Shortcut.DOUBLE:
            half = dense.layer.inputs
            dx = dx + d[:, :half] + d[:, half:]
        return dx


@dataclass(frozen=True)
class Table(Ref):
    """Nets of one scalar as piecewise polynomials on a uniform grid.

    table @embedding[neighbor type] 2 nets  0.0 to 1.2 step 0.02  61 rows  width 100  f64

    Row r covers [lower + r stride, lower + (r+1) stride) with ascending powers of
    t = x - (lower + r stride), up to t^5. The last row begins at `upper` and serves every
    x >= upper: the Taylor polynomial of degree 2 there. Row 0 serves x < lower too.
    Tensor: `{name}` [count, rows, 6, width].
    """

    index: str
    count: int
    width: int
    lower: float
    upper: float
    stride: float
    rows: int
    dtype: DType = DType.F64

    def __post_init__(self) -> None:
        for field in ("lower", "upper", "stride"):
            object.__setattr__(self, field, float(getattr(self, field)))
        object.__setattr__(self, "dtype", DType(self.dtype))
        _check_index(self)
        last = self.lower + (self.rows - 1) * self.stride
        if self.stride <= 0 or self.rows < 2 or self.count < 1 or self.width < 1:
            raise GraphError(f"table {self}: needs a net, a column, two rows and a positive stride")
        if abs(last - self.upper) > 1e-9 * max(1.0, abs(self.upper)):
            raise GraphError(
                f"table {self}: the last of {self.rows} rows begins at {last}, not at the upper "
                f"end {self.upper}; rows must be (upper - lower) / stride + 1"
            )

    order = 5

    def tensors(self) -> dict[str, ArrayType]:
        return {self.name: ArrayType(self.dtype, (self.count, self.rows, 6, self.width))}

    def locate(self, x: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        """Row of each x and its distance t from where the row begins."""
        row = np.floor((x - self.lower) / self.stride)
        row = np.clip(row, 0, self.rows - 1).astype(np.int64)
        return row, x - (self.lower + row * self.stride)

    __str__ = Ref.__str__


def _check_index(ref: NetBank | Table) -> None:
    if ref.index not in INDEXES:
        known = ", ".join(repr(i) for i in INDEXES)
        hint = did_you_mean(ref.index, INDEXES)
        raise GraphError(f"{ref}: no index {ref.index!r}.{hint} Known: {known}")


class ParamStore(Mapping[str, NumpyArray]):
    """Tensors by name. Never changed: `updated` and `subset` make new stores."""

    def __init__(self, tensors: Mapping[str, NumpyArray] | None = None) -> None:
        self._tensors: dict[str, NumpyArray] = {}
        for name, tensor in (tensors or {}).items():
            array = np.asarray(tensor)
            if array.flags.writeable:
                array = array.copy()
                array.flags.writeable = False
            self._tensors[name] = array

    def __getitem__(self, name: str) -> NumpyArray:
        if name not in self._tensors:
            raise InputError(
                f"tensor {name!r} is missing: the store holds {len(self)} tensors. Read the "
                f"program together with its params.safetensors."
            )
        return self._tensors[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def updated(self, tensors: Mapping[str, NumpyArray]) -> ParamStore:
        """With these tensors added or replaced."""
        return ParamStore({**self._tensors, **tensors})

    def subset(self, names: Iterable[str]) -> ParamStore:
        """Only these names, where present."""
        return ParamStore({n: self._tensors[n] for n in names if n in self._tensors})
