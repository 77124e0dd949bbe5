"""A fused program as a plan: which C calls in which order, on which arrays.

Walks the ops of the main graph; for each one the backend has an emitter, a function that
adds stages, arrays and numbers to the plan. Nothing here knows a particular model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from dpc.backends.host.parts import (
    C_TYPES,
    READERS,
    REAL,
    SCRATCH,
    Buffer,
    Lanes,
    Stage,
    TileKernels,
)
from dpc.backends.host.walk import number_format, walk
from dpc.errors import DpcError, InputError
from dpc.ir.graph import Graph
from dpc.ir.op import Op, Value
from dpc.ir.program import Buffer as Place
from dpc.ir.program import Program
from dpc.ir.types import DType
from dpc.package.packed import Packing, Piece
from dpc.passes.memory import place
from dpc.targets import Target
from dpc.targets.target import VECTORS


@dataclass
class Plan:
    """What `write` prints and `build` compiles. Names are unique in plan.c."""

    program: Program
    target: Target
    dtype: DType
    constants: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    statics: list[str] = field(default_factory=list)
    tensors: dict[str, NDArray[Any]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    pieces: dict[str, tuple[Piece, ...]] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    buffers: dict[str, Buffer] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    energy_stages: int = 0
    headers: list[str] = field(default_factory=list)
    kernels: list[Any] = field(default_factory=list)
    tile_kernels: list[TileKernels] = field(default_factory=list)
    values: dict[Value, Any] = field(default_factory=dict)
    text: dict[Op, str] = field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        """The graph that is compiled."""
        return self.program.energy

    @property
    def packing(self) -> Packing:
        """How to undo what the plan did to the program's tensors."""
        return Packing(self.pieces, self.widths)

    @property
    def real(self) -> str:
        """The number format of the nets as kernels name it: float64 or float32."""
        return self.dtype.numpy.name

    @property
    def tiles(self) -> tuple[int, ...]:
        """Lanes of each size of tile: 1, 2, .. vectors."""
        return tuple(self.target.tile_atoms(self.real, n + 1) for n in range(VECTORS))

    @property
    def tile(self) -> int:
        """Lanes of the largest tile."""
        return self.tiles[-1]

    def constant(self, name: str, value: int | float, note: str = "") -> str:
        """A named number of plan.c; the same name twice must mean the same number."""
        shown = repr(value)
        if self.constants.setdefault(name, shown) != shown:
            raise DpcError(f"plan.c needs {name} to be {self.constants[name]} and {shown}")
        if note:
            self.notes[name] = note
        return name

    def tensor(self, name: str, array: NDArray[Any], address: str) -> str:
        """Store an array; `address` becomes the C name of its place in the file."""
        kind = DType.of(array.dtype)
        if kind is not self.dtype and kind not in (DType.F64, DType.I32):
            raise InputError(f"tensor {name} is {kind}, but the nets compute in {self.dtype}")
        self.tensors[name] = array
        self.addresses[name] = address
        reader = READERS[REAL if kind is self.dtype else C_TYPES[kind]]
        return f"{reader}(tile, {address})"

    def buffer(self, name: str, count: int, shape: str, type: str = REAL) -> str:
        """An array in the workspace; a scratch array of one name grows to the largest."""
        before = self.buffers.get(name)
        item = self.dtype.bytes if type == REAL else 8
        if before is None or before.count < count:
            self.buffers[name] = Buffer(name, count, shape, type, item)
        return name

    def scratch(self, spec: Any) -> None:
        """Room for what a kernel takes as `work`."""
        count = spec.work_bytes(self.target) // self.dtype.bytes
        self.buffer("work", count, "scratch of the nets")

    def header(self, name: str) -> None:
        """Include a file of C stages."""
        if name not in self.headers:
            self.headers.append(name)

    def lanes(self, value: Value, name: str, features: int, type: str = REAL) -> Lanes:
        """Where to put a value, unless that is settled (an operand of concat).

        The buffer is called as the value is, or `name` where that has no name.
        """
        place: Lanes | None = self.values.get(value)
        if place is None:
            shown = value.name or ""  # of a program that was read, also a number
            name = self._free(re.sub(r"\W", "_", shown if shown[:1].isalpha() else name))
            # kernels work in blocks of 8 features
            rows = -(-features // 8) * 8
            self.buffer(name, rows * self.tile, f"[{features}][TILE]", type)
            place = self.values[value] = Lanes(name, 0, features)
        return place

    def _free(self, name: str) -> str:
        """A name that no buffer has yet."""
        found, number = name, 2
        while found in self.buffers or found in SCRATCH:
            found, number = f"{name}_{number}", number + 1
        return found

    def stage(self, op: Op, code: list[str], uses: set[str], loop: bool = False) -> Stage:
        """Append a stage."""
        made = Stage([self.text[op]], [f"DPC_STAGE({op.name});", *code], uses, loop)
        self.stages.append(made)
        return made

    def kernel(self, spec: Any) -> tuple[str, ...]:
        """Ask for a kernel; the names of its C functions."""
        if spec not in self.kernels:
            self.kernels.append(spec)
        symbols: tuple[str, ...] = spec.symbols()
        return symbols

    def tile_kernel(self, make: Callable[[int], Any]) -> TileKernels:
        """Ask for a kernel in every size of tile; `make` takes the number of vectors."""
        wanted = TileKernels(tuple(make(n + 1) for n in range(VECTORS)))
        for spec in wanted.specs:
            self.kernel(spec)
        if wanted not in self.tile_kernels:
            self.tile_kernels.append(wanted)
        return wanted

    def at(self, value: Value) -> Any:
        """Where a value is."""
        if value not in self.values:
            raise DpcError(f"{value!r} is used before anything computes it")
        return self.values[value]


Emitter = Callable[[Plan, Any], None]


def make_plan(
    program: Program, target: Target, emitters: Mapping[str, Emitter], inputs: Mapping[str, Any]
) -> Plan:
    """Walk the program. `inputs`: what the values of the graph's inputs are called."""
    plan = Plan(program, target, number_format(program))

    def place(value: Value) -> Lanes:
        return plan.lanes(value, "d", int(value.dims[-1]))

    def energy_done() -> None:
        plan.energy_stages = len(plan.stages)

    walk(plan, emitters, inputs, place, energy_done)
    return plan


def place_buffers(plan: Plan) -> tuple[dict[str, int], int]:
    """Offset of each buffer in the workspace, and the size of all.

    The placing of pass memory, for the buffers there really are: with padding, with the
    scratch of the kernels, and with values that share one array.
    """
    wanted = [
        Place(name, 0, buffer.bytes, *_live(plan, name)) for name, buffer in plan.buffers.items()
    ]
    placed = place(wanted)
    size = max((one.offset + one.size for one in placed), default=0)
    return {one.value: one.offset for one in placed}, size


def _live(plan: Plan, name: str) -> tuple[int, int]:
    used = [number for number, stage in enumerate(plan.stages) if name in stage.uses]
    return (min(used), max(used)) if used else (0, len(plan.stages))
