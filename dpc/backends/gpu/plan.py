"""A fused program as a plan for a GPU: which kernels in which order, on which arrays.

Walks the ops of the main graph; for each one there is an emitter, a function that adds kernels,
launches, arrays and numbers. All centres of a chunk have one type, so what depends on the type
of the centre is chosen where kernels are launched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from dpc.backends.host.walk import number_format, walk
from dpc.errors import DpcError, InputError
from dpc.ir.op import Op, Value
from dpc.ir.program import Program
from dpc.ir.types import DType
from dpc.targets import Target

Number = int | float | str


@dataclass(frozen=True)
class Kernel:
    """One kernel: a file of `kernels/` with constants of its own."""

    name: str
    file: str
    threads: int
    defines: Mapping[str, Number] = field(default_factory=dict)


@dataclass
class Array:
    """Memory on the device, in bytes for each of what dpc_array counts."""

    name: str
    sizes: Mapping[str, int]  # fixed, center, local, atom
    shape: str  # for the reader of plan.c
    kept: bool = False  # its content outlives the chunk


@dataclass
class Launch:
    """One launch. `blocks` is a C expression, `arguments` are initialisers of dpc_argument."""

    text: str
    kernel: str
    blocks: str
    threads: int
    arguments: list[str]
    uses: tuple[str, ...]
    condition: str = ""


@dataclass(frozen=True)
class Matrix:
    """A value [nloc, width] of the chunk: columns from `first` of rows of `stride` numbers."""

    array: str
    first: int
    stride: int
    width: int

    @property
    def whole(self) -> bool:
        """Are these all columns of the array?"""
        return self.first == 0 and self.stride == self.width

    def part(self, first: int, width: int) -> Matrix:
        """Some of its columns."""
        return replace(self, first=self.first + first, width=width)


@dataclass
class Plan:
    """What `source` prints as kernels and `write` as plan.c."""

    program: Program
    target: Target
    dtype: DType
    defines: dict[str, Number] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    kernels: dict[str, Kernel] = field(default_factory=dict)
    tensors: dict[str, NDArray[Any]] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)
    begin: list[str] = field(default_factory=list)
    launches: list[Launch] = field(default_factory=list)
    finish: list[Launch] = field(default_factory=list)
    energy_launches: int = 0
    statics: list[str] = field(default_factory=list)
    values: dict[Value, Any] = field(default_factory=dict)
    text: dict[Op, str] = field(default_factory=dict)

    @property
    def real_bytes(self) -> int:
        """Of a number of the nets."""
        return self.dtype.bytes

    def define(self, **values: Number) -> None:
        """Constants of all kernels; the same name twice must mean the same number."""
        for name, value in values.items():
            if self.defines.setdefault(name, value) != value:
                raise DpcError(f"kernels need {name} to be {self.defines[name]} and {value}")

    def header(self, name: str) -> None:
        """Include a file without constants of its own, once."""
        if name not in self.headers:
            self.headers.append(name)

    def kernel(self, name: str, file: str, threads: int, **defines: Number) -> Kernel:
        """Ask for a kernel; what is there already under another name is taken."""
        made = Kernel(name, file, threads, defines)
        for known in self.kernels.values():
            if defines and replace(known, name=name) == made:
                return known
        if self.kernels.setdefault(name, made) != made:
            raise DpcError(f"two different kernels are called {name}")
        return made

    def tensor(self, name: str, array: NDArray[Any]) -> str:
        """Numbers on the device: the argument that passes them."""
        kind = DType.of(array.dtype)
        if kind is not self.dtype and kind not in (DType.F64, DType.I32):
            raise InputError(f"tensor {name} is {kind}, but the nets compute in {self.dtype}")
        self.tensors.setdefault(name, array)
        return f"TENSOR({tensor_name(name)})"

    def tensor_of_type(self, names: list[str]) -> str:
        """The same for one tensor of several, by the type of the centres of the chunk."""
        for name in names:
            self.tensor(name, self.program.store[name])
        if len(names) == 1:
            return f"TENSOR({tensor_name(names[0])})"
        places = ", ".join(tensor_name(name) for name in names)
        table = tensor_name(names[0]).removeprefix("AT_") + "_OF_TYPE"
        line = f"static const int32_t {table}[] = {{{places}}};"
        if line not in self.statics:
            self.statics.append(line)
        return f"TENSOR({table}[step->center_type])"

    def array(self, name: str, shape: str, kept: bool = False, **sizes: int) -> str:
        """An array; the argument that passes it."""
        self.arrays.setdefault(name, Array(name, sizes, shape, kept))
        return f"ARRAY({name})"

    def matrix(self, value: Value, name: str, width: int) -> Matrix:
        """Where to put a value, unless that is settled (a part of a concat)."""
        place: Matrix | None = self.values.get(value)
        if place is None:
            found, number = name, 2
            while found in self.arrays:
                found, number = f"{name}_{number}", number + 1
            self.array(found, f"[centres][{width}]", center=width * self.real_bytes)
            place = self.values[value] = Matrix(found, 0, width, width)
        return place

    def launch(
        self,
        op: Op | None,
        kernel: Kernel,
        blocks: str,
        arguments: list[str],
        condition: str = "",
        finish: bool = False,
    ) -> None:
        """Append a launch; which arrays it uses is read off its arguments."""
        uses = tuple(a[6:-1] for a in arguments if a.startswith("ARRAY("))
        made = Launch(
            self.text[op] if op is not None else "",
            kernel.name, blocks, kernel.threads, arguments, uses, condition,
        )  # fmt: skip
        (self.finish if finish else self.launches).append(made)

    def at(self, value: Value) -> Any:
        """Where a value is."""
        if value not in self.values:
            raise DpcError(f"{value!r} is used before anything computes it")
        return self.values[value]


def tensor_name(name: str) -> str:
    """The C name of a tensor's number."""
    return "AT_" + "".join(c if c.isalnum() else "_" for c in name).upper()


Emitter = Callable[[Plan, Any], None]


def make_plan(
    program: Program, target: Target, emitters: Mapping[str, Emitter], inputs: Mapping[str, Any]
) -> Plan:
    """Walk the program. `inputs`: what the inputs of the graph are called."""
    plan = Plan(program, target, number_format(program))

    def place(value: Value) -> Matrix:
        return plan.matrix(value, "d", int(value.dims[-1]))

    def energy_done() -> None:
        plan.energy_launches = len(plan.launches)

    walk(plan, emitters, inputs, place, energy_done)
    return plan
