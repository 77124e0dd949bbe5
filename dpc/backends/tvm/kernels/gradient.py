"""A scalar net of a tile of atoms with its gradient: the fitting net."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dpc.backends.tvm.kernels.emitter import Array, Emitter
from dpc.backends.tvm.kernels.net import Blob, Layer, Net, Scratch, require_chain
from dpc.backends.tvm.kernels.spec import C_TYPES
from dpc.errors import InputError
from dpc.targets import Target
from dpc.targets.target import ITEM_BYTES


@dataclass(frozen=True)
class GradientSpec:
    """e = net(d) and dd = de/dd for one tile.

    `layers` runs from K inputs to 1 output; the last one is linear, without shortcut and
    timestep. `bank` names the C function.
    """

    bank: str
    layers: tuple[Layer, ...]
    dtype: str = "float64"

    def __post_init__(self) -> None:
        where = f"net {self.bank}"
        require_chain(self.layers, where)
        if not self.layers or self.layers[-1] != Layer(self.layers[-1].inputs, 1, "linear"):
            raise InputError(
                f"{where}: the last layer must be linear with one output, no resnet, no timestep"
            )

    def symbols(self) -> tuple[str, ...]:
        return (f"dpc_gradient_{self.bank}",)

    def prototypes(self) -> tuple[str, ...]:
        """d [K][TA], w the packed blob of one net, e [TA], dd [K][TA], work scratch."""
        c = C_TYPES[self.dtype]
        return (
            f"void {self.symbols()[0]}(const {c} *restrict d, const {c} *restrict w, "
            f"{c} *restrict e, {c} *restrict dd, {c} *restrict work);",
        )

    def pack(self, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
        """The blob of one net from `{layer}.weight|bias|idt`."""
        return self._blob().pack(tensors, f"net {self.bank}")

    def pack_bytes(self) -> int:
        """Bytes of one packed net, a multiple of 64."""
        return self._blob().size() * ITEM_BYTES[self.dtype]

    def work_bytes(self, target: Target) -> int:
        row = target.tile_atoms(self.dtype) * ITEM_BYTES[self.dtype]
        return Scratch(self.layers[:-1], gradient=True).rows() * row

    def functions(self, target: Target) -> tuple[Any, ...]:
        emit = Emitter(self.symbols()[0], target, self.dtype)
        d, w, e, dd, work = (emit.pointer(name) for name in ("d", "w", "e", "dd", "work"))
        hidden, head = self.layers[:-1], self.layers[-1]
        offsets = self._blob().offsets()
        net = Net(emit, hidden, w, offsets[:-1], work, Scratch(hidden, gradient=True))
        last = w.part(offsets[-1][0])  # packed [1][inputs][8], of which the first counts
        _dot(emit, net.forward(d), last, w.part(offsets[-1][1]), head.inputs, e)
        if hidden:
            net.backward(lambda n, v: last.splat(n * 8), dd)
        else:
            with emit.loop(head.inputs, "k") as k:
                for v in range(target.vectors):
                    dd.store(k * emit.tile + v * emit.lanes, last.splat(k * 8))
        return (emit.finish(),)

    def _blob(self) -> Blob:
        return Blob(self.layers, self.dtype)


def _dot(emit: Emitter, y: Array, w: Array, bias: Array, inputs: int, e: Array) -> None:
    """e = bias + sum_n w[n] y[n]; a block of outputs would be seven eighths padding."""
    sums = [emit.register("e") for _ in range(emit.target.vectors)]
    for total in sums:
        total.set(bias.splat(0))
    with emit.loop(inputs, "n") as n:
        weight = w.splat(n * 8)
        for v, total in enumerate(sums):
            total.set(weight * y.load(n * emit.tile + v * emit.lanes) + total.get())
    for v, total in enumerate(sums):
        e.store(v * emit.lanes, total.get())
