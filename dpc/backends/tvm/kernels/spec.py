"""What every kernel family tells the compiler and the writer of the plan."""

from __future__ import annotations

from typing import Any, Protocol

from dpc.backends.tvm.tuning import Tuning
from dpc.errors import InputError
from dpc.targets import Target
from dpc.targets.target import ALIGNMENT, ITEM_BYTES, VECTORS

C_TYPES = {"float64": "double", "float32": "float"}


class KernelSpec(Protocol):
    """One kernel family with its sizes; frozen and hashable.

    All pointers that the kernels take are restrict and ALIGNMENT bytes aligned.
    """

    def symbols(self) -> tuple[str, ...]:
        """The C functions, forward before backward."""
        ...

    def prototypes(self) -> tuple[str, ...]:
        """Their C declarations, in the same order."""
        ...

    def work_bytes(self, target: Target) -> int:
        """Bytes of scratch (parameter `work`) a call needs; 0 when there is none."""
        ...

    def functions(self, target: Target, tuning: Tuning) -> tuple[Any, ...]:
        """The functions in TVM's IR, in the same order."""
        ...


def require_tile(dtype: str, vectors: int) -> None:
    """Refuse a number format or a tile that no kernel has."""
    if dtype not in C_TYPES:
        raise InputError(f"kernels compute in {' or '.join(C_TYPES)}, not in {dtype}")
    if not 1 <= vectors <= VECTORS:
        raise InputError(f"a tile of {vectors} vectors: it must have 1 to {VECTORS}")


def round_up(n: int, to: int) -> int:
    """The smallest multiple of `to` that is at least n."""
    return -(-n // to) * to


def aligned(count: int, dtype: str) -> int:
    """`count` numbers, rounded up to whole ALIGNMENT blocks."""
    return round_up(count, ALIGNMENT // ITEM_BYTES[dtype])
