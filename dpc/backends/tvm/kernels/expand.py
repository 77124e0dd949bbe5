"""All columns of a tile of atoms from those of a basis: one matrix product for each component.

forward   x[c][m]  = sum_p p[c][p] C[p][m]
backward  dp[c][p] = sum_m dx[c][m] C[p][m]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dpc.backends.tvm.kernels import gemm
from dpc.backends.tvm.kernels.emitter import Emitter, Index
from dpc.backends.tvm.kernels.spec import C_TYPES, aligned, require_tile
from dpc.backends.tvm.tuning import Tuning
from dpc.errors import InputError
from dpc.targets import Target
from dpc.targets.target import ITEM_BYTES, VECTORS

COMPONENTS = 4


@dataclass(frozen=True)
class ExpandSpec:
    """Forward and backward for W columns of a basis and M columns of the net."""

    W: int
    M: int
    dtype: str = "float64"
    vectors: int = VECTORS

    def __post_init__(self) -> None:
        require_tile(self.dtype, self.vectors)
        if self.W < 1 or self.M < 1:
            raise InputError(f"{self.W} columns to {self.M}: both must be at least 1")

    def symbols(self) -> tuple[str, ...]:
        name = f"W{self.W}_M{self.M}_v{self.vectors}"
        return (f"dpc_expand_forward_{name}", f"dpc_expand_backward_{name}")

    def prototypes(self) -> tuple[str, ...]:
        """p [4*W][TA], w the packed C, x [4*M][TA] with room for 7 rows more; dx, dp alike."""
        c = C_TYPES[self.dtype]
        forward, backward = self.symbols()
        return (
            f"void {forward}(const {c} *restrict p, const {c} *restrict w, {c} *restrict x);",
            f"void {backward}(const {c} *restrict dx, const {c} *restrict w, {c} *restrict dp);",
        )

    def pack(self, columns: np.ndarray) -> np.ndarray:
        """C [W, M] packed as the weights of a layer, and the zeros that its sums start from."""
        if columns.shape != (self.W, self.M):
            raise InputError(f"columns {columns.shape}, but must be {(self.W, self.M)}")
        blob = np.zeros(self.pack_bytes() // ITEM_BYTES[self.dtype], self.dtype)
        weights = gemm.pack_weights(columns)
        blob[: weights.size] = weights
        return blob

    def pack_bytes(self) -> int:
        """Bytes of one packed C, a multiple of 64."""
        return (self._zeros() + aligned(self.M + gemm.BLOCK, self.dtype)) * ITEM_BYTES[self.dtype]

    def work_bytes(self, target: Target) -> int:
        return 0

    def functions(self, target: Target, tuning: Tuning) -> tuple[Any, ...]:
        return self._forward(target, tuning), self._backward(target, tuning)

    def _zeros(self) -> int:
        """Where in the packed C the zeros begin."""
        return aligned(gemm.packed_size(self.W, self.M), self.dtype)

    def _forward(self, target: Target, tuning: Tuning) -> Any:
        emit = Emitter(self.symbols()[0], target, self.dtype, self.vectors)
        p, w, x = (emit.pointer(name) for name in ("p", "w", "x"))
        with emit.loop(COMPONENTS, "c") as c:  # what one writes beyond its rows the next mends
            rows, to = p.part(c * (self.W * emit.tile)), x.part(c * (self.M * emit.tile))
            gemm.forward(emit, tuning, rows, w, w.part(self._zeros()), to, self.W, self.M, _nothing)
        return emit.finish()

    def _backward(self, target: Target, tuning: Tuning) -> Any:
        emit = Emitter(self.symbols()[1], target, self.dtype, self.vectors)
        dx, w, dp = (emit.pointer(name) for name in ("dx", "w", "dp"))
        with emit.loop(COMPONENTS, "c") as c:
            rows, to = dx.part(c * (self.M * emit.tile)), dp.part(c * (self.W * emit.tile))
            gemm.backward(emit, tuning, rows, w, to, self.W, self.M, None, _nothing)
        return emit.finish()


def _nothing(first: Index, count: int) -> None:
    """What follows once rows are final."""
