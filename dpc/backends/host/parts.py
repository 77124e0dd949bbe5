"""What a plan is made of: arrays, values in the lanes of a tile, kernels, stages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dpc.ir.types import DType
from dpc.targets.target import ALIGNMENT

REAL = "dpc_real"
"""What plan.c calls the number format of the nets, `float` or `double`."""

C_TYPES = {DType.F64: "double", DType.F32: "float", DType.I32: "int32_t"}
READERS = {"double": "doubles", "int32_t": "integers", REAL: "reals"}
"""What reads numbers of each type from params.safetensors, in plan.c."""

SCRATCH = frozenset("work xa s g ds dg rows candidates".split())
"""Members of `buffers` that hold no value of the program."""


@dataclass(frozen=True)
class Buffer:
    """An array in the workspace of a tile, of a fixed size."""

    name: str
    count: int
    shape: str  # for the reader of plan.c: "[K][TILE]"
    type: str  # of an element
    item_bytes: int

    @property
    def bytes(self) -> int:
        """Size, rounded up to whole cache lines."""
        return -(-self.count * self.item_bytes // ALIGNMENT) * ALIGNMENT


@dataclass
class Stage:
    """Some lines of C, and the buffers they touch.

    With `loop` the lines are the body of a loop over the centres of the tile; later ops may
    append to it.
    """

    text: list[str]  # the ops, as the program prints them
    code: list[str]
    uses: set[str] = field(default_factory=set)
    loop: bool = False
    before: list[str] = field(default_factory=list)  # ahead of the loop


@dataclass(frozen=True)
class Lanes:
    """Where a value [nloc, features] is: in `buffer` [..][lanes] from row `first` on."""

    buffer: str
    first: int
    features: int

    @property
    def pointer(self) -> str:
        """C expression."""
        return f"b.{self.buffer}" + (f" + {self.first} * lanes" if self.first else "")

    def part(self, first: int, width: int) -> Lanes:
        """Some of its features."""
        return Lanes(self.buffer, self.first + first, width)

    def lane(self, index: str) -> str:
        """C expression of the first feature of one lane."""
        return (
            f"b.{self.buffer}[" + (f"{self.first} * lanes + " if self.first else "") + f"{index}]"
        )


@dataclass(frozen=True)
class TileKernels:
    """Kernels that work on the lanes of a tile: one spec for each size of tile.

    plan.c calls them through `call`, which is chosen by the number of centres.
    """

    specs: tuple[Any, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What plan.c calls them: the symbols without what tells the sizes apart."""
        return tuple(s.removeprefix("dpc_").rsplit("_v", 1)[0] for s in self.specs[0].symbols())

    @property
    def full(self) -> Any:
        """The spec for the largest tile."""
        return self.specs[-1]
