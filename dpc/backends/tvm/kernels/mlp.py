"""Embedding nets evaluated as they are, without a table: one scalar in, M features out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dpc.backends.tvm.kernels.emitter import Emitter, Index, Vector
from dpc.backends.tvm.kernels.layer import Blob, Layer, Scratch, require_chain
from dpc.backends.tvm.kernels.net import Net
from dpc.backends.tvm.kernels.spec import C_TYPES, require_tile
from dpc.backends.tvm.tuning import Tuning
from dpc.errors import InputError
from dpc.targets import Target
from dpc.targets.target import ITEM_BYTES, VECTORS


@dataclass(frozen=True)
class MlpSpec:
    """g = net(s) and its adjoint for TN = TA neighbors in the lanes.

    `layers` runs from 1 input to M outputs; every layer has its own activation. `bank`
    names the C functions.
    """

    bank: str
    layers: tuple[Layer, ...]
    dtype: str = "float64"
    vectors: int = VECTORS

    def __post_init__(self) -> None:
        require_tile(self.dtype, self.vectors)
        require_chain(self.layers, f"net {self.bank}")
        if not self.layers:
            raise InputError(f"net {self.bank}: it has no layers")

    def symbols(self) -> tuple[str, ...]:
        return (
            f"dpc_mlp_forward_{self.bank}_v{self.vectors}",
            f"dpc_mlp_backward_{self.bank}_v{self.vectors}",
        )

    def prototypes(self) -> tuple[str, ...]:
        """s [TN], w the packed blob, g and dg [M][TN], ds [TN], work scratch."""
        c = C_TYPES[self.dtype]
        forward, backward = self.symbols()
        inputs = f"const {c} *restrict s, const {c} *restrict w"
        return (
            f"void {forward}({inputs}, {c} *restrict g, {c} *restrict work);",
            f"void {backward}({inputs}, const {c} *restrict dg, {c} *restrict ds, "
            f"{c} *restrict work);",
        )

    def pack(self, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
        """The blob of one net from `{layer}.weight|bias|idt`."""
        return self._blob().pack(tensors, f"net {self.bank}")

    def pack_bytes(self) -> int:
        """Bytes of one packed net, a multiple of 64."""
        return self._blob().size() * ITEM_BYTES[self.dtype]

    def work_bytes(self, target: Target) -> int:
        row = target.tile_atoms(self.dtype, self.vectors) * ITEM_BYTES[self.dtype]
        return Scratch(self.layers, gradient=True).rows() * row

    def functions(self, target: Target, tuning: Tuning) -> tuple[Any, ...]:
        return self._forward(target, tuning), self._backward(target, tuning)

    def _forward(self, target: Target, tuning: Tuning) -> Any:
        emit = Emitter(self.symbols()[0], target, self.dtype, self.vectors)
        s, w, g, work = (emit.pointer(name) for name in ("s", "w", "g", "work"))
        scratch = Scratch(self.layers, gradient=False)
        Net(emit, tuning, self.layers, w, self._blob().places(), work, scratch).forward(s, g)
        return emit.finish()

    def _backward(self, target: Target, tuning: Tuning) -> Any:
        emit = Emitter(self.symbols()[1], target, self.dtype, self.vectors)
        s, w, dg, ds, work = (emit.pointer(name) for name in ("s", "w", "dg", "ds", "work"))
        scratch = Scratch(self.layers, gradient=True)
        net = Net(emit, tuning, self.layers, w, self._blob().places(), work, scratch)

        def gradient(n: Index, v: int) -> Vector:
            return dg.load(n * emit.tile + v * emit.lanes)

        net.forward(s, gradient=gradient)  # the values of the last layer stay in work
        net.backward(gradient, ds)
        return emit.finish()

    def _blob(self) -> Blob:
        return Blob(self.layers, self.dtype)
